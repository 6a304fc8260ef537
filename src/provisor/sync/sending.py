"""One page of a plan becomes requests, many at a time, and each row's answer its outcome.

A failure concerns its object alone, unless the target refuses everybody or is not there: then nothing more is sent.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from provisor.connectors.base import Stopped, TargetError
from provisor.provisioning.change import Change, Known
from provisor.sync import memberships, outcomes
from provisor.sync.answers import owner, probe
from provisor.sync.job import Job
from provisor.sync.preparing import MEMBERS, WITH_REQUEST, Page
from provisor.sync.records import Outcome, Planned
from provisor.sync.stopping import STOPPED

#: An answer that may be about an account that is protected, or about whoever asks; how many of it are believed to be
#: the former as long as nothing else was taken.
_FORBIDDEN, _MOST_FORBIDDEN = 403, 10


@dataclass(slots=True)
class Ending:
    """Why nothing more is sent: ``failure`` of the target, or somebody said so (``stopped``)."""

    failure: TargetError | None = None
    stopped: bool = False

    @property
    def reached(self) -> bool:
        return self.stopped or self.failure is not None


class Sender:
    """Sends the requests of one page; several may send at once, and share their ``ending``."""

    def __init__(self, job: Job, page: Page, ending: Ending) -> None:
        self._job = job
        self._page = page
        self._ending = ending
        #: (object type, source id, target id) of the accounts that were made, as far as the target said so.
        self.made: list[tuple[str, str, str]] = []
        self._taken = self._forbidden = 0
        self._welcome: asyncio.Task[bool] | None = None
        self._lost: tuple[TargetError, asyncio.Task[bool]] | None = None

    async def do(self, row: Planned) -> Outcome:
        change, known = row.change, self._page.of(row.change)
        if row.ordinal in self._page.late:
            return outcomes.put_off(row, known, outcomes.MOVED)
        if change.action not in WITH_REQUEST | MEMBERS:
            if change.action == "unlink" and await self._has_added_members(change.source_id):
                return self._failed(row, known, TargetError("members that were added are still in the group"))
            return outcomes.without_request(row, known, self._job.retries, exists=change.source_id in self._page.there)
        if self._ending.failure is not None:
            return outcomes.put_off(row, known, f"was not sent: {self._ending.failure}")
        try:
            outcome = await self._send(row, known)
            self._taken += outcome.status == "success"
            return outcome
        except Stopped:
            self._ending.stopped = True
            return outcomes.put_off(row, known, STOPPED)
        except TargetError as error:
            if error.hopeless and not await self._concerns_this_one_alone(error):
                self._ending.failure = self._ending.failure or error
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
            # One lost answer may have been about many.
            if self._lost is None or self._lost[0] is not error:
                self._lost = (error, asyncio.create_task(self._is_welcome()))
            return await self._lost[1]
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
            first = self._page.first.get(change.source_id, {})
            answer = await memberships.create(self._job, self._job.wire.create(change.object_type, change.sent), first)
            if answer is None:
                raise TargetError("the target answered without the resource that it created", unclear=True)
            self.made.append((change.object_type, change.source_id, str(answer["id"])))
            outcome = outcomes.created(row, known, rules, answer)
            outcome.members_put = memberships.went(self._job, change.source_id, first, answer)
            return outcome
        if change.action in MEMBERS:
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
        accounts, attributes = self._page.accounts, row.change.attributes
        if any(after is not None and str(after) not in accounts for _, after in attributes.values()):
            return self._failed(row, known, TargetError("the manager has no account yet"))
        changes = {
            name: (before, accounts[str(after)] if after is not None else None)
            for name, (before, after) in attributes.items()
        }
        answer = await self._job.target.send(self._job.wire.update(row.change.object_type, target_id, changes))
        return outcomes.references_updated(row, known, changes, answer)

    async def _send_members(self, row: Planned, known: Known) -> Outcome:
        group = row.change.source_id
        if known.target_id is None:
            return self._failed(row, known, TargetError("the group has no account yet"))
        if row.change.action == "remove members":
            return await memberships.remove(self._job, row, known, known.target_id, self._page.had[group])
        went = self._page.went.get(group, frozenset())
        return await memberships.add(self._job, row, known, known.target_id, self._page.accounts, went)

    async def _has_added_members(self, group: str) -> bool:
        found = await self._job.ledger.members([group])
        return any(membership.added for membership in found[group].values())

    async def _is_gone(self, change: Change, known: Known) -> bool:
        target_id = known.target_id or change.target_id
        try:
            return target_id is not None and await self._job.target.get(change.object_type, target_id) is None
        except (TargetError, Stopped):
            return False
