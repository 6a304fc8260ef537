"""The scheduler: which application's cycle is due, asked every second by the server.

A cycle is due when the directory has changed since the last one, when an object's next try has come, when the
application is new or restarted, and in any case every ``cycle_minutes``. A quarantined application is tried less and
less often, but every five minutes while somebody who left may be active there; one whose target asked to be left in
peace not before that. Leavers are noticed at once in every application, also in one that is Off. Applications do not
wait for each other. A process that stops ends its cycles at once: what was sent and not recorded yet is read again by
the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog

from provisor.provisioning.retries import LEAVERS_EVERY
from provisor.storage.pool import AWAY, Database, Row
from provisor.storage.queries import queries
from provisor.sync.cycle import Result

POLL_SECONDS: Final = 1.0
#: Seconds between the tries of a quarantined application, by how many cycles in a row did not go through.
QUARANTINED: Final = (60.0, 300.0, 900.0, 1800.0)
_LOG = structlog.get_logger("provisor.schedule")


@dataclass(frozen=True, slots=True)
class Key:
    tenant: UUID
    application: UUID


#: Runs one cycle of an application.
RunCycle = Callable[[Key], Awaitable[Result]]
#: Notices who left an application.
Notice = Callable[[Key], Awaitable[None]]


class Scheduler:
    """Runs cycles until it is cancelled."""

    def __init__(self, database: Database, run_cycle: RunCycle, notice: Notice, cycle_minutes: float) -> None:
        self._database = database
        self._run_cycle = run_cycle
        self._notice = notice
        self._interval = timedelta(minutes=cycle_minutes)
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._watching: dict[Key, asyncio.Task[None]] = {}
        self._refused: dict[Key, int] = {}

    async def run(self) -> None:
        try:
            while True:
                await self._poll()
                await asyncio.sleep(POLL_SECONDS)
        finally:
            tasks = [*self._running.values(), *self._watching.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _poll(self) -> None:
        try:
            async with self._database.reading() as tx:
                rows = await tx.fetch(queries("applications").running)
                unwatched = await tx.fetch(queries("leavers").unwatched)
        except AWAY as error:
            # It comes back, and with it the cycles: this task must not end before the server does.
            _LOG.warning("database_unreachable", error=type(error).__name__)
            return
        for row in unwatched:
            key = Key(row["tenant"], row["id"])
            if key not in self._watching:
                self._watching[key] = asyncio.create_task(self._watch(key, row["name"]))
        for row in rows:
            key = Key(row["tenant"], row["id"])
            if key not in self._running and due(row, self._interval, self._refused.get(key, 0)):
                self._running[key] = asyncio.create_task(self._one(key, row["name"]))

    async def _watch(self, key: Key, name: str) -> None:
        try:
            await self._notice(key)
        except Exception as error:
            _LOG.error("leavers_not_noticed", application=name, error=type(error).__name__, detail=str(error)[:200])
            await asyncio.sleep(QUARANTINED[0])
        finally:
            self._watching.pop(key, None)

    async def _one(self, key: Key, name: str) -> None:
        try:
            result = await self._run_cycle(key)
            through = result.status == "done" or result.rest is not None
            self._refused[key] = 0 if through else self._refused.get(key, 0) + 1
            log = _LOG.info if result.status == "done" and not result.failures else _LOG.warning
            counts = {"counts": dict(result.counts), "failures": result.failures, "requests": result.sent}
            log(
                "cycle",
                application=name,
                number=result.cycle.number,
                status=result.status,
                error=result.error,
                **counts,
            )
        except asyncio.CancelledError:
            raise
        except AWAY as error:
            # It comes back, and the cycle with it: that is nothing that the target did.
            _LOG.warning("database_unreachable", application=name, error=type(error).__name__)
            await asyncio.sleep(POLL_SECONDS)
        except Exception as error:
            failures = self._refused[key] = self._refused.get(key, 0) + 1
            _LOG.error("cycle_failed", application=name, error=type(error).__name__, detail=str(error)[:200])
            await asyncio.sleep(min(2.0**failures, QUARANTINED[0]))
        finally:
            self._running.pop(key, None)


def due(row: Row | Mapping[str, Any], interval: timedelta, refused: int) -> bool:
    """Whether an application's cycle is due. ``refused``: cycles in a row that did not go through."""
    if row["last_cycle"] is None:
        return True
    if row["resting"]:
        return False
    waited = row["now"] - row["last_cycle"]
    if refused or row["quarantine"]:
        wait = QUARANTINED[min(max(refused, 1), len(QUARANTINED)) - 1]
        return bool(waited >= timedelta(seconds=min(wait, LEAVERS_EVERY) if row["leavers"] else wait))
    return bool(row["initial"] or row["seq"] != row["watermark"] or row["retries"] or waited >= interval)
