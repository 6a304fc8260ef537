"""The ledger in PostgreSQL, and the one in memory that simulations run on: both do the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from ledger_corners import LedgerCorners
from ledger_shares import LedgerShares
from ledger_suite import LedgerConformance, begun, create, ids

from moved import Moved
from pair import Pair
from provisor.storage.pool import Tx
from provisor.sync.ledger import Ledger, stop
from simulation.memory_ledger import MemoryLedger


class OwnTransaction(Ledger):
    """The ledger; what takes part in somebody's transaction takes its own here, and time passes when it is told to."""

    def __init__(self, pair: Pair) -> None:
        self._moved = Moved(pair.house.database)
        super().__init__(self._moved, pair.tenant.id, pair.application)

    async def clear(self, *, full: bool) -> None:
        async with self._database.transaction() as tx:
            await self.restart(tx, full=full)

    async def mended(self, tx: Tx | None = None) -> None:
        async with self._database.transaction() as own:
            await super().mended(tx or own)

    async def stop(self) -> None:
        async with self._database.transaction() as tx:
            await stop(tx, *self._key)

    def later(self, span: timedelta) -> None:
        self._moved.ahead += span


class OwnTime(MemoryLedger):
    """The ledger in memory, at this time or ``later``."""

    def __init__(self) -> None:
        super().__init__(lambda: datetime.now(UTC) + self._span)
        self._span = timedelta()

    def later(self, span: timedelta) -> None:
        self._span += span


class TestPostgres(LedgerConformance, LedgerCorners, LedgerShares):
    @pytest.fixture
    def ledger(self, pair: Pair) -> Ledger:
        return OwnTransaction(pair)


class TestMemory(LedgerConformance, LedgerCorners, LedgerShares):
    @pytest.fixture
    def ledger(self) -> MemoryLedger:
        return OwnTime()

    async def test_a_call_breaks_before_it_did_anything_or_after_it_did_all(self) -> None:
        breaks: list[str] = []
        called: list[str] = []

        @asynccontextmanager
        async def around(name: str) -> AsyncIterator[None]:
            called.append(name)
            if "before" in breaks:
                raise OSError
            yield
            if "after" in breaks:
                raise OSError

        ledger = MemoryLedger(lambda: datetime.now(UTC), around)
        for when, epoch in (("before", 0), ("after", 1)):
            breaks[:] = [when]
            with pytest.raises(OSError):
                await ledger.take("me", 30)
            assert ledger.state.epoch == epoch
        breaks.clear()
        cycle = await begun(ledger, *(create(item) for item in ids(3)))
        called.clear()
        assert [len(page) async for page in ledger.planned(cycle, 2)] == [2, 1]
        assert called == ["planned"] * 3
