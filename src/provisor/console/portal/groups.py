"""*Groups*: the directory's groups with their sizes, searched, page by page, given out as files; *New group*."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.download import spreadsheet
from provisor.console.lists import after
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import export, groups

PAGE = Page("groups", "/groups", action="directory.read")
SHOWN = 50


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    text = visit.query("q")
    async with visit.house.database.reading() as tx:
        found = await groups.page(tx, visit.tenant, after(visit), SHOWN + 1, text)
    last = found[SHOWN - 1] if len(found) > SHOWN else None
    more = {"after": last["name_key"], "id": last["id"]} if last else {}
    return visit.render(groups=found[:SHOWN], text=text, more=more, later=visit.query("id") != "")


@PAGE.part("/export.csv")
async def export_csv(visit: PortalVisit) -> Response:
    """Whichever groups the search finds, as a file that can be imported again."""
    return spreadsheet("groups.csv", export.teams(visit.house.database, visit.tenant, visit.query("q")))


@PAGE.part("/members.csv")
async def export_members(visit: PortalVisit) -> Response:
    """Who is in them, as another."""
    return spreadsheet("members.csv", export.memberships(visit.house.database, visit.tenant, visit.query("q")))


@PAGE.post("", action="directory.write")
async def create(visit: PortalVisit) -> Response:
    name = visit.form.text("displayName")
    async with visit.edit() as edit:
        identity = await groups.create(edit, {"displayName": name, "description": visit.form.text("description")})
        alike = await groups.alike(edit.tx, visit.tenant, identity, name)
    said = f"The group {name} is created. {alike}".rstrip()
    return await visit.done(f"/groups/{identity}", said, "warning" if alike else "success")
