"""The ledger in PostgreSQL."""

from __future__ import annotations

import pytest
from ledger_suite import LedgerConformance

from pair import Pair
from provisor.sync.ledger import Ledger


class OwnTransaction(Ledger):
    """The ledger, whose restart takes its own transaction here."""

    async def clear(self, *, full: bool) -> None:
        async with self._database.transaction() as tx:
            await self.restart(tx, full=full)


class TestPostgres(LedgerConformance):
    @pytest.fixture
    def ledger(self, pair: Pair) -> Ledger:
        return OwnTransaction(pair.house.database, pair.tenant.id, pair.application)
