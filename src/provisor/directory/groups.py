"""Groups and their members.

Names of groups are not unique in a directory; a name that several groups have is refused with their ids. A change of
members touches both sides: the group, and whoever came or went, because being assigned through a group is part of a
person's scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID, uuid4

import asyncpg

from provisor import audit
from provisor.directory import attributes, users
from provisor.directory.edit import QUERIES, Edit, Tenant
from provisor.refusal import Conflict, Invalid, NotFound
from provisor.storage.pool import Row, Tx


@dataclass(frozen=True, slots=True)
class Group:
    id: UUID
    doc: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.doc["displayName"])

    def to_json(self) -> dict[str, Any]:
        return {"objectId": str(self.id), **self.doc}


async def find(tx: Tx, tenant: Tenant, name: str) -> Group:
    """The group with this display name or object id. Raises NotFound, or Conflict when several have the name."""
    rows = await tx.fetch(QUERIES.groups_by_key, tenant.id, [name.casefold()])
    if len(rows) > 1:
        raise Conflict(f"Several groups are called {name}: use an id ({', '.join(str(row['id']) for row in rows)}).")
    if not rows:
        try:
            rows = await tx.fetch(QUERIES.groups_by_id, tenant.id, [UUID(name)])
        except ValueError:
            rows = []
    if not rows:
        raise NotFound(f"There is no group {name} in the tenant {tenant.name}.")
    return Group(rows[0]["id"], rows[0]["doc"])


async def alike(tx: Tx, tenant: Tenant, group: UUID, name: str) -> str:
    """A warning when other groups are called like this one; empty when none is. A directory allows that, and many
    applications do not."""
    rows = await tx.fetch(QUERIES.groups_by_key, tenant.id, [name.casefold()])
    others = {row["id"]: row["doc"]["displayName"] for row in rows if row["id"] != group}
    if not others:
        return ""
    called = "Another group is" if len(others) == 1 else f"{len(others)} other groups are"
    return f"{called} called {min(others.values())}, too: most applications take one group of a name only."


async def by_id(tx: Tx, tenant: Tenant, identity: UUID) -> Group:
    """The group with this id, whatever others are called. Raises NotFound."""
    rows = await tx.fetch(QUERIES.groups_by_id, tenant.id, [identity])
    if not rows:
        raise NotFound(f"There is no group {identity} in the tenant {tenant.name}.")
    return Group(rows[0]["id"], rows[0]["doc"])


async def page(tx: Tx, tenant: Tenant, after: tuple[str, UUID], limit: int, text: str = "") -> list[Row]:
    """Groups by name with their number of members (``id``, ``doc``, ``name_key``, ``members``), those with ``text`` in
    the name."""
    rows: list[Row] = await tx.fetch(QUERIES.groups_page, tenant.id, after[0], limit, after[1], text.casefold())
    return rows


async def members_page(
    tx: Tx, tenant: Tenant, group: UUID, after: tuple[str, UUID], limit: int, text: str = ""
) -> list[Row]:
    """Direct members by name (``id``, ``type``, ``name``, ``display``, ``key``, ``enabled``)."""
    rows: list[Row] = await tx.fetch(QUERIES.members_page, tenant.id, group, *after, text.casefold(), limit)
    return rows


async def create(work: Edit, given: Mapping[str, Any]) -> UUID:
    work.require("directory.write")
    doc = {name: value for name, value in parsed(given).items() if value is not None}
    group = Group(uuid4(), {"securityEnabled": True, "mailEnabled": False, **doc})
    await save(work, {group.id: None}, [group])
    return group.id


async def change(work: Edit, before: Group, given: Mapping[str, Any]) -> None:
    work.require("directory.write")
    merged = {name: value for name, value in {**before.doc, **parsed(given)}.items() if value is not None}
    await save(work, {before.id: before}, [Group(before.id, merged)])


async def delete(work: Edit, group: Group) -> None:
    """Delete a group for good; whoever was in it is touched, as their scope may change."""
    work.require("directory.write")
    await work.tx.execute(QUERIES.groups_lock, work.tenant.id, [group.id])
    members = await work.tx.fetch(QUERIES.members_of, work.tenant.id, [group.id])
    parents = await work.tx.fetch(QUERIES.leave_groups, work.tenant.id, group.id)
    await work.tx.execute(QUERIES.forget_assignments, work.tenant.id, group.id)
    await work.tx.execute(QUERIES.forget_owners, work.tenant.id, group.id)
    await work.tx.execute(QUERIES.group_delete, work.tenant.id, group.id)
    work.touch("Group", group.id)
    for row in parents:
        work.move(row["group_id"], group.id, "Group")
    for row in members:
        # A group that is imported with the same id is another one: who was in this one is not in that one.
        work.move(group.id, row["member_id"], row["member_type"])
        work.touch(row["member_type"], row["member_id"])
    work.record(audit.Entry("delete", f"group {group.name}", str(group.id), before=group.to_json()))


async def members(tx: Tx, tenant: Tenant, group: UUID) -> list[Row]:
    """Direct members (``member_id``, ``member_type``, ``name``), without those in the recycle bin."""
    rows: list[Row] = await tx.fetch(QUERIES.members_of, tenant.id, [group])
    return rows


async def add_members(work: Edit, rows: Sequence[tuple[UUID, UUID, str]]) -> int:
    """Add (group, member, member's type) rows; returns how many were new."""
    work.require("directory.write")
    if any(group == member for group, member, _ in rows):
        raise Invalid("A group cannot be a member of itself.")
    kinds = {(group, member): kind for group, member, kind in rows}
    await _keep_members(work, kinds)
    try:
        added = await work.tx.fetch(
            QUERIES.member_insert,
            work.tenant.id,
            [group for group, _, _ in rows],
            [member for _, member, _ in rows],
            [kind for _, _, kind in rows],
        )
    except asyncpg.ForeignKeyViolationError:
        raise NotFound("The group was deleted meanwhile.") from None
    await _record_members(work, "add member", [(row["group_id"], row["member_id"]) for row in added], kinds)
    return len(added)


async def _keep_members(work: Edit, kinds: Mapping[tuple[UUID, UUID], str]) -> None:
    """Hold the members in place until the rows are written: no row may name one who was deleted meanwhile."""
    users = {member for (_, member), kind in kinds.items() if kind == "User"}
    nested = {member for (_, member), kind in kinds.items() if kind == "Group"}
    kept = await work.tx.fetch(QUERIES.users_keep, work.tenant.id, list(users))
    there = await work.tx.fetch(QUERIES.groups_keep, work.tenant.id, list(nested)) if nested else []
    if len(kept) + len(there) < len(users) + len(nested):
        raise NotFound("One of the members was deleted meanwhile.")


async def remove_members(work: Edit, rows: Sequence[tuple[UUID, UUID, str]]) -> int:
    """Remove (group, member, member's type) rows; returns how many were there."""
    work.require("directory.write")
    kinds = {(group, member): kind for group, member, kind in rows}
    gone = await work.tx.fetch(
        QUERIES.member_delete, work.tenant.id, [group for group, _, _ in rows], [member for _, member, _ in rows]
    )
    await _record_members(work, "remove member", [(row["group_id"], row["member_id"]) for row in gone], kinds)
    return len(gone)


async def save(work: Edit, before: Mapping[UUID, Group | None], after: Iterable[Group]) -> int:
    """Write groups as they should be; ``before`` says what each was (None: new). Returns how many differ."""
    changed = [group for group in after if before[group.id] != group]
    for group in changed:
        if not group.doc.get("displayName"):
            raise Invalid("A group needs a displayName.")
    await work.tx.execute(
        QUERIES.group_upsert,
        work.tenant.id,
        [group.id for group in changed],
        [group.name.casefold() for group in changed],
        [dict(group.doc) for group in changed],
    )
    for group in changed:
        old = before[group.id]
        work.record(
            audit.Entry(
                "change" if old else "create",
                f"group {group.name}",
                str(group.id),
                before=old.to_json() if old else None,
                after=group.to_json(),
            )
        )
    work.touch("Group", *(group.id for group in changed))
    return len(changed)


def parsed(given: Mapping[str, Any]) -> dict[str, Any]:
    doc = {}
    for name, value in given.items():
        name = attributes.canonical("Group", name)
        doc[name] = attributes.parse("Group", name, value)
    return doc


async def _record_members(
    work: Edit,
    action: Literal["add member", "remove member"],
    rows: list[tuple[UUID, UUID]],
    kinds: Mapping[tuple[UUID, UUID], str],
) -> None:
    ids = {identity for row in rows for identity in row}
    found = await work.tx.fetch(QUERIES.called, work.tenant.id, list(ids)) if ids else []
    names = {row["id"]: row["name"] for row in found}
    for group, member in rows:
        who = {"member": str(member), "name": names.get(member)}
        before, after = (None, who) if action == "add member" else (who, None)
        work.move(group, member, kinds[group, member])
        work.touch(kinds[group, member], member)
        work.record(audit.Entry(action, f"group {names.get(group, group)}", str(group), before=before, after=after))


async def principal(tx: Tx, tenant: Tenant, name: str) -> tuple[UUID, str]:
    """(id, object type) of the user or group with this user principal name, display name or id."""
    try:
        return (await users.find(tx, tenant, name)).id, "User"
    except NotFound:
        pass
    try:
        return (await find(tx, tenant, name)).id, "Group"
    except NotFound:
        raise NotFound(f"There is no user or group {name} in the tenant {tenant.name}.") from None
