"""The ledger in memory: every rule of ``sync.sql`` once more, for a simulation that runs thousands of cycles.

``tests/conformance`` holds it against the ledger in PostgreSQL, which is right wherever they differ. A method does all
that it does between two points at which ``around`` may break it: before, when nothing was done, and after, when
everything was and the answer is lost. A transaction has no third way to break, and neither has a method here.

A job's row is there from the start, ids are taken as they are, and values are shared, not copied: nobody changes them.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg

from provisor.connectors.base import SourceChange
from provisor.provisioning.change import Change, Known
from provisor.provisioning.retries import Standing
from provisor.sync.lease import LeaseLost
from provisor.sync.ledger import NOT_SENT
from provisor.sync.records import Cycle, Due, JobState, Kind, Membership, Mode, Outcome, Planned
from provisor.sync.sharing import HOLDER
from simulation.memory_shares import MemoryShares
from simulation.tables import ChangeRow, CycleRow, Row, Tables

_DAY: Final = timedelta(hours=24)
_REFERENCES: Final = frozenset({"add members", "remove members", "update references"})


class MemoryLedger(Tables):
    """The ledger of one application; its tables are open."""

    def __init__(
        self,
        now: Callable[[], datetime],
        around: Callable[[str], AbstractAsyncContextManager[None]] | None = None,
    ) -> None:
        super().__init__()
        self._now = now
        self._around = around or (lambda name: nullcontext())
        self._helper = HOLDER

    def shares(self, cycle: Cycle) -> MemoryShares:
        return MemoryShares(self, cycle)

    def of_helper(self, helper: UUID) -> MemoryLedger:
        found = copy.copy(self)
        found._helper = helper
        return found

    # ── the job ──────────────────────────────────────────────────────────────────────────────────────────────

    async def job(self) -> JobState:
        async with self._around("job"):
            state, now = self.state, self._now()
            return JobState(
                watermark=state.watermark,
                initial=state.initial,
                generation=state.generation,
                cycles=state.cycles,
                last_cycle=state.last_cycle,
                quarantine=state.quarantine,
                held=state.lease_until is not None and state.lease_until > now,
                now=now,
                compared=state.compared,
                forced=state.forced,
                refused=state.refused,
            )

    async def clear(self, *, full: bool) -> None:
        """``Ledger.restart``, by itself."""
        async with self._around("clear"):
            state = self.state
            state.quarantine = state.last_cycle = state.rest_until = None
            state.refused = 0
            state.initial = state.forced = True
            state.generation += 1
            if full:
                state.watermark = 0
                self.objects.clear()
                self.memberships.clear()
            for row in self.objects.values():
                row.next_try, row.failures, row.error = None, 0, None

    async def mended(self) -> None:
        async with self._around("mended"):
            self.state.quarantine = self.state.last_cycle = self.state.rest_until = None
            self.state.refused = 0
            self.state.generation += 1

    # ── the lease ────────────────────────────────────────────────────────────────────────────────────────────

    async def take(self, holder: str, seconds: float) -> int | None:
        async with self._around("take"):
            state, now = self.state, self._now()
            if state.lease_until is not None and state.lease_until >= now:
                return None
            state.epoch += 1
            state.holder, state.lease_until = holder, now + timedelta(seconds=seconds)
            return state.epoch

    async def keep(self, epoch: int, seconds: float) -> None:
        async with self._around("keep"):
            self._check(epoch)
            self.state.lease_until = self._now() + timedelta(seconds=seconds)

    async def give_back(self, epoch: int) -> None:
        async with self._around("give_back"):
            if self.state.epoch == epoch:
                self.state.lease_until = self.state.holder = None

    async def stop(self) -> None:
        """``sync.ledger.stop``."""
        async with self._around("stop"):
            if self.state.lease_until is not None and self.state.lease_until > self._now():
                self.state.stopping = self.state.epoch

    async def stopping(self, epoch: int) -> bool:
        async with self._around("stopping"):
            self._check(epoch)
            return self.state.stopping == epoch

    def _check(self, epoch: int) -> None:
        if self.state.epoch != epoch or not self._heard_of:
            raise LeaseLost

    @property
    def _heard_of(self) -> bool:
        return self._helper == HOLDER or self.heard_of(self._helper)

    def heard_of(self, helper: UUID) -> bool:
        """Whether a helper is, and the lease of its cycle is held."""
        shared, until = self.state.shared, self.state.lease_until
        held = until is not None and until > self._now()
        return shared is not None and helper in shared.helpers and shared.epoch == self.state.epoch and held

    # ── intake ───────────────────────────────────────────────────────────────────────────────────────────────

    async def mark(self, changes: Sequence[SourceChange], *, watermark: int | None, initial: bool = False) -> None:
        async with self._around("mark"):
            _once([change.id for change in changes])
            for change in changes:
                row = self.objects.get(change.id)
                if row is None:
                    self.objects[change.id] = Row(change.id, change.object_type, change.seq)
                else:
                    row.mark(change.seq)
            if watermark is not None:
                state = self.state
                state.watermark = max(state.watermark, watermark)
                state.initial = state.initial or initial
                state.generation += initial

    async def mark_known(self, seq: int) -> None:
        async with self._around("mark_known"):
            for row in self.objects.values():
                row.mark(seq)

    # ── what is known ────────────────────────────────────────────────────────────────────────────────────────

    async def due(
        self, object_type: str, after: str | None, limit: int, *, backed_off: bool, everything: bool = False
    ) -> list[Due]:
        async with self._around("due"):
            now, first = self._now(), after or ""
            found = [
                row
                for row in self.objects.values()
                if row.object_type == object_type
                and row.source_id > first
                and (everything or row.dirty)
                and (backed_off or row.next_try is None or row.next_try <= now)
            ]
            found.sort(key=lambda row: row.source_id)
            return [row.due() for row in found[:limit]]

    async def known(self, ids: Sequence[str]) -> dict[str, Known]:
        async with self._around("known"):
            return {row.source_id: row.known() for row in self.rows(ids)}

    async def applied(self, ids: Sequence[str]) -> dict[str, int]:
        async with self._around("applied"):
            return {row.source_id: row.applied_seq for row in self.rows(ids)}

    async def accounts(self, ids: Collection[str]) -> dict[str, str]:
        async with self._around("accounts"):
            known = [row.known() for row in self.rows(ids)]
            return {item.source_id: item.target_id for item in known if item.linked and item.target_id is not None}

    async def holders(self, object_type: str, target_ids: Sequence[str]) -> dict[str, Known]:
        async with self._around("holders"):
            wanted = set(target_ids)
            return {
                row.target_id: row.known()
                for row in self.objects.values()
                if row.target_id is not None
                and row.target_id in wanted
                and row.object_type == object_type
                and row.state in ("linked", "disabled")
            }

    async def in_groups(self, ids: Sequence[str]) -> set[str]:
        async with self._around("in_groups"):
            return {member for _, member in self.memberships}.intersection(ids)

    async def members(self, groups: Sequence[str]) -> dict[str, dict[str, Membership]]:
        async with self._around("members"):
            found: dict[str, dict[str, Membership]] = {group: {} for group in groups}
            for (group, member), membership in self.memberships.items():
                if group in found:
                    found[group][member] = membership
            return found

    async def found_members(self, group: str, found: Mapping[str, str], lost: Sequence[str]) -> None:
        async with self._around("found_members"):
            self.put_members([(group, member, target, False) for member, target in found.items()])
            self.drop_members([(group, member) for member in lost])

    async def joining(self, cycle: Cycle, groups: Sequence[str], most: int) -> dict[str, list[str]]:
        async with self._around("joining"):
            rows = self.runs[cycle.id].rows.values()
            adding = [row.change for row in rows if row.change.action == "add members"]
            return {change.source_id: list(change.members[:most]) for change in adding if change.source_id in groups}

    # ── plan and log ─────────────────────────────────────────────────────────────────────────────────────────

    async def begin(self, kind: Kind, mode: Mode, generation: int, as_of: int) -> Cycle:
        async with self._around("begin"):
            self.state.cycles += mode == "cycle"
            cycle = Cycle(uuid4(), self.state.cycles + (mode != "cycle"), kind, mode, generation)
            self.begin_run(CycleRow(cycle, as_of, self._now()))
            return cycle

    async def append(self, cycle: Cycle, rows: Sequence[Planned]) -> None:
        async with self._around("append"):
            run, now = self.runs[cycle.id], self._now()
            added = {row.ordinal: ChangeRow(row.ordinal, row.change, now) for row in rows}
            if len(added) < len(rows) or not run.rows.keys().isdisjoint(added):
                raise asyncpg.UniqueViolationError("two rows of a plan have the same ordinal")
            run.rows.update(added)
            run.planned += len(rows)

    async def measure(self) -> None:
        """There is nothing that could be slow."""

    async def planned(self, cycle: Cycle, limit: int) -> AsyncIterator[list[Planned]]:
        after = (0, 0)
        while True:
            async with self._around("planned"):
                run = self.runs.get(cycle.id)
                page = run.page(after, limit) if run is not None else []
            if not page:
                return
            after = (page[-1].change.phase, page[-1].ordinal)
            yield page

    async def promise(self, epoch: int, changes: Sequence[Change]) -> None:
        async with self._around("promise"):
            self._check(epoch)
            adopting = [change for change in changes if change.adopts]
            for row in self.rows(change.releases for change in adopting if change.releases is not None):
                row.release()
            for change in adopting:
                for row in self.rows([change.source_id]):
                    row.target_id, row.state, row.adopted, row.unsettled = change.target_id, "linked", True, True
                    row.last_applied = change.inherited
            for change in changes:
                for row in self.rows([change.source_id]):
                    row.unsettled, row.deleting = True, change.action == "delete"
                    if row.state == "none" and row.intent is not None and change.target_id is not None:
                        row.target_id, row.state, row.last_applied = change.target_id, "linked", row.intent
                    if change.action == "create":
                        if row.state != "none":
                            row.state, row.target_id, row.last_applied = "none", None, {}
                        row.intent, row.adopted, row.kept = change.sent, False, {}
                    else:
                        row.last_applied = {**change.given, **row.last_applied}

    async def promise_members(self, epoch: int, rows: Sequence[tuple[str, str, str]]) -> None:
        async with self._around("promise_members"):
            self._check(epoch)
            _once([(group, member) for group, member, _ in rows])
            for group, member, target in rows:
                before = self.memberships.get((group, member), Membership(target, True))
                self.memberships[group, member] = replace(before, confirmed=False)

    async def doubt(self, epoch: int, changes: Sequence[Change]) -> None:
        async with self._around("doubt"):
            if self.state.epoch == epoch and self._heard_of:
                return
            for change in changes:
                for row in self.rows([change.source_id]):
                    row.unsettled, row.references_due, row.next_try = row.target_id is not None, True, None
                    row.applied_seq = min(row.applied_seq, row.desired_seq - 1)
                    if row.target_id is not None and change.action != "create":
                        row.last_applied = {**change.given, **row.last_applied}
                for row in self.rows(change.members):
                    if row.target_id is not None:
                        before = self.memberships.get(
                            (change.source_id, row.source_id), Membership(row.target_id, True)
                        )
                        self.memberships[change.source_id, row.source_id] = replace(before, confirmed=False)

    async def doubt_members(self, epoch: int, rows: Sequence[tuple[str, str]]) -> None:
        async with self._around("doubt_members"):
            self._check(epoch)
            for row in rows:
                if row in self.memberships:
                    self.memberships[row] = replace(self.memberships[row], confirmed=False)

    async def settle(self, epoch: int, cycle: Cycle, outcomes: Sequence[Outcome], *, harmed: int = 0) -> int:
        async with self._around("settle"):
            self._check(epoch)
            now, put = self._now(), [row for outcome in outcomes for row in outcome.members_put]
            _once([(group, member) for group, member, _, _ in put])
            self.write_log(cycle, outcomes, now)
            self.runs[cycle.id].harmed += harmed
            self.write_objects(outcomes, now)
            self.put_members(put)
            self.drop_members([row for outcome in outcomes for row in outcome.members_gone])
            return self.runs[cycle.id].done

    async def open_references(self, epoch: int, cycle: Cycle) -> list[UUID]:
        async with self._around("open_references"):
            self._check(epoch)
            rows = self.runs[cycle.id].rows.values()
            referring = {row.change.source_id for row in rows if row.change.action in _REFERENCES}
            opened = [row for row in self.rows(sorted(referring)) if not row.references_due]
            for row in opened:
                row.references_due = True
            return [UUID(row.source_id) for row in opened]

    async def settle_references(
        self, epoch: int, cycle: Cycle, opened: Sequence[UUID] | None = None, keep_due: Collection[str] = ()
    ) -> None:
        async with self._around("settle_references"):
            self._check(epoch)
            done: dict[str, bool] = {}
            for change in self.runs[cycle.id].rows.values():
                # As bool_and does: one of which nothing is known says nothing.
                if change.done is not None:
                    identity = change.change.source_id
                    done[identity] = done.get(identity, True) and change.done
            asked = done.keys() if opened is None else done.keys() & {str(item) for item in opened}
            for row in self.rows(item for item in asked if done[item] and item not in keep_due):
                row.references_due = row.unsettled = False

    async def end(
        self,
        cycle: Cycle,
        *,
        status: str,
        plan_hash: str,
        counts: Mapping[str, int],
        requests: int,
        error: str | None = None,
        epoch: int | None = None,
        quarantine: str | None = None,
        harmed: int = 0,
        released: bool = False,
        finished: bool | None = None,
        rest: float | None = None,
        blameless: bool = False,
    ) -> None:
        finished = status == "done" if finished is None else finished
        async with self._around("end"):
            if epoch is not None:
                self._check(epoch)
            run, state, now = self.runs[cycle.id], self.state, self._now()
            run.status, run.ended, run.hash, run.counts = status, now, plan_hash, dict(counts)
            run.requests, run.error, run.harmed, run.released = requests, error, harmed, released
            if epoch is None:
                return
            if not finished:
                for change in run.rows.values():
                    if change.status is None:
                        change.status, change.message = "skipped", NOT_SENT
            state.rest_until = now + timedelta(seconds=rest) if rest is not None else None
            if state.generation == cycle.generation:
                if not blameless:
                    state.refused = 0 if status == "done" or rest is not None else state.refused + 1
                state.last_cycle = now
                if finished or quarantine is not None:
                    state.quarantine = quarantine
                if finished and cycle.kind == "initial":
                    state.initial = state.forced = False
                if finished and cycle.kind in ("initial", "full"):
                    state.compared = now

    async def harm(self) -> tuple[int, int]:
        async with self._around("harm"):
            accounts = sum(row.state == "linked" for row in self.objects.values())
            since = self._now() - _DAY
            runs = self.runs.values()
            return accounts, sum(run.harmed for run in runs if run.started > since and not run.released)

    async def standing(self, fewest: int = 1) -> Standing:
        async with self._around("standing"):
            rows = self.objects.values()
            failing = [row for row in rows if row.failures and not row.refused]
            behind = sum(row.desired_seq > row.applied_seq for row in failing)
            working = sum(row.target_id is not None and not row.failures for row in rows)
            return Standing(working if behind >= fewest else 0, behind, len(failing) - behind)

    async def cycles(self, limit: int = 20, mode: Mode | None = None) -> list[dict[str, Any]]:
        async with self._around("cycles"):
            runs = [run for run in reversed(self.runs.values()) if mode is None or run.cycle.mode == mode]
            runs.sort(key=lambda run: run.started, reverse=True)
            return [run.columns() for run in runs[:limit]]

    async def log(
        self, *, cycle: int | None = None, sources: list[UUID] | None = None, limit: int
    ) -> list[dict[str, Any]]:
        async with self._around("log"):
            named = None if sources is None else {str(item) for item in sources}
            found: list[dict[str, Any]] = []
            for run in reversed(self.runs.values()):
                head = run.cycle
                if head.mode != "cycle" or cycle not in (None, head.number):
                    continue
                told = [row for row in run.ordered() if _is_told(row, named)]
                more = {"cycle": head.id, "number": head.number, "kind": head.kind, "mode": head.mode}
                found += [row.columns() | more for row in told[: limit - len(found)]]
            return found


def _once(keys: Sequence[object]) -> None:
    """What INSERT … ON CONFLICT DO UPDATE raises for a row that comes twice."""
    if len(set(keys)) < len(keys):
        raise asyncpg.CardinalityViolationError("ON CONFLICT DO UPDATE command cannot affect row a second time")


def _is_told(row: ChangeRow, named: set[str] | None) -> bool:
    """Whether the log tells it: of whoever is ``named`` everything, else what was done, or tried."""
    if named is not None:
        return row.change.source_id in named
    return row.change.action != "nothing" or row.status not in (None, "success")
