"""Planning: each dirty object is read as it is now, asked about at the target, and becomes one Change.

    scope → map → match (questions) → answers → diff → decide → plan

Users first, then groups, then what refers to them (``references``). Every row is appended to the ledger's plan table
with the number and the configuration it saw. Nothing is written to the target: a dry run is this and nothing more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from provisor.connectors.base import Resource, TargetError
from provisor.provisioning.change import REFERENCES, USERS, Answer, Change, Holder, Known
from provisor.provisioning.decide import decide, overtaken
from provisor.provisioning.map import Desired, Taken, desire
from provisor.provisioning.match import Match, Question, pick, questions
from provisor.provisioning.plan import Plan
from provisor.provisioning.schema import OBJECT_TYPES, AttributeRule, ObjectRules
from provisor.provisioning.scope import Scope, SourceObject, evaluate
from provisor.refusal import Invalid
from provisor.scim.resource import reference_at
from provisor.sync.answers import Answers, Listing, owner, probe
from provisor.sync.concurrency import ahead, gather
from provisor.sync.job import Job
from provisor.sync.records import Cycle, Due, Planned
from provisor.sync.unique import Unique

PAGE = 500
#: Pages of a plan that are kept while it is counted how many there are to ask about.
KEPT = 10
#: Called with how many objects have been planned.
Report = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Only:
    """These objects and no other, whatever their state. ``members``: of groups, only these are added or removed (None:
    all). ``demanded``: somebody who was removed at the target is treated as somebody without an account, and what was
    changed there is put right, but for members that were added; otherwise they are treated as the next cycle that looks
    at them would."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    members: frozenset[str] | None = None
    demanded: bool = True

    def ids(self, object_type: str) -> tuple[str, ...]:
        return self.users if object_type == "User" else self.groups


@dataclass(slots=True)
class Planning:
    """A plan in the making. ``everything``: also of objects that are not dirty; ``comparing``: accounts are read, and
    what was changed at the target is treated by the policies.

    Ids: ``linking`` get an account by it, ``leaving`` lose theirs because it is deleted, ``unlinking`` are groups that
    stay at the target and are nobody's any more.
    """

    job: Job
    cycle: Cycle
    initial: bool
    backed_off: bool
    report: Report
    plan: Plan = field(default_factory=Plan)
    linking: dict[str, set[str]] = field(default_factory=lambda: {"User": set(), "Group": set()})
    leaving: set[str] = field(default_factory=set)
    unlinking: set[str] = field(default_factory=set)
    #: Objects in scope that have (or will have) an account and whose references must be looked at: id → change.
    referring: dict[str, Change] = field(default_factory=dict)
    managers: dict[str, str | None] = field(default_factory=dict)
    #: What the accounts that were just read say of their manager (a target id), of those who have one.
    shown: dict[str, str | None] = field(default_factory=dict)
    rows: int = 0
    everything: bool = False
    comparing: bool = False
    only: Only | None = None
    proven: bool = False
    #: It is proven by an earlier cycle only.
    trusting: bool = False
    owner_seen: bool = False

    @property
    def reads(self) -> bool:
        """Whether accounts that have a link are read, too."""
        return self.initial or self.comparing or self.only is not None

    @property
    def manager_rule(self) -> AttributeRule | None:
        """The mapping of the users' manager, where there is one."""
        references = self.job.rules.users.references
        return next((rule for rule in references if rule.compiled and "manager" in rule.compiled.attributes), None)

    def manager_shown(self, identity: str, answer: Answer) -> None:
        if self.manager_rule is not None and answer.snapshot is not None:
            self.shown[identity] = reference_at(answer.snapshot, self.manager_rule.target.name)

    async def accept(self, changes: Sequence[Change], rules: ObjectRules) -> list[Change]:
        """Put changes into the plan, in this order; returns them as the plan took them."""
        if not changes:
            return []
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
    problem: str | None = None
    #: Asked when the account turns out to have been deleted by us, or what was promised cannot have been made.
    again: tuple[Question, ...] = ()

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
        listing = Listing(planning.job.target, rules.object_type)
        first, rest, asking = await _first(planning, rules, listing)
        answers = Answers(planning.job.target, rules, await listing.read(asking))
        await _prove(planning, answers, asking)
        unique = Unique(planning.job.target)
        for page in first:
            await _plan_page(planning, rules, answers, unique, page)
        async with aclosing(ahead(rest)) as pages:
            async for page in pages:
                await _plan_page(planning, rules, answers, unique, page)


async def _first(
    planning: Planning, rules: ObjectRules, listing: Listing
) -> tuple[list[list[_Read]], AsyncIterator[list[_Read]], int]:
    """The first pages, those that follow, and how many of all have something to ask, or of those that were read when it
    was certain that a list is cheaper: before the first is asked about. Of a long plan only the first pages are kept
    meanwhile, and the others are read once more."""
    pages = _pages(planning, rules)
    kept: list[list[_Read]] = []
    asking = 0
    if not planning.job.wire.lists:
        return kept, pages, asking
    async for page in pages:
        asking += sum(read.asks for read in page)
        if len(kept) < KEPT:
            kept.append(page)
        elif await listing.pays(asking):
            break
        if len(kept) < KEPT and await listing.pays(asking):
            return kept, pages, asking
    return kept, _pages(planning, rules, kept[-1][-1].due.known.source_id if kept else None), asking


