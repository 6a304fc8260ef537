"""One group: its attributes, its direct members page by page, adding and removing them."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.download import spreadsheet
from provisor.console.fields import changed
from provisor.console.lists import after
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import assignments, export, groups, users
from provisor.provisioning.source_names import GROUP_ATTRIBUTES
from provisor.refusal import Invalid

PAGE = Page("group", "/groups/{group:uuid}", action="directory.read")
SHOWN = 50
FIRST = ("displayName", "description", "mail", "extensionAttribute1")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    text = visit.query("q")
    async with visit.house.database.snapshot() as tx:
        group = await groups.by_id(tx, visit.tenant, visit.parameter("group"))
        members = await groups.members_page(tx, visit.tenant, group.id, after(visit), SHOWN + 1, text)
        parents = await users.memberships(tx, visit.tenant, group.id)
        apps = await users.assigned_to(tx, visit.tenant, group.id)
    last = members[SHOWN - 1] if len(members) > SHOWN else None
    return visit.render(
        group=group,
        members=members[:SHOWN],
        more={"after": last["key"], "id": last["id"]} if last else {},
        text=text,
        later=visit.query("id") != "",
        parents=parents,
        apps=apps,
        first=FIRST,
    )


@PAGE.part("/members.csv")
async def export_members(visit: PortalVisit) -> Response:
    """Whoever the search finds among the members, as a file that can be imported again."""
    async with visit.house.database.reading() as tx:
        group = await groups.by_id(tx, visit.tenant, visit.parameter("group"))
    return spreadsheet("members.csv", export.members(visit.house.database, visit.tenant, group, visit.query("q")))


@PAGE.post("", action="directory.write")
async def change(visit: PortalVisit) -> Response:
    identity = visit.parameter("group")
    given = changed(visit.form, GROUP_ATTRIBUTES)
    async with visit.edit() as edit:
        await groups.change(edit, await groups.by_id(edit.tx, visit.tenant, identity), given)
        name = str(given.get("displayName") or "")
        alike = await groups.alike(edit.tx, visit.tenant, identity, name) if name else ""
    return await visit.done(f"/groups/{identity}", f"Saved. {alike}".rstrip(), "warning" if alike else "success")


@PAGE.post("/members", action="directory.write")
async def add_member(visit: PortalVisit) -> Response:
    identity, name = visit.parameter("group"), visit.form.text("member")
    if not name:
        raise Invalid("Name a user (by user principal name) or a group.")
    async with visit.edit() as edit:
        group = await groups.by_id(edit.tx, visit.tenant, identity)
        member, kind = await groups.principal(edit.tx, visit.tenant, name)
        added = await groups.add_members(edit, [(group.id, member, kind)])
    said = f"{name} is a member of {group.name} now." if added else f"{name} was a member already."
    return await visit.done(f"/groups/{identity}", said)


@PAGE.post("/members/remove", action="directory.write")
async def remove_member(visit: PortalVisit) -> Response:
    identity = visit.parameter("group")
    chosen = visit.form.ids("member")
    if not chosen:
        raise Invalid("Tick at least one member.")
    async with visit.edit() as edit:
        group = await groups.by_id(edit.tx, visit.tenant, identity)
        members = await assignments.principals(edit.tx, visit.tenant, chosen)
        rows = [(group.id, member.id, assignments.kind(member)) for member in members]
        count = await groups.remove_members(edit, rows)
    return await visit.done(f"/groups/{identity}", f"{count} removed from {group.name}.")


@PAGE.post("/delete", action="directory.write")
async def delete(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        group = await groups.by_id(edit.tx, visit.tenant, visit.parameter("group"))
        await groups.delete(edit, group)
    return await visit.done("/groups", f"The group {group.name} is deleted.")
