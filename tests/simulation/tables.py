"""The tables of the ledger in memory, and what happens in them when a page is settled.

One class for each table in PostgreSQL, with the same columns. Mutable and open on purpose: a simulation looks at them,
and may put them as it likes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final, Literal
from uuid import UUID

from provisor.provisioning.change import Change, Known
from provisor.sync.ledger import CYCLES_KEPT, DRY_RUNS_KEPT, LOG_DAYS
from provisor.sync.records import Cycle, Due, Membership, Outcome, Planned, detail_of
from provisor.sync.settling import each_once
from simulation.memory_shares import Shared

#: Cycles whose rows are kept; of older ones only what came of them in all, which the guard asks for.
ROWS_KEPT: Final = 50
#: In which order rows of a plan are done.
_PLACE = attrgetter("place")


@dataclass(slots=True)
class State:
    """The job."""

    watermark: int = 0
    epoch: int = 0
    holder: str | None = None
    lease_until: datetime | None = None
    stopping: int | None = None
    cycles: int = 0
    initial: bool = True
    forced: bool = False
    generation: int = 0
    last_cycle: datetime | None = None
    compared: datetime | None = None
    quarantine: str | None = None
    rest_until: datetime | None = None
    refused: int = 0
    shared: Shared | None = None


@dataclass(slots=True)
class Row:
    """A source object."""

    source_id: str
    object_type: str
    desired_seq: int
    applied_seq: int = 0
    references_due: bool = False
    state: Literal["none", "linked", "disabled", "removed"] = "none"
    target_id: str | None = None
    adopted: bool = False
    intent: Mapping[str, Any] | None = None
    last_applied: Mapping[str, Any] = field(default_factory=dict)
    kept: Mapping[str, Any] = field(default_factory=dict)
    unsettled: bool = False
    deleting: bool = False
    failures: int = 0
    next_try: datetime | None = None
    error: str | None = None
    refused: bool = False

    @property
    def dirty(self) -> bool:
        return self.desired_seq > self.applied_seq or self.references_due

    def mark(self, seq: int) -> None:
        """It changed at ``seq``: what is news ends the wait of one that failed."""
        if seq > self.desired_seq:
            self.desired_seq, self.failures, self.next_try = seq, 0, None

    def release(self) -> None:
        """It has no account any more."""
        self.state, self.target_id, self.adopted, self.intent = "none", None, False, None
        self.last_applied, self.kept = {}, {}
        self.unsettled = self.deleting = False

    def known(self) -> Known:
        return Known(
            self.source_id,
            self.object_type,
            self.state,
            self.target_id,
            self.adopted,
            self.intent,
            self.last_applied,
            self.kept,
            self.failures,
            self.error,
            self.unsettled,
            self.deleting,
        )

    def due(self) -> Due:
        return Due(self.known(), self.desired_seq, self.desired_seq > self.applied_seq, self.references_due)


@dataclass(slots=True)
class ChangeRow:
    """A row of a plan, and of the log."""

    ordinal: int
    change: Change
    at: datetime
    status: str | None = None
    message: str | None = None

    @property
    def place(self) -> tuple[int, int]:
        return self.change.phase, self.ordinal

    @property
    def done(self) -> bool | None:
        """Whether nothing of it is left to do; None, as in SQL, while it is not known what came of it."""
        if self.status == "success" or (self.change.action == "refuse" and not self.change.retry):
            return True
        return None if self.status is None else False

    def columns(self) -> dict[str, Any]:
        change = self.change
        return {
            "ordinal": self.ordinal,
            "phase": change.phase,
            "action": change.action,
            "object_type": change.object_type,
            "source_id": UUID(change.source_id),
            "source_name": change.source_name,
            "target_id": change.target_id,
            "reason": change.reason,
            "seq": change.seq,
            "detail": detail_of(change),
            "retry": change.retry,
            "status": self.status,
            "message": self.message,
            "at": self.at,
        }


@dataclass(slots=True)
class CycleRow:
    """A cycle with its plan's rows by ordinal. ``_ordered``: they in the order in which they are done."""

    cycle: Cycle
    as_of: int
    started: datetime
    status: str = "running"
    ended: datetime | None = None
    hash: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    error: str | None = None
    planned: int = 0
    done: int = 0
    harmed: int = 0
    released: bool = False
    rows: dict[int, ChangeRow] = field(default_factory=dict)
    _ordered: list[ChangeRow] = field(default_factory=list)

    def ordered(self) -> list[ChangeRow]:
        if len(self._ordered) != len(self.rows):
            self._ordered = sorted(self.rows.values(), key=_PLACE)
        return self._ordered

    def page(self, after: tuple[int, int], limit: int) -> list[Planned]:
        """The next rows, as long as they are of one phase."""
        rows = self.ordered()
        start = bisect_right(rows, after, key=_PLACE)
        page = rows[start : start + limit]
        return [Planned(row.ordinal, row.change) for row in page if row.change.phase == page[0].change.phase]

    def columns(self) -> dict[str, Any]:
        return {
            "id": self.cycle.id,
            "number": self.cycle.number,
            "kind": self.cycle.kind,
            "mode": self.cycle.mode,
            "as_of": self.as_of,
            "started": self.started,
            "status": self.status,
            "ended": self.ended,
            "hash": self.hash,
            "counts": dict(self.counts),
            "requests": self.requests,
            "error": self.error,
            "planned": self.planned,
            "done": self.done,
            "harmed": self.harmed,
            "released": self.released,
        }