async def _plan_page(
    planning: Planning, rules: ObjectRules, answers: Answers, unique: Unique, page: list[_Read]
) -> None:
    if any(rule.unique for rule in rules.values):
        page = [await _chosen(planning, rules, unique, read) for read in page]
    asked = await gather(_answer(answers, rules, read) for read in page if read.asks)
    found = iter(asked)
    answered = [next(found) if read.asks else Answer(match=Match()) for read in page]
    if planning.trusting and any(isinstance(answer, Answer) and answer.gone for answer in answered):
        # That an account is gone is believed of a target only that has shown to be there.
        await probe(planning.job.target, planning.job.rules, planning.job.wire)
        planning.trusting = False
    holders = await _holders(planning, rules, page, answered)
    changes = [_change(planning, rules, read, answer, holders) for read, answer in zip(page, answered, strict=True)]
    accepted = await planning.accept(changes, rules)
    for read, answer, change in zip(page, answered, accepted, strict=True):
        _remember(planning, read, answer, change)


async def _prove(planning: Planning, answers: Answers, asking: int) -> None:
    """Before anything is decided by the target's answers: that address, token and rights are good. Whoever could be
    listed needs no other proof of the first two."""
    job = planning.job
    if answers.listed is None and not planning.proven:
        await probe(job.target, job.rules, job.wire)
    if asking and not planning.owner_seen and job.capabilities.owner_id and job.wire.lists:
        await owner(job.target, answers.listed)
        planning.owner_seen = True
    planning.proven = True


async def _chosen(planning: Planning, rules: ObjectRules, unique: Unique, read: _Read) -> _Read:
    """``read`` with the values that must be unique, if it is somebody who is to get an account."""
    source = read.source
    if source is None or read.due.known.linked or not read.scope.inside or read.problem is not None:
        return read

    def desired(taken: Taken) -> Desired:
        return desire(rules, source, soft_deleted=False, inputs=planning.job.inputs, taken=taken)

    try:
        return replace(read, desired=await unique.choose(rules, source.id, desired))
    except TargetError as error:
        if error.hopeless:
            raise
        return replace(read, asked=(), problem=f"its unique values could not be looked up: {error}")


async def _pages(planning: Planning, rules: ObjectRules, after: str | None = None) -> AsyncIterator[list[_Read]]:
    while dirty := await _dirty(planning, rules, after):
        after = dirty[-1].known.source_id
        sources = await planning.job.source.read(rules.object_type, [due.known.source_id for due in dirty])
        yield [_read(planning, rules, due, sources.get(due.known.source_id)) for due in dirty]


async def _dirty(planning: Planning, rules: ObjectRules, after: str | None) -> list[Due]:
    if planning.only is not None:
        return await _asked_for(planning, planning.only, rules) if after is None else []
    return await planning.job.ledger.due(
        rules.object_type, after, PAGE, backed_off=planning.backed_off, everything=planning.everything
    )


async def _asked_for(planning: Planning, only: Only, rules: ObjectRules) -> list[Due]:
    ids = only.ids(rules.object_type)
    found = await planning.job.ledger.known(ids)
    due = []
    for identity in sorted(ids):
        known = found.get(identity) or Known(identity, rules.object_type)
        if known.state == "removed" and only.demanded:
            known = replace(known, state="none", target_id=None, last_applied={}, kept={}, error=None)
        due.append(Due(known, planning.job.as_of, objects=True, references=False))
    return due


async def _all_disabled(planning: Planning, rules: ObjectRules) -> None:
    after: str | None = None
    while dirty := await _dirty(planning, rules, after):
        after = dirty[-1].known.source_id
        await planning.accept([_ignored(due, rules) for due in dirty], rules)


def _ignored(due: Due, rules: ObjectRules) -> Change:
    identity = due.known.source_id
    reason = f"the object mapping {rules.name} is disabled"
    # A create that was promised stays promised: somebody must look for it when the mapping is enabled again.
    promised = due.known.intent is not None
    return Change("nothing", rules.object_type, identity, identity, reason, due.seq, USERS, retry=promised)


