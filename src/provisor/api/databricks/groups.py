"""Groups API 2.0: groups and their direct members, by name; for admins."""

from __future__ import annotations

from typing import Any

from provisor.api.databricks.calls import Call
from provisor.workspace import groups, members, users
from provisor.workspace.edit import Edit
from provisor.workspace.refusals import Unfit

_MOST = 1_000_000


async def create(call: Call) -> dict[str, Any]:
    name = call.needed("group_name")
    await call.done_as_admin(lambda work: groups.create(work, {"displayName": name}))
    return {"group_name": name}


async def delete(call: Call) -> dict[str, Any]:
    name = call.needed("group_name")

    async def work_(work: Edit) -> None:
        await groups.delete(work, (await groups.named(work.tx, work.workspace, name)).id)

    await call.done_as_admin(work_)
    return {}


async def show_all(call: Call) -> dict[str, Any]:
    found = await call.done_as_admin(lambda work: groups.everyone(work.tx, work.workspace, limit=_MOST))
    return {"group_names": [group.name for group in found]}


async def list_members(call: Call) -> dict[str, Any]:
    name = call.needed("group_name")

    async def work_(work: Edit) -> Any:
        group = await groups.named(work.tx, work.workspace, name)
        return (await members.of_groups(work.tx, work.workspace, [group.id]))[group.id]

    rows = await call.done_as_admin(work_)
    return {"members": [{"group_name" if row["type"] == "Group" else "user_name": row["name"]} for row in rows]}


async def list_parents(call: Call) -> dict[str, Any]:
    async def work_(work: Edit) -> Any:
        principal = await _principal(call, work)
        return principal.groups or ()

    parents = await call.done_as_admin(work_)
    return {"group_names": [parent["display"] for parent in parents]}


async def add_member(call: Call) -> dict[str, Any]:
    return await _move(call, "add")


async def remove_member(call: Call) -> dict[str, Any]:
    return await _move(call, "remove")


async def _move(call: Call, how: str) -> dict[str, Any]:
    parent = call.needed("parent_name")

    async def work_(work: Edit) -> None:
        group = await groups.named(work.tx, work.workspace, parent)
        await groups.move(work, group, **{how: [(await _principal(call, work)).id]})

    await call.done_as_admin(work_)
    return {}


async def _principal(call: Call, work: Edit) -> Any:
    """The user or group that the arguments name: one of the two."""
    user, group = call.text("user_name"), call.text("group_name")
    if (user is None) is (group is None):
        raise Unfit("Either user_name or group_name is required.")
    if user is not None:
        return await users.named(work.tx, work.workspace, user)
    return await groups.named(work.tx, work.workspace, str(group))
