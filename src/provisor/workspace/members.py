"""Who is in which group: the membership table, and nothing else, says so.

Every user is a member of the reserved group ``users`` by a row like any other, so that members, groups and
entitlements are each one question to one table. A change names only the members that come or go, whatever the size of
the group.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from provisor.storage.pool import Row, Tx
from provisor.workspace.edit import QUERIES, Edit, Workspace
from provisor.workspace.refusals import Immutable, Unfit
from provisor.workspace.resources import Group, User
from provisor.workspace.rules import ADMINS, USERS, lose_admins

#: Memberships from which on a page of members is found by going through the names.
_MANY: Final = 5_000


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody or a group in a group, as pages list them: by ``key``, the name in small letters, then by ``id``."""

    id: str
    type: str
    name: str
    display: str
    key: str
    active: bool


async def of_groups(tx: Tx, workspace: Workspace, groups: Sequence[str]) -> dict[str, list[Row]]:
    """Direct members (``value``, ``type``, ``name``, ``display``) by group id."""
    found: dict[str, list[Row]] = {group: [] for group in groups}
    for row in await tx.fetch(QUERIES.members_of, workspace.id, list(groups)):
        found[row["group_id"]].append(row)
    return found


async def chunks(tx: Tx, workspace: Workspace, group: str, size: int = 1000) -> AsyncIterator[list[Row]]:
    """Direct members of one group as :func:`of_groups` has them, ``size`` at a time; ``tx`` is a transaction."""
    cursor = await tx.cursor(QUERIES.members_of, workspace.id, [group])
    while rows := await cursor.fetch(size):
        yield rows


async def page(
    tx: Tx, workspace: Workspace, group: str, after: tuple[str, str], limit: int, text: str = ""
) -> list[Member]:
    """Direct members of one group by name: users, service principals and groups with ``text`` in a name, from ``after``
    (key and id) on."""
    people = await people_in(tx, workspace, [group], after, limit, text)
    rows = await tx.fetch(QUERIES.members_groups, workspace.id, group, *after, text.casefold(), limit)
    return sorted([*people, *(Member(**row) for row in rows)], key=lambda one: (one.key, one.id))[:limit]


async def people_in(
    tx: Tx, workspace: Workspace, groups: Sequence[str], after: tuple[str, str], limit: int, text: str = ""
) -> list[Member]:
    """As :func:`page`, users and service principals that are in any of ``groups``, each once."""
    many = await tx.fetchval(QUERIES.members_some, workspace.id, list(groups), _MANY)
    statement = QUERIES.members_walked if many else QUERIES.members_gathered
    rows = await tx.fetch(statement, workspace.id, list(groups), *after, text.casefold(), limit)
    return [Member(**row) for row in rows]


def ids(values: Iterable[Any]) -> list[str]:
    """The ids in a list of member values, each once. Raises Unfit for one that has none."""
    found: dict[str, None] = {}
    for item in values:
        value = item.get("value") if isinstance(item, Mapping) else item
        if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
            raise Unfit("Every member needs a value: the id of a user or group.")
        found[str(value)] = None
    return list(found)


async def add(work: Edit, group: Group, wanted: Sequence[str]) -> list[str]:
    """Add users and groups by id; returns those that were not in it. Raises Unfit for ids that nobody has."""
    if not wanted:
        return []
    rows = await work.tx.fetch(QUERIES.users_present, work.workspace.id, list(wanted))
    principals = {row["id"]: row["kind"] for row in rows}
    others = [identity for identity in wanted if identity not in principals]
    if others:
        await _check_children(work, group, others)
    rows = await work.tx.fetch(
        QUERIES.member_insert,
        work.workspace.id,
        group.id,
        list(wanted),
        [principals.get(identity, "Group") for identity in wanted],
    )
    return sorted(row["member_id"] for row in rows)


async def remove(work: Edit, group: Group, unwanted: Sequence[str]) -> list[str]:
    """Take users and groups out of a group by id; returns those that were in it."""
    if not unwanted:
        return []
    if group.reserved and group.name == USERS:
        raise Immutable("Everybody in the workspace is a member of users: remove the user from the workspace instead.")
    if group.reserved and group.name == ADMINS:
        await lose_admins(work, set(unwanted))
    rows = await work.tx.fetch(QUERIES.member_delete, work.workspace.id, group.id, list(unwanted))
    return sorted(row["member_id"] for row in rows)


async def present(work: Edit, group: Group) -> set[str]:
    """The ids of all members: what a whole new list is compared with."""
    return {row["member_id"] for row in await work.tx.fetch(QUERIES.member_ids, work.workspace.id, group.id)}


async def moved(work: Edit, groups: Iterable[str]) -> None:
    """These groups look different now: their version counts on."""
    await work.tx.execute(QUERIES.groups_moved, work.workspace.id, sorted(groups))


async def lock(work: Edit, groups: Iterable[str]) -> None:
    """Lock groups whose memberships are about to change, in the one order that everybody keeps to."""
    await work.tx.execute(QUERIES.groups_lock, work.workspace.id, sorted(groups))


async def join(work: Edit, user: User, groups: Sequence[str]) -> list[str]:
    """Put a user into groups by id; returns those they were not in. Raises Unfit for ids that no group has."""
    if not groups:
        return []
    await lock(work, groups)
    found = {row["id"] for row in await work.tx.fetch(QUERIES.groups_present, work.workspace.id, list(groups))}
    for identity in groups:
        if identity not in found:
            raise Unfit(f"There is no group {identity} in this workspace.")
    rows = await work.tx.fetch(QUERIES.member_join, work.workspace.id, list(groups), user.id, user.principal.name)
    joined = sorted(row["group_id"] for row in rows)
    await moved(work, joined)
    return joined


async def leave(work: Edit, user: User, groups: Sequence[str]) -> list[str]:
    """Take a user out of groups by id; returns those they were in. ``users`` cannot be left."""
    names = {item["value"]: item["display"] for item in user.groups or ()}
    leaving = [identity for identity in groups if names.get(identity, USERS) != USERS]
    if not leaving:
        return []
    if any(names[identity] == ADMINS for identity in leaving):
        await lose_admins(work, {user.id})
    await lock(work, leaving)
    rows = await work.tx.fetch(QUERIES.member_leave, work.workspace.id, user.id, leaving)
    left = sorted(row["group_id"] for row in rows)
    await moved(work, left)
    return left


async def _check_children(work: Edit, group: Group, children: Sequence[str]) -> None:
    """Whether these ids are groups that may stand below ``group``: none of them above it, none in ``admins``."""
    await work.tx.execute(QUERIES.workspace_lock, work.workspace.id)
    found = {
        row["id"]: row["name"] for row in await work.tx.fetch(QUERIES.groups_present, work.workspace.id, list(children))
    }
    for identity in children:
        if identity not in found:
            raise Unfit(f"There is no user or group {identity} in this workspace.")
    if group.reserved:
        raise Immutable(f"The group {group.name} is reserved: groups cannot be members of it.")
    above = {row["id"] for row in await work.tx.fetch(QUERIES.ancestors, work.workspace.id, group.id)}
    for identity in children:
        if identity in above:
            raise Unfit(f"{found[identity]} contains {group.name} and cannot be a member of it.")
