"""Planning: each dirty object is read as it is now, asked about at the target, and becomes one Change.

    scope → map → match (questions) → answers → diff → decide → plan

Users first, then groups, then what refers to them (``references``). Every row is appended to the ledger's plan table
with the number and the configuration it saw. Nothing is written to the target: a dry run is this and nothing more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from provisor.connectors.base import Resource, TargetError
from provisor.provisioning.decide import Answer, Change, decide
from provisor.provisioning.map import Desired, desire
from provisor.provisioning.match import Match, Question, pick, questions
from provisor.provisioning.plan import Plan
from provisor.provisioning.schema import OBJECT_TYPES, ObjectRules
from provisor.provisioning.scope import Scope, SourceObject, evaluate
from provisor.sync.answers import Answers, gather, prepare
from provisor.sync.job import Job
from provisor.sync.records import Cycle, Due, Planned

PAGE = 500
#: Called with how many objects have been planned.
Report = Callable[[int], None]


@dataclass(slots=True)
class Planning:
    """A plan in the making. ``linking``, ``leaving``: ids that get or lose an account by it."""

    job: Job
    cycle: Cycle
    initial: bool
    backed_off: bool
    report: Report
    plan: Plan = field(default_factory=Plan)
    linking: dict[str, set[str]] = field(default_factory=lambda: {"User": set(), "Group": set()})
    leaving: set[str] = field(default_factory=set)
    #: Objects in scope that have (or will have) an account and whose references must be looked at: id → change.
    referring: dict[str, Change] = field(default_factory=dict)
    managers: dict[str, str | None] = field(default_factory=dict)
    rows: int = 0

    async def accept(self, changes: Sequence[Change], rules: ObjectRules) -> list[Change]:
        """Put changes into the plan, in this order; returns them as the plan took them."""
        accepted = [self.plan.accept(change, rules) for change in changes]
        planned = [Planned(self.rows + place, change) for place, change in enumerate(accepted, 1)]
        self.rows += len(planned)
        await self.job.ledger.append(self.cycle, planned)
        self.report(self.rows)
        return accepted


@dataclass(frozen=True, slots=True)
class _Read:
    """One dirty object with everything that is known before the target is asked."""

    due: Due
    source: SourceObject | None
    scope: Scope
    desired: Desired
    asked: tuple[Question, ...]
    compare: bool

    @property
    def asks(self) -> bool:
        return bool(self.asked) or self.compare


async def plan_objects(planning: Planning) -> None:
    """Plan all dirty users, then all dirty groups."""
    for object_type in OBJECT_TYPES:
        rules = planning.job.rules.of(object_type)
        if not rules.enabled:
            await _all_disabled(planning, rules)
            continue
        asking = 0
        async for page in _pages(planning, rules):
            asking += sum(read.asks for read in page)
        answers = await prepare(planning.job.target, rules, asking)
        async for page in _pages(planning, rules):
            found = await gather(_decide(planning, rules, answers, read) for read in page)
            accepted = await planning.accept(found, rules)
            for read, change in zip(page, accepted, strict=True):
                _remember(planning, read, change)


async def _pages(planning: Planning, rules: ObjectRules) -> AsyncIterator[list[_Read]]:
    after: str | None = None
    while dirty := await _dirty(planning, rules, after):
        after = dirty[-1].known.source_id
        sources = await planning.job.source.read(rules.object_type, [due.known.source_id for due in dirty])
        yield [_read(planning, rules, due, sources.get(due.known.source_id)) for due in dirty]


async def _dirty(planning: Planning, rules: ObjectRules, after: str | None) -> list[Due]:
    return await planning.job.ledger.due(rules.object_type, after, PAGE, backed_off=planning.backed_off)


async def _all_disabled(planning: Planning, rules: ObjectRules) -> None:
    after: str | None = None
    while dirty := await _dirty(planning, rules, after):
        after = dirty[-1].known.source_id
        await planning.accept([_ignored(due, rules) for due in dirty], rules)


def _ignored(due: Due, rules: ObjectRules) -> Change:
    identity = due.known.source_id
    reason = f"the object mapping {rules.name} is disabled"
    return Change("nothing", rules.object_type, identity, identity, reason, due.seq, phase=2)


def _read(planning: Planning, rules: ObjectRules, due: Due, source: SourceObject | None) -> _Read:
    known = due.known
    if source is None:
        scope, desired = Scope(False, "was deleted from the directory for good"), Desired({})
    else:
        scope = evaluate(source, rules, all_objects=planning.job.all_objects)
        desired = desire(rules, source, soft_deleted=not scope.inside)
    asked: tuple[Question, ...] = ()
    if known.linked:
        pass
    elif known.intent is not None:
        # A create whose answer was lost: whatever was promised is looked for first, even if nobody wants it any more.
        asked = (*questions(rules, Desired(dict(known.intent))), *questions(rules, desired))
    elif scope.inside and known.state != "removed" and desired.problem is None:
        asked = questions(rules, desired)
    compare = known.linked and planning.initial and source is not None
    return _Read(due, source, scope, desired, tuple(dict.fromkeys(asked)), compare)


async def _decide(planning: Planning, rules: ObjectRules, answers: Answers, read: _Read) -> Change:
    known = read.due.known
    seq = max(read.due.seq, read.source.seq if read.source else 0)
    try:
        answer = await _answer(answers, read)
    except TargetError as error:
        if error.hopeless:
            raise
        name = read.source.name if read.source else known.source_id
        return Change(
            "refuse", rules.object_type, known.source_id, name, f"could not be looked up: {error}", seq, 2, retry=True
        )
    return decide(known, read.source, rules, read.scope, read.desired, answer, planning.job.capabilities, seq=seq)


async def _answer(answers: Answers, read: _Read) -> Answer:
    if read.asked:
        found = await answers.find(read.asked)
        return Answer(match=pick([question for question in read.asked if question in found], found))
    if read.compare:
        snapshot: Resource | None = await answers.get(str(read.due.known.target_id))
        return Answer(snapshot=snapshot, gone=snapshot is None)
    return Answer(match=Match())


def _remember(planning: Planning, read: _Read, change: Change) -> None:
    identity = change.source_id
    if change.action in ("delete", "removed", "unlink"):
        planning.leaving.add(identity)
    elif not read.due.known.linked and change.action in ("create", "update", "link"):
        planning.linking[change.object_type].add(identity)
    has_account = read.due.known.linked or identity in planning.linking[change.object_type]
    if change.action == "unlink" or (has_account and read.scope.inside and identity not in planning.leaving):
        planning.referring[identity] = change
        if change.object_type == "User" and read.source is not None:
            planning.managers[identity] = read.source.manager
