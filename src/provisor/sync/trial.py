"""The mappings of an application tried on one user or group, with what the target has of it; nothing is written."""

from __future__ import annotations

from provisor.connectors.base import Resource
from provisor.provisioning.change import Known
from provisor.provisioning.map import desire
from provisor.provisioning.match import pick, questions
from provisor.provisioning.schema import ObjectRules
from provisor.provisioning.scope import SourceObject, evaluate
from provisor.provisioning.trial import Tried, try_out
from provisor.refusal import Invalid, NotFound
from provisor.sync.answers import Answers
from provisor.sync.job import Job


async def try_on(job: Job, object_type: str, identity: str) -> tuple[SourceObject, str, list[Tried]]:
    """The object with this id, why it is in scope or not, and every mapping. Raises NotFound, Invalid when several
    accounts could be it, TargetError when the target cannot be asked."""
    source = (await job.source.read(object_type, [identity])).get(identity)
    if source is None:
        raise NotFound(f"There is no {object_type.lower()} {identity}.")
    rules = job.rules.of(object_type)
    scope = evaluate(source, rules, all_objects=job.all_objects)
    known = (await job.ledger.known([identity])).get(identity)
    account = await _account(job, rules, source, known, soft_deleted=not scope.inside)
    tried = try_out(rules, source, account, known, job.capabilities, soft_deleted=not scope.inside, inputs=job.inputs)
    return source, scope.reason, tried


async def _account(
    job: Job, rules: ObjectRules, source: SourceObject, known: Known | None, *, soft_deleted: bool
) -> Resource | None:
    """The account that is the object's already, or that a cycle would take for it."""
    if known is not None and known.linked:
        return await job.target.get(rules.object_type, str(known.target_id))
    asked = questions(rules, desire(rules, source, soft_deleted=soft_deleted, inputs=job.inputs))
    match = pick(asked, await Answers(job.target, rules, None).find(asked))
    if match.problem is not None:
        raise Invalid(f"{source.name}: {match.problem}.")
    return dict(match.resource) if match.resource is not None else None
