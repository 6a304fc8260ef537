"""The bugs that a provisioning engine has: planted one at a time, each must be found, or the simulation proves nothing.

Thirteen are those of a first, small engine that was simulated before this one was written; the rest are ways to share a
cycle wrongly, and to believe a target. Each comes with a scenario that is biased towards it: a bug that needs a lost
answer, a rename and a leaver in a row would hide for long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from unittest.mock import patch

from provisor.connectors.base import SourceChange, TargetError
from provisor.provisioning import decide
from provisor.provisioning.change import REFERENCES, Answer
from provisor.provisioning.diff import Difference
from provisor.provisioning.scope import SourceObject
from provisor.sync import memberships, outcomes, planning, references, sending
from provisor.sync.records import Due, Outcome
from provisor.sync.sharing import HOLDER
from simulation import world
from simulation.directory import Seen
from simulation.memory_ledger import MemoryLedger
from simulation.memory_shares import MemoryShares, Page
from simulation.scenario import Scenario
from simulation.target import Faults

Plant = Callable[[], Iterator[None]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """``plant`` is a context in which the engine has the bug."""

    name: str
    plant: Callable[[], Any]
    scenario: Scenario


@contextmanager
def _patched(*changes: tuple[Any, str, Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for place, name, other in changes:
            stack.enter_context(patch.object(place, name, other))
        yield


def _watermark_first() -> Any:
    """The mark moves in a transaction before that of what it stands for."""
    mark = MemoryLedger.mark

    async def first(
        self: MemoryLedger, changes: Sequence[SourceChange], *, watermark: int | None, initial: bool = False
    ) -> None:
        if watermark is not None:
            await mark(self, [], watermark=watermark, initial=initial)
        await mark(self, changes, watermark=None)

    return _patched((MemoryLedger, "mark", first))


def _blind_create() -> Any:
    return _patched((planning, "questions", lambda *_: ()))


def _drop_after_three_tries() -> Any:
    failed = outcomes.failed

    def dropped(row: Any, known: Any, error: TargetError, retries: Any) -> Outcome:
        found = failed(row, known, error, retries)
        if known.failures >= 2:
            found.settled, found.retry_seconds = True, None
        return found

    return _patched((outcomes, "failed", dropped))


class _AbsentIsGone(Seen):
    """Whoever is not in a list was deleted; some lists are not complete."""

    missing: frozenset[str] = frozenset()

    async def changes(self, after: int, limit: int) -> list[SourceChange]:
        found = await super().changes(after, limit)
        random, people = self._directory._random, list(self._directory.people)
        if found and random.random() < 0.1:
            self.missing = frozenset(random.sample(people, len(people) // 3))
        absent = [SourceChange(item, "User", found[-1].seq) for item in sorted(self.missing)] if found else []
        return sorted([*found, *absent], key=lambda change: change.seq)

    async def read(self, object_type: str, ids: Sequence[str]) -> dict[str, SourceObject]:
        found = await super().read(object_type, ids)
        return {item: source for item, source in found.items() if item not in self.missing}


def _absence_is_delete() -> Any:
    return _patched((world, "Seen", _AbsentIsGone))


def _conflict_is_success() -> Any:
    send = sending.Sender._send

    async def sent(self: Any, row: Any, known: Any) -> Outcome:
        try:
            return await send(self, row, known)
        except TargetError as error:
            if error.status != 409 or row.change.action != "create":
                raise
            after = replace(known, intent=None, failures=0, error=None)
            return Outcome(row.ordinal, known.source_id, row.change.seq, "success", after)

    return _patched((sending.Sender, "_send", sent))


def _old_payloads() -> Any:
    """What failed is tried again as it was: a queue of payloads instead of names."""
    queued: dict[str, SourceObject] = {}
    failed, due, read = outcomes.failed, MemoryLedger.due, Seen.read
    last: dict[str, SourceObject] = {}

    def queueing(row: Any, known: Any, error: TargetError, retries: Any) -> Outcome:
        if known.source_id in last:
            queued[known.source_id] = last[known.source_id]
        return failed(row, known, error, retries)

    async def also(self: MemoryLedger, object_type: str, after: str | None, limit: int, **more: Any) -> list[Due]:
        found = await due(self, object_type, after, limit, **more)
        have = {item.known.source_id for item in found}
        old = [
            Due(row.known(), row.desired_seq, True, False)
            for row in self.rows(sorted(queued))
            if row.object_type == object_type and row.source_id not in have and (after is None or row.source_id > after)
        ]
        return sorted([*found, *old], key=lambda item: item.known.source_id)

    async def as_it_was(self: Seen, object_type: str, ids: Sequence[str]) -> dict[str, SourceObject]:
        found = await read(self, object_type, ids)
        taken = self.__dict__.setdefault("taken", {})
        for item, source in found.items():
            last[item] = source
            if item in queued and queued[item].seq < source.seq:
                taken[item] = queued.pop(item)
            if item in taken:
                found[item] = replace(taken[item], seq=source.seq)
        return found

    return _patched((outcomes, "failed", queueing), (MemoryLedger, "due", also), (Seen, "read", as_it_was))


def _unchecked(self: MemoryLedger, epoch: int) -> None:
    """Whoever writes, writes."""


def _no_lease() -> Any:
    async def take(self: MemoryLedger, holder: str, seconds: float) -> int:
        async with self._around("take"):
            return self.state.epoch

    return _patched((MemoryLedger, "take", take), (MemoryLedger, "_check", _unchecked))


def _no_fence() -> Any:
    return _patched((MemoryLedger, "_check", _unchecked))


def _any_account_by_name() -> Any:
    return _patched((decide, "_foreign", lambda *_: None))


def _gone_is_done() -> Any:
    do, answer = sending.Sender.do, planning._answer

    async def done(self: Any, row: Any) -> Outcome:
        found: Outcome = await do(self, row)
        if found.after is not None and found.after.state == "removed":
            return Outcome(found.ordinal, found.source_id, found.seq, "success", replace(found.after, state="linked"))
        return found

    async def never_gone(*arguments: Any) -> Any:
        found = await answer(*arguments)
        return replace(found, gone=False) if isinstance(found, Answer) else found

    return _patched((sending.Sender, "do", done), (planning, "_answer", never_gone))


def _no_drift_repair() -> Any:
    return _patched((decide, "drifted", lambda rules, found, *_: (Difference({}, dict(found.kept)), {})))


def _replaced_by_halves() -> Any:
    send = sending.Sender._send

    async def sent(self: Any, row: Any, known: Any) -> Outcome:
        if row.change.action == "update" and known.target_id is not None and row.change.object_type == "User":
            update = self._job.wire.update
            await self._job.target.send(update("User", known.target_id, {"active": (True, False)}))
            await self._job.target.send(update("User", known.target_id, {"active": (False, True)}))
        return await send(self, row, known)

    return _patched((sending.Sender, "_send", sent))


def _no_intent() -> Any:
    promise, failed = MemoryLedger.promise, outcomes.failed

    async def forgetful(self: MemoryLedger, epoch: int, changes: Sequence[Any]) -> None:
        await promise(self, epoch, changes)
        for row in self.rows(change.source_id for change in changes):
            row.intent = None

    def forgets(row: Any, known: Any, error: TargetError, retries: Any) -> Outcome:
        found = failed(row, known, error, retries)
        found.after = replace(found.after, intent=None) if found.after is not None else None
        return found

    return _patched((MemoryLedger, "promise", forgetful), (outcomes, "failed", forgets))


def _lost_pages(shares: MemoryShares) -> Iterator[tuple[tuple[int, int], Page]]:
    """The pages in the hands of helpers that are not heard of any more, by phase and first ordinal."""
    shared = shares._shared
    if shared is not None:
        now = shares._ledger._now()
        for place, page in list(shared.pages.items()):
            heard_of = page.helper == HOLDER or shared.helpers.get(page.helper, now - timedelta(1)) >= now
            if page.objects is not None and not heard_of:
                yield place, page


def _before_waiting(change: Callable[[MemoryShares], None]) -> Any:
    waiting = MemoryShares.waiting

    async def after(self: MemoryShares) -> int:
        change(self)
        return await waiting(self)

    return _patched((MemoryShares, "waiting", after))


def _handed_out_again() -> Any:
    """What a helper had that is not heard of is given to the next one, though it may have been sent."""

    def again(shares: MemoryShares) -> None:
        for place, _ in _lost_pages(shares):
            shared = shares._shared
            if shared is not None and place[0] == shared.phase:
                shared.ordinal = min(shared.ordinal, place[1] - 1)
                del shared.pages[place]

    return _before_waiting(again)


def _given_up_unsaid() -> Any:
    """What a helper had that is not heard of counts as done."""

    def unsaid(shares: MemoryShares) -> None:
        for _, page in _lost_pages(shares):
            page.objects = None

    return _before_waiting(unsaid)


def _phases_overlap() -> Any:
    """The next phase begins while helpers are at this one."""

    async def none(self: MemoryShares) -> int:
        return 0

    return _patched((MemoryShares, "waiting", none))


def _first_members_believed() -> Any:
    """Whoever was sent with a new group is in it, whatever the answer shows."""

    def all_of_them(job: Any, group: str, first: Mapping[str, str], answer: Any) -> list[tuple[str, str, str, bool]]:
        return [(group, member, account, True) for member, account in first.items()]

    return _patched((memberships, "went", all_of_them))


def _promised_members_forgotten() -> Any:
    """Who went with a group of which nothing was heard is forgotten."""
    write = MemoryLedger.write_objects

    def forgetful(self: MemoryLedger, outcomes: Sequence[Outcome], now: Any) -> None:
        write(self, outcomes, now)
        lost = {item.source_id for item in outcomes if item.after is not None and not item.after.linked}
        self.drop_members([key for key in self.memberships if key[0] in lost])

    return _patched((MemoryLedger, "write_objects", forgetful))


def _managers_not_compared() -> Any:
    """Whether the manager that was sent is there is never looked at."""
    return _patched((planning.Planning, "manager_shown", lambda *_: None))


def _nobody_is_doubted() -> Any:
    """A manager is said again whenever the account is in doubt, also when there is none to say."""
    manager = references._manager

    def doubted(planning: Any, name: str, user: Any, ledger: Any, accounts: Mapping[str, str]) -> Any:
        known = ledger.get(user.source_id)
        if known is not None and known.unsettled and known.linked and not planning.managers.get(user.source_id):
            nobody = {name: (None, None)}
            return user.anew("update references", "is in doubt", phase=REFERENCES, attributes=nobody)
        return manager(planning, name, user, ledger, accounts)

    return _patched((references, "_manager", doubted))


_QUIET: Final = Scenario(compares=False, strangers=False)
_LOSING: Final = Faults(lost_after=0.4, lag=120.0)
_FORGETTING: Final = Faults(forgotten=True)
_COMING_AND_GOING: Final[Mapping[str, int]] = {"hire": 4, "rename": 6, "leave": 6}
_LED: Final = Scenario(faults=Faults(ignored=0.1, lost_after=0.3), drift=12, weights={"lead": 4, "describe": 4})
_HELPED: Final = replace(
    _QUIET, people=8, changes=50, helpers=2, crashes=4, pauses=2, unlucky=0.05, faults=Faults(lost_after=0.3, lag=60.0)
)

MUTANTS: Final = (
    Mutant("the watermark moves before the tasks", _watermark_first, replace(_QUIET, database=0.2, crashes=8)),
    Mutant("blind create", _blind_create, replace(_QUIET, strangers=True)),
    Mutant("drop after three tries", _drop_after_three_tries, replace(_QUIET, faults=Faults(lost_before=0.75))),
    Mutant("absence is delete", _absence_is_delete, replace(_QUIET, crashes=3)),
    Mutant("a conflict is a success", _conflict_is_success, replace(_QUIET, faults=_LOSING)),
    Mutant(
        "an old payload in the queue",
        _old_payloads,
        replace(_QUIET, faults=Faults(ignored=0.5), weights={"leave": 1}),
    ),
    Mutant("no lease", _no_lease, replace(_QUIET, workers=2, pauses=6, faults=_LOSING, changes=60)),
    Mutant("a lease without a fence", _no_fence, replace(_QUIET, workers=2, pauses=12, faults=_LOSING, changes=60)),
    Mutant("matched by user name only", _any_account_by_name, Scenario()),
    Mutant("404 counts as done", _gone_is_done, Scenario(drift=12)),
    Mutant("no drift repair", _no_drift_repair, Scenario(drift=12)),
    Mutant("replaced by disabling and enabling", _replaced_by_halves, _QUIET),
    Mutant("no durable intent", _no_intent, replace(_QUIET, faults=_LOSING, changes=60, weights=_COMING_AND_GOING)),
    Mutant("members sent with a new group are in it", _first_members_believed, replace(_QUIET, faults=_FORGETTING)),
    Mutant(
        "members promised with a group are forgotten",
        _promised_members_forgotten,
        replace(_QUIET, people=6, changes=60, faults=_LOSING, weights={"reorganise": 5, "move": 8}),
    ),
    Mutant("managers are not compared", _managers_not_compared, _LED),
    Mutant("nobody is in doubt as a manager", _nobody_is_doubted, _LED),
    Mutant("a lost page is handed out again", _handed_out_again, _HELPED),
    Mutant("a lost page counts as done", _given_up_unsaid, _HELPED),
    Mutant("a phase begins while helpers are at the one before", _phases_overlap, _HELPED),
)
