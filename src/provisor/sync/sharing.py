"""A cycle that several workers do together: who holds the lease plans it and ends it, and whoever helps does pages.

The plan's pages are handed out one after the other, each once: to take a page is written down before anything of it is
sent, so what was in the hands of a worker that died is sent by nobody else. It has failed, is due, and the next cycle
looks what came of it, as it does with whatever was promised. All other pages go on elsewhere at once.

Pages about the same objects are not out at the same time, and a phase begins when the one before it is done, whoever
does them. A helper writes under the lease of the cycle as long as it is heard of and the lease is held: the fence asks
for all of it.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID, uuid4

from provisor.storage.pool import Database, Tx
from provisor.storage.queries import queries
from provisor.sync.lease import LeaseLost
from provisor.sync.records import Cycle, Planned, change_from

QUERIES = queries("sharing")
FENCE = queries("sync").fence
#: Of whoever holds the lease.
HOLDER: Final = UUID(int=0)
#: Seconds for which a helper that is not heard of is waited for.
HELPER_SECONDS: Final = 15.0
GIVEN_UP: Final = "was in the hands of a worker that is not heard of any more: the next cycle looks what came of it"
#: Why there is no page to take: another one is about the same objects, the phase has none left, or nothing more is
#: handed out.
No = Literal["busy", "phase", "closed"]


@dataclass(frozen=True, slots=True)
class Taken:
    """A page that was handed out, and is this worker's until :meth:`Shares.done`."""

    rows: list[Planned]
    #: How many work on the cycle now.
    workers: int

    @property
    def phase(self) -> int:
        return self.rows[0].change.phase

    @property
    def first(self) -> int:
        return self.rows[0].ordinal


@dataclass(frozen=True, slots=True)
class Totals:
    """What came of all pages: rows that failed or were given up, requests of helpers, and ids of those from whom
    something was taken."""

    failures: int
    requests: int
    harmed: frozenset[str]


class Shares:
    """The pages of one cycle, as the holder of its lease reaches them, or a helper (:meth:`of_helper`)."""

    def __init__(self, database: Database, key: tuple[UUID, UUID], cycle: Cycle) -> None:
        self._database = database
        self._key = key
        self._cycle = cycle
        self._helper = HOLDER

    async def take(self, limit: int) -> Taken | No:
        """The next page of at most ``limit`` rows."""
        async with self._database.transaction() as tx:
            place = await tx.fetchrow(QUERIES.place, *self._key, self._cycle.id)
            if place is None or place["closed"] or not await self._may(tx):
                return "closed"
            after = (place["phase"], place["ordinal"])
            found = await tx.fetch(QUERIES.page, *self._key, self._cycle.id, *after, limit)
            if not found:
                return "phase"
            page = Taken([Planned(row["ordinal"], change_from(row)) for row in found], 1 + place["helpers"])
            objects = sorted(set(objects_of(page.rows)))
            if await tx.fetchval(QUERIES.busy, *self._key, self._cycle.id, objects):
                return "busy"
            values = (page.phase, page.first, page.rows[-1].ordinal, self._helper, objects)
            await tx.execute(QUERIES.take, *self._key, self._cycle.id, *values)
        return page

    async def done(self, page: Taken, failures: int, harmed: Collection[str], requests: int) -> None:
        """All rows of a page are settled; ``requests`` are those of a helper that nobody else counts."""
        async with self._database.transaction() as tx:
            values = (page.phase, page.first, failures, list(harmed), requests)
            await tx.execute(QUERIES.done, *self._key, self._cycle.id, *values)

    async def _may(self, tx: Tx) -> bool:
        return self._helper == HOLDER or await tx.fetchval(QUERIES.helper, self._helper) is not None

    # ── of whoever holds the lease ───────────────────────────────────────────────────────────────────────────

    async def open(self, epoch: int, fingerprint: str) -> None:
        """Let others help who would do it by the same configuration (``fingerprint``). Raises LeaseLost."""
        async with self._database.transaction() as tx:
            if await tx.fetchval(FENCE, *self._key) != epoch:
                raise LeaseLost
            await tx.execute(QUERIES.clear, *self._key, None)
            await tx.execute(QUERIES.open, *self._key, self._cycle.id, epoch, fingerprint)

    async def close(self) -> None:
        """Hand nothing more out."""
        async with self._database.transaction() as tx:
            await tx.execute(QUERIES.close, *self._key, self._cycle.id)

    async def waiting(self) -> int:
        """Pages that are not done yet. What a helper has that is not heard of any more is given up."""
        async with self._database.transaction() as tx:
            # Before helpers are looked at: none of them is settling a page meanwhile.
            await tx.fetchval(FENCE, *self._key)
            await tx.execute(QUERIES.silent, *self._key)
            await tx.execute(QUERIES.given_up, *self._key, self._cycle.id, HOLDER, GIVEN_UP)
            return int(await tx.fetchval(QUERIES.under_way, *self._key, self._cycle.id))

    async def turn(self) -> bool:
        """Hand out the next phase, once nothing of this one is under way; False when there is none."""
        async with self._database.transaction() as tx:
            return await tx.fetchval(QUERIES.turn, *self._key, self._cycle.id) is not None

    async def totals(self) -> Totals:
        async with self._database.reading() as tx:
            row = await tx.fetchrow(QUERIES.totals, *self._key, self._cycle.id, GIVEN_UP)
        return Totals(int(row["failures"]), int(row["requests"]), frozenset(row["harmed"]))

    async def clear(self) -> None:
        """Forget who helped, and with what."""
        async with self._database.transaction() as tx:
            await tx.execute(QUERIES.clear, *self._key, self._cycle.id)

    # ── of helpers ───────────────────────────────────────────────────────────────────────────────────────────

    async def join(self, worker: str, fingerprint: str, most: int) -> UUID | None:
        """The helper that this worker is; None when nobody is needed, when ``most`` are at work, or when it would do it
        by another configuration."""
        async with self._database.transaction() as tx:
            values = (self._cycle.id, uuid4(), worker, HELPER_SECONDS, fingerprint, most)
            helper: UUID | None = await tx.fetchval(QUERIES.join, *self._key, *values)
        return helper

    def of_helper(self, helper: UUID) -> Shares:
        """The same, as a helper has them."""
        found = copy.copy(self)
        found._helper = helper
        return found

    async def leave(self) -> None:
        async with self._database.transaction() as tx:
            await tx.execute(QUERIES.helper_leave, self._helper)

    async def keep(self) -> bool:
        """Let a helper be heard of; False when it is none any more."""
        async with self._database.transaction() as tx:
            return await tx.fetchval(QUERIES.helper_keep, self._helper, HELPER_SECONDS) is not None


def objects_of(rows: list[Planned]) -> Iterator[str]:
    """The source ids that these rows are about."""
    for row in rows:
        yield row.change.source_id
        if row.change.releases is not None:
            yield row.change.releases
