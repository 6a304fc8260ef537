"""The pages of a cycle that several workers do together, in memory: every rule of ``sharing.sql`` once more."""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from provisor.sync.records import Cycle
from provisor.sync.sharing import GIVEN_UP, HELPER_SECONDS, HOLDER, No, Taken, Totals, objects_of

if TYPE_CHECKING:
    from simulation.memory_ledger import MemoryLedger


@dataclass(slots=True)
class Page:
    last: int
    helper: UUID
    objects: frozenset[str] | None
    failures: int = 0
    harmed: frozenset[str] = frozenset()
    requests: int = 0


@dataclass(slots=True)
class Shared:
    cycle: UUID
    epoch: int
    fingerprint: str
    phase: int
    ordinal: int = -1
    closed: bool = False
    helpers: dict[UUID, datetime] = field(default_factory=dict)
    pages: dict[tuple[int, int], Page] = field(default_factory=dict)


class MemoryShares:
    def __init__(self, ledger: MemoryLedger, cycle: Cycle) -> None:
        self._ledger = ledger
        self._cycle = cycle
        self._helper = HOLDER

    def of_helper(self, helper: UUID) -> MemoryShares:
        found = copy.copy(self)
        found._helper = helper
        return found

    @property
    def _shared(self) -> Shared | None:
        shared = self._ledger.state.shared
        return shared if shared is not None and shared.cycle == self._cycle.id else None

    @property
    def _helpers(self) -> int:
        now = self._ledger._now()
        return sum(until > now for until in self._shared.helpers.values()) if self._shared is not None else 0

    async def take(self, limit: int) -> Taken | No:
        async with self._ledger._around("take"):
            shared = self._shared
            if shared is None or shared.closed or not (self._helper == HOLDER or self._ledger.heard_of(self._helper)):
                return "closed"
            rows = self._ledger.runs[self._cycle.id].page((shared.phase, shared.ordinal), limit)
            rows = [row for row in rows if row.change.phase == shared.phase]
            if not rows:
                return "phase"
            page, objects = Taken(rows, 1 + self._helpers), frozenset(objects_of(rows))
            if any(others.objects is not None and others.objects & objects for others in shared.pages.values()):
                return "busy"
            shared.ordinal = rows[-1].ordinal
            shared.pages[page.phase, page.first] = Page(shared.ordinal, self._helper, objects)
            return page

    async def done(self, page: Taken, failures: int, harmed: Collection[str], requests: int) -> None:
        async with self._ledger._around("done"):
            if self._shared is not None and (found := self._shared.pages.get((page.phase, page.first))):
                found.objects, found.failures, found.harmed = None, failures, frozenset(harmed)
                found.requests = requests

    async def open(self, epoch: int, fingerprint: str) -> None:
        async with self._ledger._around("open"):
            self._ledger._check(epoch)
            phases = [row.change.phase for row in self._ledger.runs[self._cycle.id].rows.values()]
            self._ledger.state.shared = Shared(self._cycle.id, epoch, fingerprint, min(phases, default=0))

    async def close(self) -> None:
        async with self._ledger._around("close"):
            if self._shared is not None:
                self._shared.closed = True

    async def waiting(self) -> int:
        async with self._ledger._around("waiting"):
            shared = self._shared
            if shared is None:
                return 0
            now, rows = self._ledger._now(), self._ledger.runs[self._cycle.id].rows.values()
            shared.helpers = {helper: until for helper, until in shared.helpers.items() if until >= now}
            for (phase, first), page in shared.pages.items():
                if page.objects is None or page.helper == HOLDER or page.helper in shared.helpers:
                    continue
                page.objects = None
                for row in rows:
                    if row.change.phase == phase and first <= row.ordinal <= page.last and row.status is None:
                        row.status, row.message, row.at = "failure", GIVEN_UP, now
                        for known in self._ledger.rows([row.change.source_id]):
                            known.unsettled, known.next_try = known.target_id is not None, None
                            known.applied_seq = min(known.applied_seq, known.desired_seq - 1)
            return sum(page.objects is not None for page in shared.pages.values())

    async def turn(self) -> bool:
        async with self._ledger._around("turn"):
            shared = self._shared
            if shared is None:
                return False
            rows = self._ledger.runs[self._cycle.id].rows.values()
            later = [row.change.phase for row in rows if row.change.phase > shared.phase]
            if later:
                shared.phase, shared.ordinal = min(later), -1
            return bool(later)

    async def totals(self) -> Totals:
        async with self._ledger._around("totals"):
            pages = list(self._shared.pages.values()) if self._shared is not None else []
            harmed = frozenset[str]().union(*(page.harmed for page in pages))
            rows = self._ledger.runs[self._cycle.id].rows.values()
            given_up = sum(row.status == "failure" and row.message == GIVEN_UP for row in rows)
            return Totals(given_up + sum(page.failures for page in pages), sum(page.requests for page in pages), harmed)

    async def clear(self) -> None:
        async with self._ledger._around("clear"):
            if self._shared is not None:
                self._ledger.state.shared = None

    async def join(self, worker: str, fingerprint: str, most: int) -> UUID | None:
        async with self._ledger._around("join"):
            shared = self._shared
            if shared is None or shared.closed or shared.fingerprint != fingerprint or self._helpers + 1 >= most:
                return None
            helper = uuid4()
            shared.helpers[helper] = self._ledger._now() + timedelta(seconds=HELPER_SECONDS)
            return helper

    async def leave(self) -> None:
        async with self._ledger._around("leave"):
            if self._shared is not None:
                self._shared.helpers.pop(self._helper, None)

    async def keep(self) -> bool:
        async with self._ledger._around("keep"):
            if self._shared is None or not self._ledger.heard_of(self._helper):
                return False
            self._shared.helpers[self._helper] = self._ledger._now() + timedelta(seconds=HELPER_SECONDS)
            return True
