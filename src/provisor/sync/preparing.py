"""What must be known and durable before a page of a plan is sent: who has which account, and what may be done from now.

Everything is asked and written for the whole page at once. An object that changed since it was planned is left for the
next cycle, but for what still holds of a group's members: a group in which people come and go all the time would never
be done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from provisor.provisioning.capabilities import MEMBERS_PER_REQUEST
from provisor.provisioning.change import Change, Known
from provisor.sync.job import Job
from provisor.sync.records import Cycle, Membership, Planned

#: Actions on an account of whose answer it must be known whether it was heard.
WITH_REQUEST: Final = frozenset({"create", "update", "disable", "delete", "update references"})
MEMBERS: Final = frozenset({"add members", "remove members"})
#: What is right although its object was deleted for good meanwhile: it gives nothing to anybody.
_STILL_RIGHT: Final = frozenset(
    {"disable", "delete", "unlink", "link", "refuse", "removed", "nothing", "remove members"}
)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one phase, ready to be sent.

    By source id: ``known`` is what is known of the rows' objects, ``there`` are those that the directory still has,
    ``accounts`` the target ids of members and managers; ``had``: who is (or may be) in the groups from which somebody
    is removed; ``first``: members who go with a group's creation, with their target ids, and ``went`` who did. ``late``
    are the ordinals of rows about which the next cycle decides.
    """

    rows: list[Planned]
    known: Mapping[str, Known]
    there: frozenset[str]
    late: frozenset[int]
    accounts: Mapping[str, str]
    had: Mapping[str, Mapping[str, Membership]]
    first: Mapping[str, Mapping[str, str]]
    went: Mapping[str, frozenset[str]]

    def of(self, change: Change) -> Known:
        return self.known.get(change.source_id) or Known(change.source_id, change.object_type)

    @property
    def sent(self) -> list[Change]:
        """What is, or may be, done at the target."""
        changes = [row.change for row in self.rows if row.change.action in WITH_REQUEST | MEMBERS]
        return [
            replace(change, members=tuple(self.first[change.source_id]))
            if change.action == "create" and change.source_id in self.first
            else change
            for change in changes
        ]


async def prepare(job: Job, cycle: Cycle, epoch: int, rows: list[Planned]) -> Page:
    """Read and promise. Raises LeaseLost when another worker has taken over."""
    known = await job.ledger.known([row.change.source_id for row in rows])
    seqs = await job.source.seqs([row.change.source_id for row in rows])
    moved = {row.ordinal for row in rows if _moved(row.change, seqs)}
    late = frozenset(
        row.ordinal
        for row in rows
        if row.ordinal in moved and (row.change.action not in MEMBERS or row.change.source_id not in seqs)
    )
    rows = await _still_right(job, rows, moved - late)
    sending = [row.change for row in rows if row.ordinal not in late]
    accounts = await _accounts(job, sending)
    first = await _promise_first(job, cycle, epoch, sending, known)
    went = await _went(job, sending)
    had = await _promise_members(job, epoch, sending, known, accounts, went)
    requests = [change for change in sending if change.action in WITH_REQUEST]
    if requests:
        await job.ledger.promise(epoch, requests)
    # Those whose account is another's by this promise, and those who have one now, are not what they were.
    handed = [c.source_id for c in requests if c.target_id and not _linked(known, c.source_id)]
    handed += [change.releases for change in requests if change.releases is not None]
    known = {**known, **await job.ledger.known(handed)} if handed else known
    return Page(rows, known, frozenset(seqs), late, accounts, had, first, went)


def _moved(change: Change, seqs: Mapping[str, int]) -> bool:
    """Whether an object changed so that it must be decided about again."""
    seq = seqs.get(change.source_id)
    if seq is None:
        # Deleted for good: whatever takes something away goes on, the rest is decided again.
        return change.action not in _STILL_RIGHT
    return seq > change.seq


async def _still_right(job: Job, rows: list[Planned], moved: set[int]) -> list[Planned]:
    """The rows; of those of members that ``moved`` the part that their groups, as they are now, still ask for."""
    if not moved:
        return rows
    groups = {row.change.source_id for row in rows if row.ordinal in moved}
    now = {group: set(members) for group, members in (await job.source.members(sorted(groups))).items()}
    return [_part(row, now[row.change.source_id]) if row.ordinal in moved else row for row in rows]


def _part(row: Planned, now: set[str]) -> Planned:
    change = row.change
    adding = change.action == "add members"
    return replace(row, change=replace(change, members=tuple(m for m in change.members if (m in now) == adding)))


async def _accounts(job: Job, changes: list[Change]) -> dict[str, str]:
    wanted = {member for change in changes if change.action == "add members" for member in change.members}
    for change in changes:
        if change.action == "update references":
            wanted.update(str(after) for _, after in change.attributes.values() if after is not None)
    return await job.ledger.accounts(wanted) if wanted else {}


async def _promise_first(
    job: Job, cycle: Cycle, epoch: int, changes: list[Change], known: Mapping[str, Known]
) -> dict[str, dict[str, str]]:
    """Who goes with the creation of the groups that are made, as far as they have accounts by now: they may be in the
    group from now on.

    What was tried before and failed is made empty, lest the members are why; and who was in a group that is gone is not
    taken for somebody who went.
    """
    groups = [change.source_id for change in changes if change.action == "create" and change.object_type == "Group"]
    before = await job.ledger.members(groups) if groups else {}
    if stale := [(group, member) for group, members in before.items() for member in members]:
        await job.ledger.doubt_members(epoch, stale)
    if not (job.wire.members_at_creation and job.governor.members_at_creation):
        return {}
    groups = [group for group in groups if group not in known or known[group].untried]
    joining = await job.ledger.joining(cycle, groups, MEMBERS_PER_REQUEST) if groups else {}
    accounts = await job.ledger.accounts({member for members in joining.values() for member in members})
    first = {
        group: {member: accounts[member] for member in members if member in accounts}
        for group, members in joining.items()
    }
    rows = [(group, member, account) for group, found in first.items() for member, account in found.items()]
    if rows:
        await job.ledger.promise_members(epoch, rows)
    return first


async def _went(job: Job, changes: list[Change]) -> dict[str, frozenset[str]]:
    """Who is in groups since this cycle made them."""
    made = [change.source_id for change in changes if change.action == "add members" and change.target_id is None]
    found = await job.ledger.members(made) if made else {}
    return {
        group: frozenset(member for member, membership in members.items() if membership.confirmed)
        for group, members in found.items()
    }


async def _promise_members(
    job: Job,
    epoch: int,
    changes: list[Change],
    known: Mapping[str, Known],
    accounts: Mapping[str, str],
    went: Mapping[str, frozenset[str]],
) -> dict[str, dict[str, Membership]]:
    """Whoever is to be added may be in the group from now on, and whoever is to be removed may not be; returns who is
    (or may be) in the groups from which somebody is removed."""
    changes = [c for c in changes if c.source_id in known and known[c.source_id].target_id is not None]
    adding = [change for change in changes if change.action == "add members"]
    removing = [change for change in changes if change.action == "remove members"]
    added = [
        (change.source_id, member, accounts[member])
        for change in adding
        for member in change.members
        if member in accounts and member not in went.get(change.source_id, ())
    ]
    had = await job.ledger.members([change.source_id for change in removing]) if removing else {}
    if added:
        await job.ledger.promise_members(epoch, added)
    if leaving := [(change.source_id, member) for change in removing for member in change.members]:
        await job.ledger.doubt_members(epoch, leaving)
    return had


def _linked(known: Mapping[str, Known], identity: str) -> bool:
    return identity in known and known[identity].linked
