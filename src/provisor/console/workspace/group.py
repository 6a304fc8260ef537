"""One group: members page by page, direct ones or everybody through the groups in it; groups in it and above it;
entitlements; adding and removing, deleting the group."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import WorkspaceVisit
from provisor.console.workspace.entitlements import grants, grants_of_roles
from provisor.refusal import Invalid
from provisor.storage.pool import Tx
from provisor.workspace import entitlements, groups, members, nesting
from provisor.workspace.members import Member
from provisor.workspace.nesting import Effective, Nested

PAGE = Page("group", "/groups/{group}", action="workspace.admin")
SHOWN = 50


@PAGE.get
async def show(visit: WorkspaceVisit) -> Response:
    text, place, effective = visit.query("q"), _place(visit), visit.query("effective") == "1"
    async with visit.house.database.snapshot() as tx:
        group = await groups.get(tx, visit.workspace, visit.parameter("group"), with_members=False)
        number = (await groups.sizes(tx, visit.workspace, [group.id])).get(group.id, 0)
        people: Sequence[Member | Effective]
        if effective:
            ways = await nesting.below(tx, visit.workspace, group.id)
            people = await nesting.effective(tx, visit.workspace, ways, place, SHOWN + 1, text)
            # A search renews the list alone.
            number = 0 if visit.partial else await nesting.number(tx, visit.workspace, ways)
        else:
            people = await members.page(tx, visit.workspace, group.id, place, SHOWN + 1, text)
        may = await entitlements.effective(tx, visit.workspace, group.id)
        inside, further = await _inside(tx, visit, ("", ""))
    last = people[SHOWN - 1] if len(people) > SHOWN else None
    return visit.render(
        group=group,
        members=people[:SHOWN],
        number=number,
        more=_after(last) if last else {},
        text=text,
        after=place[0],
        effective=effective,
        inside=inside,
        further=further,
        above=may.groups,
        grants=grants(may.entitlements),
        roles=grants_of_roles(may.roles),
    )


@PAGE.part("/nested")
async def nested(visit: WorkspaceVisit) -> Response:
    """The groups in a group that was unfolded, or further ones of it."""
    async with visit.house.database.snapshot() as tx:
        group = await groups.get(tx, visit.workspace, visit.parameter("group"), with_members=False)
        inside, further = await _inside(tx, visit, _place(visit))
    return visit.part("nested", group=group, inside=inside, further=further)


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
    said = f"{visit.form.text('name')} is no member of {group.name} any more."
    return await visit.done(visit.here(f"/groups/{group.id}"), said)


@PAGE.post("/parents")
async def add_parent(visit: WorkspaceVisit) -> Response:
    name = visit.form.text("parent")
    if not name:
        raise Invalid("Name the group that this one is to be a member of.")
    async with visit.edit() as edit:
        group = await groups.get(edit.tx, visit.workspace, visit.parameter("group"), with_members=False)
        parent = await groups.find(edit.tx, visit.workspace, name)
        added = await groups.move(edit, parent, add=[group.id])
    said = f"{group.name} is a member of {parent.name} now." if added else f"{group.name} was a member already."
    return await visit.done(f"/groups/{group.id}", said)


@PAGE.post("/parents/remove")
async def remove_parent(visit: WorkspaceVisit) -> Response:
    async with visit.edit() as edit:
        group = await groups.get(edit.tx, visit.workspace, visit.parameter("group"), with_members=False)
        parent = await groups.get(edit.tx, visit.workspace, visit.form.text("parent"), with_members=False)
        await groups.move(edit, parent, remove=[group.id])
    return await visit.done(f"/groups/{group.id}", f"{group.name} is no member of {parent.name} any more.")


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


async def _inside(tx: Tx, visit: WorkspaceVisit, place: tuple[str, str]) -> tuple[list[Nested], dict[str, str]]:
    """A page of the groups in the group of the address, and where the next page begins."""
    found = await nesting.inside(tx, visit.workspace, visit.parameter("group"), place, SHOWN + 1)
    return found[:SHOWN], _after(found[SHOWN - 1]) if len(found) > SHOWN else {}


def _place(visit: WorkspaceVisit) -> tuple[str, str]:
    return visit.after, visit.query("id")


def _after(last: Member | Effective | Nested) -> dict[str, str]:
    return {"after": last.key, "id": last.id}
