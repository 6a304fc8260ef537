"""Helping: a worker that does pages of a cycle whose lease another one has, as long as there are any.

Every process of ``provisor serve`` and ``provisor worker`` looks every second whether a large cycle of another process
hands out pages, and helps with one at a time. It does so by the same configuration or not at all, and writes only while
it is heard of. What breaks here ends the help and not the cycle.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import structlog

from provisor.ending import end
from provisor.storage.pool import AWAY, Database, Row
from provisor.storage.queries import queries
from provisor.sync.answers import probe
from provisor.sync.applying import help_with
from provisor.sync.job import Job
from provisor.sync.lease import LeaseLost, holder
from provisor.sync.records import Cycle
from provisor.sync.schedule import Key
from provisor.sync.sharing import Shares
from provisor.sync.stopping import Stop

LOOK_SECONDS: Final = 1.0
BEAT_SECONDS: Final = 4.0
#: Seconds for which an application is left alone after help with it failed, or was not wanted.
_LATER: Final = 30.0
_LOG = structlog.get_logger("provisor.jobs")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A cycle that help is wanted for, the epoch of its lease, and the ``fingerprint`` of what it goes by."""

    key: Key
    cycle: Cycle
    epoch: int
    fingerprint: str


def wanted(row: Row) -> Wanted:
    """A row of ``open_ones``."""
    cycle = Cycle(row["cycle"], row["number"], row["kind"], row["mode"], row["generation"])
    return Wanted(Key(row["tenant"], row["application"]), cycle, row["epoch"], row["fingerprint"])


#: Helps with a cycle; returns how many rows were done, None when this process is not wanted.
Help = Callable[[Wanted], Awaitable[int | None]]


async def help_out(load: Callable[[], AbstractAsyncContextManager[Job]], wanted: Wanted) -> int | None:
    """Do pages of a cycle until there are none; returns how many rows, None when this process is not wanted. Raises
    LeaseLost, TargetError."""
    async with load() as job:
        if job.fingerprint != wanted.fingerprint:
            return None
        # Whoever does not reach the target is no help.
        await probe(job.target, job.rules, job.wire)
        all_shares = job.ledger.shares(wanted.cycle)
        helper = await all_shares.join(holder(), job.fingerprint, job.governor.most)
        if helper is None:
            return None
        shares = all_shares.of_helper(helper)
        job = replace(job, ledger=job.ledger.of_helper(helper))
        job.target.before_each(Stop(job.ledger, wanted.epoch).check)
        work = asyncio.create_task(help_with(job, wanted.cycle, wanted.epoch, shares))
        beat = asyncio.create_task(_beat(shares))
        try:
            await asyncio.wait({work, beat}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                beat.result()
            return await work
        finally:
            await end(work, beat)
            job.governor.shared_by(1)
            with contextlib.suppress(*AWAY):
                await shares.leave()


async def _beat(shares: Shares) -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        if not await shares.keep():
            raise LeaseLost


class Helping:
    """Looks where help is wanted, and helps, until cancelled."""

    def __init__(self, database: Database, help_out: Help) -> None:
        self._database = database
        self._help = help_out
        self._not_before: dict[UUID, float] = {}

    async def run(self) -> None:
        while True:
            try:
                for wanted in await self._wanted():
                    await self._one(wanted)
            except AWAY as error:
                _LOG.warning("database_unreachable", error=type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def _wanted(self) -> list[Wanted]:
        async with self._database.reading() as tx:
            rows = await tx.fetch(queries("sharing").open_ones, holder())
        return [wanted(row) for row in rows]

    async def _one(self, wanted: Wanted) -> None:
        application, now = wanted.key.application, asyncio.get_running_loop().time()
        if now < self._not_before.get(application, 0.0):
            return
        rows: int | None = None
        try:
            rows = await self._help(wanted)
        except AWAY:
            raise
        except Exception as error:
            _LOG.warning("help_ended", application=str(application), error=type(error).__name__)
        if rows is None:
            self._not_before[application] = now + _LATER
        else:
            _LOG.info("helped", application=str(application), cycle=wanted.cycle.number, rows=rows)