class Tables:
    """``state`` of the job, ``objects`` by source id, ``memberships`` by group and member, ``runs`` (the cycles) by id,
    oldest first.

    All of it is changed in place, so that a copy of a ledger is the same ledger, reached by somebody else.
    """

    def __init__(self) -> None:
        self.state = State()
        self.objects: dict[str, Row] = {}
        self.memberships: dict[tuple[str, str], Membership] = {}
        self.runs: OrderedDict[UUID, CycleRow] = OrderedDict()
        self._recent: deque[CycleRow] = deque()
        self._dry: list[CycleRow] = []

    def rows(self, ids: Iterable[str]) -> list[Row]:
        """Those of the objects that there are."""
        return [row for item in ids if (row := self.objects.get(item)) is not None]

    def begin_run(self, run: CycleRow) -> None:
        """Add a cycle; older ones go as they do in the ledger, and rows that nobody asks for in a simulation."""
        self.runs[run.cycle.id] = run
        self._recent.append(run)
        if len(self._recent) > ROWS_KEPT:
            self._recent.popleft().rows.clear()
        number, oldest = run.cycle.number - CYCLES_KEPT, run.started - timedelta(days=LOG_DAYS)
        while (first := next(iter(self.runs.values()))).cycle.number <= number or first.started < oldest:
            del self.runs[first.cycle.id]
        if run.cycle.mode != "cycle":
            self._dry.append(run)
        later: Counter[str] = Counter()
        for dry in reversed(self._dry):
            later[dry.cycle.mode] += 1
            if later[dry.cycle.mode] > DRY_RUNS_KEPT and dry.status != "running":
                self.runs.pop(dry.cycle.id, None)
        self._dry[:] = [dry for dry in self._dry if dry.cycle.id in self.runs]

    def write_log(self, cycle: Cycle, outcomes: Sequence[Outcome], now: datetime) -> None:
        run = self.runs[cycle.id]
        for outcome in outcomes:
            row = run.rows.get(outcome.ordinal)
            if row is not None:
                row.status, row.message, row.at = outcome.status, outcome.message, now
                if outcome.after is not None and outcome.after.target_id not in (None, row.change.target_id):
                    row.change = replace(row.change, target_id=outcome.after.target_id)
        run.done += len(outcomes)

    def write_objects(self, outcomes: Sequence[Outcome], now: datetime) -> None:
        without = {outcome.releases for outcome in outcomes if outcome.releases is not None}
        in_no_group = set(without)
        for outcome in outcomes:
            if outcome.after is None:
                without.add(outcome.source_id)
                # Not those that changed again meanwhile: they are looked at once more.
                if any(row.desired_seq <= outcome.seq for row in self.rows([outcome.source_id])):
                    del self.objects[outcome.source_id]
            if outcome.after is None or not outcome.after.linked:
                in_no_group.add(outcome.source_id)
        kept = {
            outcome.source_id: (outcome, outcome.after) for outcome in each_once(outcomes) if outcome.after is not None
        }
        for row in self.rows(kept):
            _settle(row, *kept[row.source_id], now)
        for row in self.rows(without):
            row.release()
        if in_no_group:
            empty = in_no_group - {item for item, (_, after) in kept.items() if after.intent is not None}
            self.drop_members([key for key in self.memberships if key[0] in empty or key[1] in in_no_group])

    def put_members(self, rows: Sequence[tuple[str, str, str, bool]]) -> None:
        for group, member, target, added in rows:
            before = self.memberships.get((group, member))
            self.memberships[group, member] = Membership(target, before.added if before is not None else added)

    def drop_members(self, rows: Sequence[tuple[str, str]]) -> None:
        for key in rows:
            self.memberships.pop(key, None)


def _settle(row: Row, outcome: Outcome, after: Known, now: datetime) -> None:
    if outcome.settled:
        row.applied_seq = max(row.applied_seq, outcome.seq)
    elif outcome.due:
        row.applied_seq = min(row.applied_seq, row.desired_seq - 1)
    row.state, row.target_id, row.adopted, row.intent = after.state, after.target_id, after.adopted, after.intent
    row.last_applied, row.kept = after.last_applied, after.kept
    # What was said of its manager or members and not heard is not known by how its own attributes are.
    row.unsettled = after.unsettled or (row.unsettled and row.references_due)
    row.deleting = after.deleting
    if after.failures > row.failures:
        row.refused = outcome.status == "skipped"
    elif not after.failures:
        row.refused = False
    row.failures, row.error = after.failures, after.error
    if outcome.retry_seconds is not None:
        row.next_try = now + timedelta(seconds=outcome.retry_seconds)
    elif not after.failures:
        # A row that went well does not end the wait of one that failed before in the same cycle.
        row.next_try = None
