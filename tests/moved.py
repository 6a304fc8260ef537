"""A database whose clock a test moves: what waits for a day does not take one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from provisor.storage.pool import Database, Tx


class Moved(Database):
    """The same pool as ``database`` has; ``ahead`` is how far its clock is ahead of the real one.

    The setting ends with each transaction, so nobody else on the pool sees it.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database._pool)
        self.ahead = timedelta()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        async with super().transaction() as tx:
            await tx.execute("select set_config('provisor.clock_offset', $1, true)", f"{self.ahead.total_seconds()} s")
            yield tx

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        async with self.transaction() as tx:
            yield tx
