"""Why somebody is, or is not, provisioned, and what the next cycle would do about them; nothing is written.

Also for somebody who does not exist yet: attributes alone say what would become of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from provisor.connectors.base import TargetError
from provisor.provisioning.change import Answer, Change, Known
from provisor.provisioning.decide import decide
from provisor.provisioning.filters import Judged, judge
from provisor.provisioning.map import desire
from provisor.provisioning.match import Question, pick, questions
from provisor.provisioning.schema import ObjectRules
from provisor.provisioning.scope import Scope, SourceObject, evaluate
from provisor.provisioning.trial import REFERENCE, UNKNOWN, Tried, try_out
from provisor.refusal import NotFound
from provisor.sync.answers import Answers
from provisor.sync.cycle import Asked, dry_run
from provisor.sync.job import Job
from provisor.sync.planning import Only


@dataclass(frozen=True, slots=True)
class Explanation:
    """``asked``: each matching question with the ids that answer it (None: not asked, there is a link already).

    ``changes``: what the next cycle that looks at them would do, references included; ``demanded``: what would be done
    on demand, which also puts right what was changed or removed at the target and merges what the policy holds.
    ``problem``: why the target could not be asked; ``gone``: the account of the link is not there any more.
    """

    source: SourceObject
    scope: Scope
    filters: Sequence[Sequence[Judged]]
    known: Known | None
    asked: Mapping[Question, list[str]] | None
    tried: Sequence[Tried]
    changes: Sequence[Change] = ()
    demanded: Sequence[Change] = ()
    problem: str | None = None
    enabled: bool = True
    gone: bool = False

    @property
    def two_ways(self) -> bool:
        """Whether a cycle and provisioning on demand come to something else."""
        cycle, demand = (
            [(item.action, item.attributes.keys(), item.members) for item in changes if item.action != "nothing"]
            for changes in (self.changes, self.demanded)
        )
        return cycle != demand


async def explain(job: Job, object_type: str, identity: str) -> Explanation:
    """Explain the object with this id. Raises NotFound."""
    source = (await job.source.read(object_type, [identity])).get(identity)
    if source is None:
        raise NotFound(f"There is no {object_type.lower()} {identity}.")
    known = (await job.ledger.known([identity])).get(identity)
    told = await _told(job, source, known)
    if told.problem is not None:
        return told
    ids = (identity,)
    only = Only(users=ids) if object_type == "User" else Only(groups=ids)
    changes = await _planned(job, replace(only, demanded=False))
    demanded = await _planned(_merging(job), only)
    sent = {path for change in demanded for path in change.attributes}
    sent -= {path for change in changes for path in change.attributes}
    tried = [
        replace(row, sent=f"{row.sent} on demand only") if row.attribute in sent and row.sent != REFERENCE else row
        for row in told.tried
    ]
    return replace(told, tried=tried, changes=changes, demanded=demanded)


def _merging(job: Job) -> Job:
    """As it is provisioned on demand: whoever asks for it approves."""
    held = job.policies.adoption == "hold"
    return replace(job, policies=replace(job.policies, adoption="merge")) if held else job


async def _planned(job: Job, only: Only) -> list[Change]:
    result = await dry_run(job, lambda stage, done, total: None, Asked(only=only))
    return [row.change async for page in job.ledger.planned(result.cycle, 500) for row in page]


async def imagine(job: Job, object_type: str, attributes: Mapping[str, Any]) -> Explanation:
    """Explain somebody who does not exist yet, as if they were assigned."""
    name = str(attributes.get("userPrincipalName") or attributes.get("displayName") or "(nobody yet)")
    enabled = str(attributes.get("accountEnabled", "True")).casefold() != "false"
    source = SourceObject("new", object_type, name, attributes, job.as_of, enabled=enabled, assigned="(supposedly)")
    told = await _told(job, source, None)
    if told.problem is not None or not told.enabled:
        return told
    rules = job.rules.of(object_type)
    desired = desire(
        rules, source, soft_deleted=not told.scope.inside, inputs=job.inputs, taken=lambda path, value: False
    )
    asked = questions(rules, desired)
    match = pick(asked, await Answers(job.target, rules, None).find(asked)) if told.scope.inside else None
    change, demanded = (
        decide(
            Known("new", object_type),
            source,
            rules,
            told.scope,
            desired,
            Answer(match=match),
            job.capabilities,
            seq=job.as_of,
            policies=policies,
        )
        for policies in (job.policies, _merging(job).policies)
    )
    return replace(told, changes=[change], demanded=[demanded])


async def _told(job: Job, source: SourceObject, known: Known | None) -> Explanation:
    rules = job.rules.of(source.object_type)
    scope = evaluate(source, rules, all_objects=job.all_objects)
    account: Mapping[str, Any] | None = None
    asked: dict[Question, list[str]] | None = None
    problem = None
    try:
        if known is not None and known.linked:
            account = await job.target.get(source.object_type, str(known.target_id))
        else:
            asked, account = await _matched(job, rules, source, scope)
    except TargetError as error:
        problem = f"The target could not be asked: {error}"
    soft_deleted = not scope.inside
    tried = try_out(rules, source, account, known, job.capabilities, soft_deleted=soft_deleted, inputs=job.inputs)
    if problem is not None:
        tried = [row if row.sent == REFERENCE else replace(row, sent=UNKNOWN) for row in tried]
    filters = judge(rules.filters, source.attributes)
    gone = known is not None and known.linked and account is None and problem is None
    return Explanation(source, scope, filters, known, asked, tried, problem=problem, enabled=rules.enabled, gone=gone)


async def _matched(
    job: Job, rules: ObjectRules, source: SourceObject, scope: Scope
) -> tuple[dict[Question, list[str]], Mapping[str, Any] | None]:
    wanted = questions(rules, desire(rules, source, soft_deleted=not scope.inside, inputs=job.inputs))
    answers = await Answers(job.target, rules, None).find(wanted)
    found = {question: [str(item.get("id")) for item in items] for question, items in answers.items()}
    match = pick([question for question in wanted if question in answers], answers)
    return found, match.resource
