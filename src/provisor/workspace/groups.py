"""Groups of a workspace. Who is in them stands in ``members``; here is everything else, and what a request adds up to.

A PATCH that only moves members never reads the others: it locks the group's row, changes those memberships and counts
the version on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import asyncpg

from provisor.refusal import Invalid
from provisor.scim import dialects, patch
from provisor.scim.errors import ScimError
from provisor.scim.folded import fold
from provisor.scim.resource import accept
from provisor.storage.pool import Tx
from provisor.workspace import members, resources, rules, users
from provisor.workspace.edit import QUERIES, Edit, Workspace
from provisor.workspace.refusals import Immutable, Missing, Stale, Taken
from provisor.workspace.resources import Group


async def get(tx: Tx, workspace: Workspace, identity: str, *, with_members: bool = True) -> Group:
    """The group with this id. Raises Missing."""
    row = await tx.fetchrow(f"{QUERIES.groups_select} and r.id = $3", workspace.id, True, identity)
    if row is None:
        raise Missing(f"Group {identity} not found.")
    found = (await members.of_groups(tx, workspace, [identity]))[identity] if with_members else None
    return resources.group(row, found)


async def named(tx: Tx, workspace: Workspace, name: str) -> Group:
    """The group with this name, in any case; without its members."""
    row = await tx.fetchrow(f"{QUERIES.groups_select} and r.display_key = $3", workspace.id, True, name.casefold())
    if row is None:
        raise Missing(f"There is no group {name} in the workspace {workspace.name}.")
    return resources.group(row)


async def find(tx: Tx, workspace: Workspace, name: str) -> Group:
    """As :func:`named`, or the one with this id."""
    try:
        return await named(tx, workspace, name)
    except Missing:
        row = await tx.fetchrow(f"{QUERIES.groups_select} and r.id = $3", workspace.id, True, name)
        if row is None:
            raise
    return resources.group(row)


async def everyone(tx: Tx, workspace: Workspace, after: str = "", limit: int = 1000) -> list[Group]:
    """Groups in the order of their names (in small letters), from ``after`` on, without their members."""
    text = f"{QUERIES.groups_select} and r.display_key > $3 order by r.display_key limit $4"
    return [resources.group(row) for row in await tx.fetch(text, workspace.id, True, after, limit)]


async def search(tx: Tx, workspace: Workspace, after: str, limit: int, text: str = "") -> list[Group]:
    """As :func:`everyone`, those with ``text`` in the name."""
    condition = "r.display_key > $3 and ($5 = '' or position($5 in r.display_key) > 0)"
    query = f"{QUERIES.groups_select} and {condition} order by r.display_key limit $4"
    rows = await tx.fetch(query, workspace.id, True, after.casefold(), limit, text.casefold())
    return [resources.group(row) for row in rows]


async def sizes(tx: Tx, workspace: Workspace, groups: Sequence[str]) -> dict[str, int]:
    """How many direct members each of these groups (ids) has."""
    return {row["group_id"]: row["count"] for row in await tx.fetch(QUERIES.members_count, workspace.id, list(groups))}


async def create(work: Edit, body: Mapping[str, Any]) -> Group:
    """POST /Groups (RFC 7644 §3.3). Raises Taken when the name is another group's."""
    work.require_admin()
    accepted = accept(rules.group_type(work.workspace), dict(body))
    doc = resources.kept(accepted)
    rules.check_text(doc, "displayName", "externalId")
    rules.check_new_group(str(doc["displayName"]))
    group = await insert(work, doc)
    added = await members.add(work, group, members.ids(accepted.get("members") or ()))
    work.record("create", _what(group), group.id, after={**doc, **({"members": added} if added else {})})
    return await get(work.tx, work.workspace, group.id)


async def insert(work: Edit, doc: dict[str, Any], *, reserved: bool = False) -> Group:
    """A new row; the rules for names are the caller's, that names are unique is ours."""
    key = str(doc["displayName"]).casefold()
    for _ in range(2):
        identity = rules.new_id(work.workspace)
        idx = fold(rules.group_type(work.workspace), doc)
        row = await work.tx.fetchrow(
            QUERIES.group_insert, work.workspace.id, identity, key, doc.get("externalId"), reserved, doc, idx
        )
        if row is not None:
            return Group(identity, reserved, doc, row["version"], row["created"], row["modified"])
        if await work.tx.fetchrow(QUERIES.group_by_name, work.workspace.id, key):
            break
    raise Taken(f"Group with name {doc['displayName']} already exists.")


async def replace(work: Edit, identity: str, body: Mapping[str, Any], expected: Collection[int] | None = None) -> Group:
    """PUT /Groups/{id} (RFC 7644 §3.5.1): all attributes, and the members that are named are the members."""
    work.require_admin()
    before = await _locked(work, identity, expected)
    accepted = accept(rules.group_type(work.workspace), dict(body))
    wanted = members.ids(accepted.get("members") or ())
    doc = resources.kept(accepted)
    if before.name.casefold() == str(doc["displayName"]).casefold():
        # In other letters it is the same name.
        doc["displayName"] = before.name
    if before.reserved and "entitlements" in before.doc:
        # Everybody has these through it: a client that names only the members does not mean them.
        doc.setdefault("entitlements", before.doc["entitlements"])
    await _save(work, before, doc, wanted, None)
    return await get(work.tx, work.workspace, identity)