def _read(planning: Planning, rules: ObjectRules, due: Due, source: SourceObject | None) -> _Read:
    known = due.known
    problem = None
    scope = Scope(False, "was deleted from the directory for good")
    if source is not None:
        try:
            scope = evaluate(source, rules, all_objects=planning.job.all_objects)
        except Invalid as error:
            problem = str(error)
    # Of somebody who is deleted only what closes the account matters.
    values = source or SourceObject(known.source_id, rules.object_type, known.source_id, {}, due.seq)
    desired = desire(rules, values, soft_deleted=not scope.inside, inputs=planning.job.inputs)
    asked: tuple[Question, ...] = ()
    if known.linked or problem:
        pass
    elif known.intent is not None:
        # A create whose answer was lost: whatever was promised is looked for first, even if nobody wants it any more.
        promised = questions(rules, Desired(dict(known.intent)))
        asked = (*promised, *(questions(rules, desired) if source is not None else ()))
    elif scope.inside and desired.problem is None:
        asked = questions(rules, desired)
    deletes = source is None and "Delete" in rules.flow
    reads = planning.reads or known.unsettled or (planning.job.wire.reads_first and due.objects)
    compare = known.linked and reads and not deletes and problem is None
    again: tuple[Question, ...] = ()
    if scope.inside and (known.deleting or known.intent is not None or (planning.only and planning.only.demanded)):
        again = questions(rules, desired)
    return _Read(due, source, scope, desired, tuple(dict.fromkeys(asked)), compare, problem, again)


async def _answer(answers: Answers, rules: ObjectRules, read: _Read) -> Answer | TargetError:
    """What the target says of one object; an error that concerns this object alone is an answer too."""
    try:
        if read.asked:
            match = await _match(answers, read.asked)
            if match.question in read.again or not overtaken(rules, read.due.known, match):
                return Answer(match=match)
            return Answer(match=await _match(answers, read.again), void=True)
        if read.compare:
            snapshot: Resource | None = await answers.get(str(read.due.known.target_id))
            if snapshot is not None or not read.again:
                return Answer(snapshot=snapshot, gone=snapshot is None)
            return Answer(match=await _match(answers, read.again), gone=True)
    except TargetError as error:
        if error.hopeless:
            raise
        return error
    raise AssertionError("nothing is asked about it")


async def _match(answers: Answers, asked: Sequence[Question]) -> Match:
    found = await answers.find(asked)
    return pick([question for question in asked if question in found], found)


async def _holders(
    planning: Planning, rules: ObjectRules, page: Sequence[_Read], answered: Sequence[Answer | TargetError]
) -> dict[str, Holder]:
    """Target id → the object whose account it is already, for the accounts that were found."""
    found = {
        str(answer.match.resource["id"])
        for answer in answered
        if isinstance(answer, Answer) and answer.match is not None and answer.match.resource is not None
    }
    if not found:
        return {}
    known = await planning.job.ledger.holders(rules.object_type, sorted(found))
    ids = [item.source_id for item in known.values()]
    sources = await planning.job.source.read(rules.object_type, ids)
    in_groups = await planning.job.ledger.in_groups(ids)
    return {
        target_id: Holder(
            item.source_id,
            # A person who left for good, whose account is closed and gives access to nothing through a group. Of groups
            # nothing is taken over: nobody knows who relies on them.
            gone=rules.object_type == "User"
            and item.state == "disabled"
            and not item.unsettled
            and item.source_id not in in_groups
            and (item.source_id not in sources or sources[item.source_id].recycled),
            applied=item.last_applied,
        )
        for target_id, item in known.items()
    }


def _change(
    planning: Planning,
    rules: ObjectRules,
    read: _Read,
    answer: Answer | TargetError,
    holders: Mapping[str, Holder],
) -> Change:
    known = read.due.known
    # Whatever happened after the job was made is left for the next cycle, whoever marked it.
    seq = min(max(read.due.seq, read.source.seq if read.source else 0), planning.job.as_of)
    problem = read.problem or (f"could not be looked up: {answer}" if isinstance(answer, TargetError) else None)
    if problem is not None or isinstance(answer, TargetError):
        name = read.source.name if read.source else known.source_id
        refused = Change("refuse", rules.object_type, known.source_id, name, str(problem), seq, USERS)
        return replace(refused, target_id=known.target_id, retry=True)
    if answer.match is not None and answer.match.resource is not None:
        answer = replace(answer, holder=holders.get(str(answer.match.resource["id"])))
    job = planning.job
    change = decide(
        known,
        read.source,
        rules,
        read.scope,
        read.desired,
        answer,
        job.capabilities,
        seq=seq,
        policies=job.policies,
        comparing=planning.comparing,
        anew=planning.only is not None and planning.only.demanded,
    )
    # An object is seldom due for what it refers to alone.
    return replace(change, references_only=True) if read.due.references and not read.due.objects else change


def _remember(planning: Planning, read: _Read, answer: Answer | TargetError, change: Change) -> None:
    identity = change.source_id
    if change.action in ("delete", "removed"):
        planning.leaving.add(identity)
    elif change.action == "unlink":
        planning.unlinking.add(identity)
    elif not read.due.known.linked and change.action in ("create", "update", "link", "disable"):
        planning.linking[change.object_type].add(identity)
    has_account = read.due.known.linked or identity in planning.linking[change.object_type]
    if change.action == "unlink" or (has_account and read.scope.inside and identity not in planning.leaving):
        # Of a plan of many only what its references need is kept.
        planning.referring[identity] = change.anew(change.action, "", phase=REFERENCES, adopts=change.adopts)
        if change.object_type == "User" and read.source is not None:
            planning.managers[identity] = read.source.manager
            if read.source.manager and isinstance(answer, Answer):
                planning.manager_shown(identity, answer)
