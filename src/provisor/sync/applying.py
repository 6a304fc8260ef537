"""Applying: the plan's changes become requests, phase by phase and page by page.

Each page: promise what is sent (durable before the first request), send many requests at a time, then write links,
outcomes and log rows in one transaction that checks the lease. An object that changed since it was planned is left for
the next cycle. A failure concerns its object alone, unless the target refuses or cannot be reached: then the cycle
stops.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from provisor.connectors.base import Stopped, TargetError
from provisor.provisioning.capabilities import MEMBERS_PER_REQUEST
from provisor.provisioning.change import Change, Known
from provisor.provisioning.guards import harmed
from provisor.scim.requests import Request
from provisor.storage.pool import AWAY
from provisor.sync import outcomes
from provisor.sync.answers import gather, owner, probe
from provisor.sync.job import Job
from provisor.sync.ledger import LeaseLost
from provisor.sync.records import Cycle, Outcome, Planned
from provisor.sync.stopping import STOPPED

PAGE = 100
#: Actions on an account of whose answer it must be known whether it was heard.
_WITH_REQUEST = frozenset({"create", "update", "disable", "delete", "update references"})
#: What is right although its object was deleted for good meanwhile: it gives nothing to anybody.
_STILL_RIGHT = frozenset({"disable", "delete", "unlink", "link", "refuse", "removed", "nothing", "remove members"})
_MEMBERS = frozenset({"add members", "remove members"})
#: Answers to adding several members that one of them alone may have caused.
_ONE_OF_THEM = frozenset({400, 404, 409, 422})
#: An answer that may be about an account that is protected, or about whoever asks; how many of it are believed to be
#: the former as long as nothing else was taken.
_FORBIDDEN, _MOST_FORBIDDEN = 403, 10
#: Called with the number of rows that are done.
Report = Callable[[int], None]


@dataclass(slots=True)
class Done:
    """What came of a plan so far, also when it is not finished.

    * ``harmed``: source ids (of strangers target ids) of those from whom something was taken;
    * ``keep_due``: objects of which the plan did a part only, so that they stay due;
    * ``only_opened``: references that were due before the plan stay due, because it was not made from them.
    """

    keep_due: frozenset[str] = frozenset()
    only_opened: bool = False
    failures: int = 0
    harmed: set[str] = field(default_factory=set)


async def apply(job: Job, cycle: Cycle, epoch: int, report: Report, done: Done) -> None:
    """Do the whole plan, keeping count in ``done``.

    Raises TargetError when the target refuses everybody or is not there, Stopped when somebody said so, LeaseLost when
    another worker took over.
    """
    opened = await job.ledger.open_references(epoch, cycle)
    count = 0
    async for page in job.ledger.planned(cycle, PAGE):
        await _apply_page(job, cycle, epoch, page, done)
        count += len(page)
        report(count)
    await job.ledger.settle_references(epoch, cycle, opened if done.only_opened else None, done.keep_due)


async def _apply_page(job: Job, cycle: Cycle, epoch: int, page: list[Planned], done: Done) -> None:
    ids = [row.change.source_id for row in page]
    known = await job.ledger.known(ids)
    seqs = await _now(job, page)
    sending = [row.change for row in page if row.change.action in _WITH_REQUEST and not _moved(row.change, seqs)]
    if sending:
        await job.ledger.promise(epoch, sending)
    # Those whose account is another's by this promise, and those who have one now, are not what they were.
    handed = [change.source_id for change in sending if change.target_id and not _linked(known, change.source_id)]
    handed += [change.releases for change in sending if change.releases is not None]
    known = {**known, **await job.ledger.known(handed)} if handed else known
    worker = _Worker(job, epoch, known, seqs)
    try:
        await _send_and_settle(job, cycle, epoch, page, worker, done)
    except (LeaseLost, asyncio.CancelledError):
        with contextlib.suppress(*AWAY):
            await job.ledger.doubt(epoch, [row.change for row in page if row.change.action in _WITH_REQUEST | _MEMBERS])
        raise
    if worker.stopped:
        raise Stopped
    if worker.stopped_by is not None:
        raise worker.stopped_by


async def _send_and_settle(
    job: Job, cycle: Cycle, epoch: int, page: list[Planned], worker: _Worker, done: Done
) -> None:
    settled: list[Outcome] = await gather(worker.do(row) for row in page)
    for row, outcome in zip(page, settled, strict=True):
        outcome.settled = outcome.settled and outcome.source_id not in done.keep_due
        done.failures += outcome.status == "failure"
        if outcome.status == "success":
            done.harmed.update(harmed(row.change))
    await job.ledger.settle(epoch, cycle, settled, harmed=len(done.harmed))


async def _now(job: Job, page: list[Planned]) -> dict[str, int]:
    """Source id → number of its last change; without those that were deleted for good."""
    found: dict[str, int] = {}
    for object_type in ("User", "Group"):
        ids = [row.change.source_id for row in page if row.change.object_type == object_type]
        if ids:
            sources = await job.source.read(object_type, ids)
            found.update((identity, source.seq) for identity, source in sources.items())
    return found


def _moved(change: Change, seqs: Mapping[str, int]) -> bool:
    """Whether an object changed so that it must be decided about again."""
    seq = seqs.get(change.source_id)
    if seq is None:
        # Deleted for good: whatever takes something away goes on, the rest is decided again.
        return change.action not in _STILL_RIGHT
    return seq > change.seq


class _Worker:
    """Sends the requests of one page; ``stopped_by`` is the failure after which nothing more is sent, ``stopped``:
    somebody said that nothing more is to be."""

    def __init__(self, job: Job, epoch: int, known: Mapping[str, Known], seqs: Mapping[str, int]) -> None:
        self._job = job
        self._epoch = epoch
        self._known = known
        self._seqs = seqs
        self.stopped_by: TargetError | None = None
        self.stopped = False
        self._taken = self._forbidden = 0
        self._welcome: asyncio.Task[bool] | None = None

    async def do(self, row: Planned) -> Outcome:
        change = row.change
        known = self._known.get(change.source_id) or Known(change.source_id, change.object_type)
        moved = _moved(change, self._seqs)
        if moved and (change.action not in _MEMBERS or change.source_id not in self._seqs):
            return outcomes.put_off(row, known, outcomes.MOVED)
        if moved:
            # A group in which people come and go all the time would never be done: what still holds of it is.
            row = await self._still_right(row)
            change = row.change
        if change.action not in _WITH_REQUEST | _MEMBERS:
            if change.action == "unlink" and await self._has_added_members(change.source_id):
                return self._failed(row, known, TargetError("members that were added are still in the group"))
            return outcomes.without_request(row, known, self._job.retries, exists=change.source_id in self._seqs)
        if self.stopped_by is not None:
            return outcomes.put_off(row, known, f"was not sent: {self.stopped_by}")
        try:
            outcome = await self._send(row, known)
            self._taken += outcome.status == "success"
            return outcome
        except Stopped:
            self.stopped = True
            return outcomes.put_off(row, known, STOPPED)
        except TargetError as error:
            if error.hopeless and not await self._concerns_this_one_alone(error):
                self.stopped_by = self.stopped_by or error
            gone = error.status == 404 and change.action != "create" and await self._is_gone(change, known)
            if gone and await self._welcomed():
                return outcomes.lost(row, known)
            return self._failed(row, known, error)

    def _failed(self, row: Planned, known: Known, error: TargetError) -> Outcome:
        return outcomes.failed(row, known, error, self._job.retries)

    async def _concerns_this_one_alone(self, error: TargetError) -> bool:
        """Whether a refusal is about an account that the target protects, and not about whoever asks; or only this
        answer was lost, and the target is there."""
        if not error.reached and error.unclear:
            return await self._is_welcome()
        if error.status != _FORBIDDEN:
            return False
        self._forbidden += 1
        if self._forbidden > _MOST_FORBIDDEN and not self._taken:
            return False
        return await self._welcomed()

    async def _welcomed(self) -> bool:
        """Whether the target is what it was, asked once: one that answers everybody with 404 knows nobody's account."""
        if self._welcome is None:
            self._welcome = asyncio.create_task(self._is_welcome())
        return await self._welcome

    async def _is_welcome(self) -> bool:
        job = self._job
        try:
            await probe(job.target, job.rules, job.wire)
            if job.capabilities.owner_id and job.wire.lists:
                await owner(job.target)
        except (TargetError, Stopped):
            return False
        return True

    async def _send(self, row: Planned, known: Known) -> Outcome:
        change, target = row.change, self._job.target
        rules = self._job.rules.of(change.object_type)
        if change.action == "create":
            answer = await target.send(self._job.wire.create(change.object_type, change.sent))
            if answer is None:
                raise TargetError("the target answered without the resource that it created", unclear=True)
            return outcomes.created(row, known, rules, answer)
        if change.action in ("add members", "remove members"):
            return await self._send_members(row, known)
        target_id = known.target_id or change.target_id
        if target_id is None:
            return self._failed(row, known, TargetError("has no account yet"))
        if change.action == "delete":
            return await self._delete(row, target_id)
        if change.action == "update references":
            return await self._send_references(row, known, target_id)
        answer = await target.send(self._job.wire.update(change.object_type, target_id, change.attributes))
        if change.action == "disable" and answer is None:
            # A leaver is done only when the target says so itself.
            answer = await target.get(change.object_type, target_id)
        return outcomes.updated(row, known, rules, answer, self._job.retries)

    async def _delete(self, row: Planned, target_id: str) -> Outcome:
        try:
            await self._job.target.send(self._job.wire.delete(row.change.object_type, target_id))
        except TargetError as error:
            if error.status != 404:
                raise
        return outcomes.deleted(row)

    async def _send_references(self, row: Planned, known: Known, target_id: str) -> Outcome:
        wanted = [str(after) for _, after in row.change.attributes.values() if after is not None]
        accounts = await self._job.ledger.known(wanted)
        if any(not _account(accounts, item) for item in wanted):
            return self._failed(row, known, TargetError("the manager has no account yet"))
        changes = {
            name: (before, _account(accounts, str(after)) if after is not None else None)
            for name, (before, after) in row.change.attributes.items()
        }
        await self._job.target.send(self._job.wire.update(row.change.object_type, target_id, changes))
        return outcomes.references_updated(row, known)

    async def _send_members(self, row: Planned, known: Known) -> Outcome:
        change = row.change
        if known.target_id is None:
            return self._failed(row, known, TargetError("the group has no account yet"))
        if change.action == "remove members":
            had = (await self._job.ledger.members([change.source_id]))[change.source_id]
            await self._job.ledger.doubt_members(self._epoch, change.source_id, change.members)
            ids = [*(had[member].target_id for member in change.members if member in had), *change.strangers]
            refused = await self._remove(known.target_id, ids)
            if refused:
                error = TargetError(f"{len(refused)} members could not be removed: {next(iter(refused.values()))}")
                outcome = self._failed(row, known, error)
            else:
                outcome = outcomes.referred(row, known)
            outcome.members_gone = [
                (change.source_id, member)
                for member in change.members
                if member not in had or had[member].target_id not in refused
            ]
            return outcome
        return await self._add_members(row, known, known.target_id)

    async def _add_members(self, row: Planned, known: Known, group: str) -> Outcome:
        change = row.change
        accounts = await self._job.ledger.known(change.members)
        ids = {member: target for member in change.members if (target := _account(accounts, member))}
        await self._job.ledger.promise_members(self._epoch, change.source_id, ids)
        refused: dict[str, TargetError] = {}
        for request in self._job.wire.add_members(group, list(ids.values()), MEMBERS_PER_REQUEST):
            try:
                await self._job.target.send(request)
            except TargetError as error:
                if error.status not in _ONE_OF_THEM:
                    raise
                refused |= await self._add_one_by_one(group, request)
        taken = {member: target for member, target in ids.items() if target not in refused}
        if refused:
            first = next(iter(refused.values()))
            outcome = self._failed(row, known, TargetError(f"{len(refused)} members were not taken: {first}"))
        else:
            missing = len(change.members) - len(ids)
            outcome = outcomes.referred(row, known)
            if missing:
                outcome.status, outcome.message = "skipped", f"{missing} of the members have no account yet"
        outcome.members_put = [(change.source_id, member, target, True) for member, target in taken.items()]
        return outcome

    async def _add_one_by_one(self, group: str, request: Request) -> dict[str, TargetError]:
        """The members of a refused request each by itself, so that one who is gone keeps nobody else out."""
        assert request.body is not None
        refused: dict[str, TargetError] = {}
        for item in request.body["Operations"][0]["value"]:
            (single,) = self._job.wire.add_members(group, [item["value"]], 1)
            try:
                await self._job.target.send(single)
            except TargetError as error:
                if error.status not in _ONE_OF_THEM:
                    raise
                refused[item["value"]] = error
        return refused

    async def _remove(self, group: str, ids: list[str]) -> dict[str, TargetError]:
        """Remove members by target id; those that the target does not let go, with its answer. One who is not in the
        group any more keeps nobody else in it."""
        refused: dict[str, TargetError] = {}
        for start in range(0, len(ids), MEMBERS_PER_REQUEST):
            part = ids[start : start + MEMBERS_PER_REQUEST]
            (request,) = self._job.wire.remove_members(group, part, MEMBERS_PER_REQUEST)
            try:
                await self._job.target.send(request)
            except TargetError as error:
                if error.status not in _ONE_OF_THEM:
                    raise
                refused |= await self._remove_one_by_one(group, part, error)
        if refused:
            there = set(await self._job.target.members(group) or ())
            refused = {identity: error for identity, error in refused.items() if identity in there}
        return refused

    async def _remove_one_by_one(self, group: str, ids: list[str], first: TargetError) -> dict[str, TargetError]:
        if len(ids) == 1:
            return {ids[0]: first}
        refused: dict[str, TargetError] = {}
        for identity in ids:
            (single,) = self._job.wire.remove_members(group, [identity], 1)
            try:
                await self._job.target.send(single)
            except TargetError as error:
                if error.status not in _ONE_OF_THEM:
                    raise
                refused[identity] = error
        return refused

    async def _still_right(self, row: Planned) -> Planned:
        """The part of a row of members that its group, as it is now, still asks for."""
        change = row.change
        now = set((await self._job.source.members([change.source_id]))[change.source_id])
        adding = change.action == "add members"
        return replace(row, change=replace(change, members=tuple(m for m in change.members if (m in now) == adding)))

    async def _has_added_members(self, group: str) -> bool:
        found = await self._job.ledger.members([group])
        return any(membership.added for membership in found[group].values())

    async def _is_gone(self, change: Change, known: Known) -> bool:
        target_id = known.target_id or change.target_id
        try:
            return target_id is not None and await self._job.target.get(change.object_type, target_id) is None
        except (TargetError, Stopped):
            return False


def _linked(known: Mapping[str, Known], identity: str) -> bool:
    return identity in known and known[identity].linked


def _account(accounts: Mapping[str, Known], identity: str) -> str | None:
    found = accounts.get(identity)
    return found.target_id if found is not None and found.linked else None
