"""What people look at of an application's cycles: how one goes, what was planned, one row of the log.

Only reading: the ledger writes these rows. Lists come page by page, each page saying where the next one begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from provisor.storage.pool import Database, Row, Tx
from provisor.storage.queries import queries

QUERIES = queries("sync")


@dataclass(frozen=True, slots=True)
class Statistics:
    """Accounts at the target by object type: ``linked`` (active ones of ours), ``disabled``, ``removed`` there by
    somebody else; ``failing``: objects whose last try failed; ``leavers``: accounts that should be closed and are not
    known to be."""

    linked: Mapping[str, int] = field(default_factory=dict)
    disabled: Mapping[str, int] = field(default_factory=dict)
    removed: Mapping[str, int] = field(default_factory=dict)
    failing: int = 0
    leavers: int = 0


class History:
    """The cycles of one ``application`` of one ``tenant``."""

    def __init__(self, database: Database, tenant: UUID, application: UUID) -> None:
        self._database = database
        self._key = (tenant, application)

    async def statistics(self) -> Statistics:
        async with self._database.reading() as tx:
            rows = await tx.fetch(QUERIES.statistics, *self._key)
        by_state: dict[str, dict[str, int]] = {"linked": {}, "disabled": {}, "removed": {}}
        for row in rows:
            by_state.setdefault(row["state"], {})[row["object_type"]] = row["count"]
        failing = sum(row["failing"] for row in rows)
        leavers = sum(row["leavers"] for row in rows)
        return Statistics(by_state["linked"], by_state["disabled"], by_state["removed"], failing, leavers)

    async def summary(self, cycle: UUID) -> list[Row]:
        """What a plan does, counted (``action``, ``object_type``, ``reason``, ``count``), in the order of doing it; a
        reason without what it quotes."""
        async with self._database.reading() as tx:
            rows: list[Row] = await tx.fetch(QUERIES.plan_summary, *self._key, cycle)
        return rows

    async def planned(
        self,
        cycle: UUID,
        after: tuple[int, int],
        limit: int,
        *,
        action: str = "",
        object_type: str = "",
        reason: str = "",
    ) -> list[Row]:
        """Rows of a plan after (phase, ordinal), those that do or refuse something; ``reason`` as in the summary."""
        async with self._database.reading() as tx:
            rows: list[Row] = await tx.fetch(
                QUERIES.plan_rows, *self._key, cycle, *after, action, object_type, reason, limit
            )
        return rows

    async def latest(self, mode: str) -> Row | None:
        """The newest cycle (``cycle``) or dry run (``plan``)."""
        async with self._database.reading() as tx:
            return await tx.fetchrow(QUERIES.cycles, *self._key, 1, mode)

    async def entry(self, cycle: int, ordinal: int) -> Row | None:
        """One row of the log."""
        async with self._database.reading() as tx:
            return await tx.fetchrow(QUERIES.log_entry, *self._key, cycle, ordinal)


async def quarantine(tx: Tx, tenant: UUID, application: UUID) -> str | None:
    """Why an application's cycles do not go through; None when they do."""
    found: str | None = await tx.fetchval(QUERIES.quarantine, tenant, application)
    return found


async def states(tx: Tx, tenant: UUID) -> dict[UUID, Row]:
    """How the applications of a tenant that ever had a cycle stand (``last_cycle``, ``quarantine``, ``held``)."""
    return {row["application"]: row for row in await tx.fetch(QUERIES.states, tenant)}
