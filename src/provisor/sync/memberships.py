"""Members put into groups and taken out: in chunks, and each by itself where one of them is why a chunk is refused.

What may have been done is in the ledger before the first request (``preparing``): here are only requests and answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from provisor.connectors.base import TargetError
from provisor.provisioning.capabilities import MEMBERS_PER_REQUEST
from provisor.provisioning.change import Known
from provisor.scim.requests import Request, chunks
from provisor.sync import outcomes
from provisor.sync.job import Job
from provisor.sync.records import Membership, Outcome, Planned

#: Answers to a request about several members that one of them alone may have caused.
_ONE_OF_THEM: Final = frozenset({400, 404, 409, 422})


async def add(job: Job, row: Planned, known: Known, group: str, accounts: Mapping[str, str]) -> Outcome:
    """Put the row's members, as far as they have ``accounts``, into the target's ``group``."""
    change = row.change
    ids = {member: accounts[member] for member in change.members if member in accounts}
    refused = await _in_chunks(job, list(ids.values()), lambda part: job.wire.add_members(group, part, len(part)))
    if refused:
        error = TargetError(f"{len(refused)} members were not taken: {next(iter(refused.values()))}")
        outcome = outcomes.failed(row, known, error, job.retries)
    else:
        missing = len(change.members) - len(ids)
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
