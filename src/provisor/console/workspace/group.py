"""One group: members page by page, entitlements, parents; adding and removing, deleting the group."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import WorkspaceVisit
from provisor.console.workspace.entitlements import grants, grants_of_roles
from provisor.refusal import Invalid
from provisor.workspace import entitlements, groups, members

PAGE = Page("group", "/groups/{group}", action="workspace.admin")
SHOWN = 50


@PAGE.get
async def show(visit: WorkspaceVisit) -> Response:
    text, after, effective = visit.query("q"), visit.query("after"), visit.query("effective") == "1"
    async with visit.house.database.snapshot() as tx:
        group = await groups.get(tx, visit.workspace, visit.parameter("group"), with_members=False)
        place = after, visit.query("id")
        found = await members.page(tx, visit.workspace, group.id, place, SHOWN + 1, text, effective=effective)
        may = await entitlements.effective(tx, visit.workspace, group.id)
    last = found[SHOWN - 1] if len(found) > SHOWN else None
    return visit.render(
        group=group,
        members=found[:SHOWN],
        more={"after": last["key"], "id": last["value"]} if last else {},
        text=text,
        after=after,
        effective=effective,
        grants=grants(may.entitlements),
        roles=grants_of_roles(may.roles),
    )


@PAGE.post("/members")
async def add_member(visit: WorkspaceVisit) -> Response:
    name = visit.form.text("member")
    if not name:
        raise Invalid("Name a user or a group of this workspace.")
    async with visit.edit() as edit:
        group = await groups.get(edit.tx, visit.workspace, visit.parameter("group"), with_members=False)
        added = await groups.add_member(edit, group, name)
    said = f"{name} is a member of {group.name} now." if added else f"{name} was a member already."
    return await visit.done(f"/groups/{group.id}", said)


@PAGE.post("/members/remove")
async def remove_member(visit: WorkspaceVisit) -> Response:
    async with visit.edit() as edit:
        group = await groups.get(edit.tx, visit.workspace, visit.parameter("group"), with_members=False)
        await groups.move(edit, group, remove=[visit.form.text("member")])
    return await visit.done(f"/groups/{group.id}", f"{visit.form.text('name')} is no member of {group.name} any more.")


@PAGE.post("/entitlement")
async def entitle(visit: WorkspaceVisit) -> Response:
    async with visit.edit() as edit:
        group = await groups.get(edit.tx, visit.workspace, visit.parameter("group"), with_members=False)
        await groups.set_entitlement(edit, group, visit.form.text("value"), visit.form.ticked("on"))
    return await visit.done(f"/groups/{group.id}", "Saved.")


@PAGE.post("/delete")
async def delete(visit: WorkspaceVisit) -> Response:
    async with visit.edit() as edit:
        group = await groups.get(edit.tx, visit.workspace, visit.parameter("group"), with_members=False)
        await groups.delete(edit, group.id)
    return await visit.done("/groups", f"The group {group.name} is deleted.")
