"""Stop means stop: within one request, with nothing lost."""

from __future__ import annotations

import asyncio
from typing import Any

from pair import Pair
from provisor.connectors.base import Resource, Target
from provisor.scim.requests import Request
from provisor.sync import control
from provisor.sync.concurrency import CONCURRENT


class Slow:
    """A target that takes its time for each write, until it is ``told`` where that is given; ``sent`` counts them."""

    def __init__(self, target: Target, began: asyncio.Event, told: asyncio.Event | None = None) -> None:
        self._target, self._began, self._told = target, began, told
        self.sent = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    async def send(self, request: Request) -> Resource | None:
        answer = await self._target.send(request)
        self.sent += 1
        self._began.set()
        await (asyncio.sleep(0.2) if self._told is None else self._told.wait())
        return answer


async def test_a_cycle_stops_before_its_next_request_and_goes_on_later(pair: Pair) -> None:
    for number in range(90):
        await pair.user(f"p{number}")
    began, slow = asyncio.Event(), []

    def wrap(target: Target) -> Any:
        slow.append(Slow(target, began))
        return slow[0]

    task = asyncio.create_task(pair.cycle(wrap))
    await began.wait()
    async with pair.edit() as work:
        await control.switch(work, pair.application, "Off")
    result = await task
    assert result.status == "stopped"
    # Those under way when it was said, and not one round more.
    assert slow[0].sent <= CONCURRENT
    done = [row for row in await pair.log() if row["status"] == "success"]
    assert len(done) == slow[0].sent
    result = await pair.sync()
    assert (result.status, result.counts) == ("done", {"create": 90 - len(done)})
    assert (await pair.sync()).counts == {}


async def test_stopping_concerns_the_cycle_that_runs_and_no_later_one(pair: Pair) -> None:
    await pair.user("ada")
    async with pair.edit() as work:
        await control.switch(work, pair.application, "Off")
    assert (await pair.sync()).status == "done"
