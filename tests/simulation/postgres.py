"""The same runs over the ledger in PostgreSQL: time is counted, and stands still while the database is asked."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from moved import Moved
from provisor.storage.pool import Database, Tx, connect
from provisor.storage.queries import queries
from provisor.sync.helping import Wanted, wanted
from provisor.sync.ledger import Ledger
from simulation.ledgers import Around
from simulation.loop import run
from simulation.world import World

#: Seconds (real ones) for which an answer of the database is waited for.
PATIENCE = 30.0


class _Selector(selectors.DefaultSelector):
    """Real events come first; while somebody asks the database nothing else happens; otherwise time jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.asking = 0
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if self.asking or timeout is None:
            return super().select(PATIENCE)
        self.now += max(0.0, timeout)
        return []


class PostgresLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.selector = _Selector()
        super().__init__(self.selector)
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self.selector.now

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        self.selector.asking += 1
        try:
            yield
        finally:
            self.selector.asking -= 1


class _Reached:
    """The ledger as one process reaches it: every call may break before it or after it."""

    def __init__(self, ledger: Ledger, around: Around, loop: PostgresLoop) -> None:
        self._ledger, self._around, self._loop = ledger, around, loop

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._ledger, name)
        if name == "planned":
            return self._planned
        if name in ("shares", "of_helper"):
            return lambda *arguments: _Reached(method(*arguments), self._around, self._loop)

        async def asked(*arguments: Any, **more: Any) -> Any:
            async with self._around(name), self._loop.asking():
                return await method(*arguments, **more)

        return asked

    async def _planned(self, *arguments: Any) -> AsyncIterator[Any]:
        pages = self._ledger.planned(*arguments)
        while True:
            async with self._around("planned"), self._loop.asking():
                page = await anext(pages, None)
            if page is None:
                return
            yield page


class _Simulated(Moved):
    """A database that goes by the loop's time. By its own it moves on by as long as a run really takes: nothing."""

    def __init__(self, database: Database, loop: PostgresLoop) -> None:
        super().__init__(database)
        self._loop = loop

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        self.ahead = timedelta(seconds=self._loop.time())
        async with super().transaction() as tx:
            yield tx


@dataclass(slots=True)
class InPostgres:
    """The ledger of ``key`` (tenant, application)."""

    database: Database
    key: tuple[UUID, UUID]
    loop: PostgresLoop

    def reached(self, around: Around) -> Any:
        return _Reached(Ledger(self.database, *self.key), around, self.loop)

    async def standing(self, seq: int) -> Mapping[str, Any]:
        # Of this application, On or Off.
        text = str(queries("applications").running).replace("a.provisioning = 'On'", "true")
        async with self.loop.asking(), self.database.reading() as tx:
            row = await tx.fetchrow(text, self.key[1])
        return {**row, "seq": seq}

    async def wanted(self) -> Wanted | None:
        async with self.loop.asking(), self.database.reading() as tx:
            rows = await tx.fetch(queries("sharing").open_ones, "")
        found = [row for row in rows if (row["tenant"], row["application"]) == self.key]
        return wanted(found[0]) if found else None

    async def next_try(self) -> float | None:
        async with self.loop.asking(), self.database.reading() as tx:
            wait: float | None = await tx.fetchval(
                "select extract(epoch from min(next_try) - moment())::float from sync_object where tenant = $1 "
                "and application = $2 and (desired_seq > applied_seq or references_due) and next_try is not null",
                *self.key,
            )
        return wait if wait is None else max(0.0, wait)


def simulate(seed: int, arguments: dict[str, Any], key: tuple[UUID, UUID]) -> World:
    """A run over the database that ``arguments`` name (asyncpg's), with the ledger of ``key`` begun anew. Raises
    Violation."""
    loop = PostgresLoop()
    world = World(seed)

    async def whole() -> None:
        async with loop.asking():
            database = await connect(arguments, size=6)
            async with database.transaction() as tx:
                await tx.execute("delete from sync_job where tenant = $1 and application = $2", *key)
        simulated = _Simulated(database, loop)
        world.make_ledgers = lambda now: InPostgres(simulated, key, loop)
        try:
            await world._run()
        finally:
            async with loop.asking():
                await database.close()

    with world.sharing():
        run(whole(), loop)
    return world
