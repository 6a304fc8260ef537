"""Members put into groups and taken out: in chunks, the first one with the group's creation.

Each is tried by itself where one of them is why a chunk is refused.

What may have been done is in the ledger before the first request (``preparing``): here are only requests and answers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from provisor.connectors.base import Resource, TargetError
from provisor.provisioning.capabilities import MEMBERS_PER_REQUEST
from provisor.provisioning.change import Known
from provisor.scim.requests import Request, chunks, with_members
from provisor.sync import outcomes
from provisor.sync.job import Job
from provisor.sync.records import Membership, Outcome, Planned

#: Answers to a request about several members that one of them alone may have caused.
_ONE_OF_THEM: Final = frozenset({400, 404, 409, 422})
_CONFLICT: Final = 409


async def create(job: Job, request: Request, first: Mapping[str, str]) -> Resource | None:
    """Make a group with its ``first`` members, or without any where one of them may be why that is refused."""
    if first:
        try:
            return await job.target.send(with_members(request, list(first.values())))
        except TargetError as error:
            if error.unclear or error.status not in _ONE_OF_THEM:
                raise
            return await _without(job, request, error)
    return await job.target.send(request)


async def _without(job: Job, request: Request, refused: TargetError) -> Resource | None:
    """Make a group without the members with whom it was ``refused``."""
    try:
        return await job.target.send(request)
    except TargetError as error:
        # It may be in the way of itself: made, and refused for its members' sake.
        error.unclear = error.unclear or (error.status == _CONFLICT and refused.status != _CONFLICT)
        raise


def went(job: Job, group: str, first: Mapping[str, str], answer: Resource) -> list[tuple[str, str, str, bool]]:
    """Those of its ``first`` members whom a new group has, by the target's own answer."""
    members = answer.get("members")
    rows = members if isinstance(members, list) else []
    shown = {str(item.get("value")) for item in rows if isinstance(item, Mapping)}
    if not shown.issuperset(first.values()):
        # It takes none so, or does not say it: they are added as others are, and the next group's at once.
        job.governor.members_at_creation = False
    return [(group, member, account, True) for member, account in first.items() if account in shown]


async def add(
    job: Job, row: Planned, known: Known, group: str, accounts: Mapping[str, str], went: Collection[str]
) -> Outcome:
    """Put the row's members, as far as they have ``accounts``, into the target's ``group``; but for those who ``went``
    with its creation."""
    change = row.change
    ids = {member: accounts[member] for member in change.members if member in accounts and member not in went}
    refused = await _in_chunks(job, list(ids.values()), lambda part: job.wire.add_members(group, part, len(part)))
    if refused:
        error = TargetError(f"{len(refused)} members were not taken: {next(iter(refused.values()))}")
        outcome = outcomes.failed(row, known, error, job.retries)
    else:
        missing = sum(member not in accounts and member not in went for member in change.members)
        outcome = outcomes.referred(row, known)
        if missing:
            outcome.status, outcome.message = "skipped", f"{missing} of the members have no account yet"
    outcome.members_put = [
        (change.source_id, member, target, True) for member, target in ids.items() if target not in refused
    ]
    return outcome


async def remove(job: Job, row: Planned, known: Known, group: str, had: Mapping[str, Membership]) -> Outcome:
    """Take the row's members and strangers out of the target's ``group``; ``had`` is who is (or may be) in it. One who
    is not in the group any more keeps nobody else in it."""
    change = row.change
    ids = [*(had[member].target_id for member in change.members if member in had), *change.strangers]
    refused = await _in_chunks(job, ids, lambda part: job.wire.remove_members(group, part, len(part)))
    if refused:
        there = set(await job.target.members(group) or ())
        refused = {identity: error for identity, error in refused.items() if identity in there}
    if refused:
        error = TargetError(f"{len(refused)} members could not be removed: {next(iter(refused.values()))}")
        outcome = outcomes.failed(row, known, error, job.retries)
    else:
        outcome = outcomes.referred(row, known)
    outcome.members_gone = [
        (change.source_id, member)
        for member in change.members
        if member not in had or had[member].target_id not in refused
    ]
    return outcome


async def _in_chunks(
    job: Job, ids: Sequence[str], requests: Callable[[Sequence[str]], list[Request]]
) -> dict[str, TargetError]:
    """Send a request for each chunk of members; those that the target refuses when asked about them alone, with its
    answer."""
    refused: dict[str, TargetError] = {}
    for part in chunks(ids, MEMBERS_PER_REQUEST):
        try:
            await _send(job, requests(part))
        except TargetError as error:
            if error.status not in _ONE_OF_THEM:
                raise
            refused |= {part[0]: error} if len(part) == 1 else await _one_by_one(job, part, requests)
    return refused


async def _one_by_one(
    job: Job, ids: Sequence[str], requests: Callable[[Sequence[str]], list[Request]]
) -> dict[str, TargetError]:
    refused: dict[str, TargetError] = {}
    for identity in ids:
        try:
            await _send(job, requests([identity]))
        except TargetError as error:
            if error.status not in _ONE_OF_THEM:
                raise
            refused[identity] = error
    return refused


async def _send(job: Job, requests: list[Request]) -> None:
    for request in requests:
        await job.target.send(request)