async def change(
    work: Edit,
    identity: str,
    body: Mapping[str, Any],
    expected: Collection[int] | None = None,
    *,
    with_members: bool = True,
) -> Group:
    """PATCH /Groups/{id} (RFC 7644 §3.5.2)."""
    work.require_admin()
    before = await _locked(work, identity, expected)
    moves = patch.member_changes(dialects.patch_operations(body, makes=not work.workspace.strict))
    doc = dict(before.doc)
    if moves.rest:
        after, _ = patch.apply(rules.group_type(work.workspace), {**doc, "id": before.id}, moves.rest)
        doc = resources.kept(after)
    whole = members.ids(moves.replace) if moves.replace is not None else [] if moves.clear else None
    await _save(work, before, doc, whole, (members.ids(moves.add), list(moves.remove)))
    return await get(work.tx, work.workspace, identity, with_members=with_members)


async def delete(work: Edit, identity: str, expected: Collection[int] | None = None) -> None:
    """DELETE /Groups/{id} (RFC 7644 §3.6); whoever was in it stays in the workspace."""
    work.require_admin()
    group = await _locked(work, identity, expected)
    if group.reserved:
        raise Immutable(f"The group {group.name} is reserved and cannot be deleted.")
    await members.lock(work, [item["value"] for item in group.groups or ()])
    await work.tx.execute(QUERIES.group_lock_whole, work.workspace.id, group.id)
    parents = await work.tx.fetch(QUERIES.member_leave, work.workspace.id, group.id, None)
    await members.moved(work, [row["group_id"] for row in parents])
    await work.tx.execute(QUERIES.group_delete, work.workspace.id, group.id)
    work.record("delete", _what(group), group.id, before=group.doc)


async def add(work: Edit, name: str, values: Mapping[str, Any] | None = None) -> Group:
    """The console's *Create Group*."""
    try:
        return await create(work, {**(values or {}), "displayName": name})
    except ScimError as error:
        raise Invalid(error.detail) from None


async def set_entitlement(work: Edit, group: Group, value: str, on: bool) -> None:
    """The console's check box: give or take what every member has through the group."""
    kept = [item for item in group.doc.get("entitlements") or () if item.get("value") != value]
    if on:
        kept.append({"value": value})
    operation = (
        {"op": "replace", "path": "entitlements", "value": kept} if kept else {"op": "remove", "path": "entitlements"}
    )
    try:
        await change(work, group.id, {"Operations": [operation]}, with_members=False)
    except ScimError as error:
        raise Invalid(error.detail) from None


async def add_member(work: Edit, group: str | Group, member: str) -> bool:
    """Put a user or group, by name, into a group (read, or by name); whether it was not in it before."""
    return await move(work, group, add=[await principal(work, member)])


async def remove_member(work: Edit, group: str | Group, member: str) -> bool:
    """Take a user or group, by name, out of a group (read, or by name); whether it was in it."""
    return await move(work, group, remove=[await principal(work, member)])


async def move(work: Edit, group: str | Group, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> bool:
    """Put members in and take members out, by id; whether anything changed."""
    work.require_admin()
    meant = group if isinstance(group, Group) else await find(work.tx, work.workspace, group)
    locked = await _locked(work, meant.id)
    return await _save(work, locked, dict(locked.doc), None, (add, remove))


async def _save(
    work: Edit,
    before: Group,
    doc: dict[str, Any],
    whole: Sequence[str] | None,
    moves: tuple[Sequence[str], Sequence[str]] | None,
) -> bool:
    """Write what differs, with one audit row. ``whole`` is a new list of members, ``moves`` come on top of it."""
    added, gone = await _move(work, before, whole, *(moves or ((), ())))
    name = str(doc["displayName"])
    if doc != before.doc:
        rules.check_text(doc, "displayName", "externalId")
        rules.check_group_name(work.workspace, before.name, name, reserved=before.reserved)
        if before.reserved:
            rules.check_grants(work.workspace, before.name, doc)
        try:
            columns = name.casefold(), doc.get("externalId"), doc, fold(rules.group_type(work.workspace), doc)
            await work.tx.fetchrow(QUERIES.group_update, work.workspace.id, before.id, *columns)
        except asyncpg.UniqueViolationError:
            raise Taken(f"Group with name {name} already exists.") from None
    elif added or gone:
        await members.moved(work, [before.id])
    old, new = dict(before.doc), dict(doc)
    if gone:
        old["members"] = gone
    if added:
        new["members"] = added
    work.record_change(_what(before), before.id, old, new)
    return old != new


async def _move(
    work: Edit, group: Group, whole: Sequence[str] | None, add: Sequence[str], remove: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Change memberships; returns the ids that came and those that went."""
    coming, going = list(add), list(remove)
    if whole is not None:
        present = await members.present(work, group)
        wanted = {*whole, *add} - {*remove}
        coming = sorted(wanted - present)
        going = sorted(present - wanted)
        if group.reserved and group.name == rules.USERS:
            going = []
    # First who comes: the admins may be exchanged for others in one request.
    added = await members.add(work, group, coming)
    return added, await members.remove(work, group, going)


async def principal(work: Edit, name: str) -> str:
    """The id of the user, service principal or group with this name. Raises Missing."""
    try:
        return (await users.find(work.tx, work.workspace, name)).id
    except Missing:
        pass
    try:
        return (await find(work.tx, work.workspace, name)).id
    except Missing:
        raise Missing(f"There is no user or group {name} in the workspace {work.workspace.name}.") from None


async def _locked(work: Edit, identity: str, expected: Collection[int] | None = None) -> Group:
    row = await work.tx.fetchrow(QUERIES.group_lock, work.workspace.id, identity)
    if row is None:
        raise Missing(f"Group {identity} not found.")
    if expected is not None and row["version"] not in expected:
        raise Stale(f"Group {identity} is version {row['version']} now, another one than was expected: read it again.")
    return resources.group(row)


def _what(group: Group) -> str:
    return f"group {group.name}"
