"""When an application's cycle is due, and the dispatcher that puts it into the queue then.

A cycle is due when the directory has changed since the last one, when an object's next try has come, when the
application is new or restarted, and in any case now and then; or by the clock alone where that was chosen
(``provisioning.schedules``). A quarantined application is tried less and less often, but every five minutes while
somebody who left may be active there; one whose target asked to be left in peace not before that. Leavers are noticed
at once in every application, also in one that is Off.

Every process that works also dispatches: it hears of a change of the directory when it is committed, and looks once a
second in any case. None of them is needed, and none can hold up the others; what two of them find due is queued once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal
from uuid import UUID

import structlog

from provisor.provisioning.retries import LEAVERS_EVERY
from provisor.provisioning.schedules import EVENT, following
from provisor.storage.pool import AWAY, Database, Row
from provisor.storage.queries import queries

POLL_SECONDS: Final = 1.0
#: Seconds in which changes that come together make one cycle.
DEBOUNCE_SECONDS: Final = 0.05
#: What the directory's feed says when something is committed (``directory.sql``).
CHANNEL: Final = "provisor_change"
#: Seconds between the tries of a quarantined application, by how many cycles in a row did not go through.
QUARANTINED: Final = (60.0, 300.0, 900.0, 1800.0)
_LOG = structlog.get_logger("provisor.schedule")

#: Why a cycle is due: something changed, or its time has come.
Reason = Literal["change", "time"]


@dataclass(frozen=True, slots=True)
class Key:
    tenant: UUID
    application: UUID


#: What is to be done about an application.
Task = Literal["cycle", "leavers"]
#: Puts it into the queue, once however often it is asked for.
Defer = Callable[[Task, Key], Awaitable[None]]


class Dispatcher:
    """Queues what is due until it is cancelled."""

    def __init__(self, database: Database, defer: Defer, safety: timedelta) -> None:
        self._database = database
        self._defer = defer
        self._safety = safety

    async def run(self) -> None:
        while True:
            try:
                async with self._database.listening(CHANNEL) as (heard, lost):
                    while not lost():
                        await self._poll()
                        with suppress(TimeoutError):
                            await asyncio.wait_for(heard.wait(), POLL_SECONDS)
                            await asyncio.sleep(DEBOUNCE_SECONDS)
                        heard.clear()
            except AWAY as error:
                # It comes back, and with it the cycles: this task must not end before its process does.
                _LOG.warning("database_unreachable", error=type(error).__name__)
                await asyncio.sleep(POLL_SECONDS)

    async def _poll(self) -> None:
        async with self._database.reading() as tx:
            rows = await tx.fetch(queries("applications").running, None)
            unwatched = await tx.fetch(queries("leavers").unwatched)
        for row in unwatched:
            await self._defer("leavers", Key(row["tenant"], row["id"]))
        for row in rows:
            try:
                wanted = not row["queued"] and due(row, self._safety) is not None
            except Exception as error:
                # What is wrong with one application keeps no other one waiting.
                _LOG.error("schedule_failed", application=row["name"], error=type(error).__name__)
                continue
            if wanted:
                await self._defer("cycle", Key(row["tenant"], row["id"]))


def rest(refused: int, leavers: bool) -> timedelta:
    """How long after a cycle that did not go through the next one is tried, when so many in a row did not; sooner while
    somebody who left may be active."""
    wait = QUARANTINED[min(max(refused, 1), len(QUARANTINED)) - 1]
    return timedelta(seconds=min(wait, LEAVERS_EVERY) if leavers else wait)


def due(row: Row | Mapping[str, Any], safety: timedelta) -> Reason | None:
    """Why an application's cycle is due; None when it is not. ``safety``: the longest time between two cycles of one
    that goes by events."""
    if row["last_cycle"] is None:
        return "time"
    if row["resting"]:
        return None
    waited = row["now"] - row["last_cycle"]
    if row["refused"] or row["quarantine"]:
        return "time" if waited >= rest(row["refused"], bool(row["leavers"])) else None
    if row["initial"]:
        return "time"
    schedule = row["schedule"] or EVENT
    by_the_clock = following(schedule, row["last_cycle"])
    if by_the_clock is not None:
        return "time" if row["now"] >= by_the_clock else None
    if waited >= safety:
        # Before what changed: now and then the target is asked for proof, however much there is to do.
        return "time"
    return "change" if row["seq"] != row["watermark"] or row["retries"] else None
