"""*Users*: the directory's people, searched, page by page; the recycle bin; *New user*."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.lists import FIRST, after
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import users

PAGE = Page("users", "/users", action="directory.read")
SHOWN = 50
SUGGESTED = 8


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    text, deleted = visit.query("q"), visit.query("show") == "deleted"
    async with visit.house.database.reading() as tx:
        found = await users.page(tx, visit.tenant, after(visit), SHOWN + 1, text=text, recycled=deleted)
    more = {"after": found[SHOWN - 1].upn, "id": found[SHOWN - 1].id} if len(found) > SHOWN else {}
    return visit.render(users=found[:SHOWN], text=text, later=visit.query("id") != "", more=more, deleted=deleted)


@PAGE.part("/suggest")
async def suggest(visit: PortalVisit) -> Response:
    """People for a field where one is named, as options."""
    async with visit.house.database.reading() as tx:
        found = await users.page(tx, visit.tenant, ("", FIRST), SUGGESTED, text=visit.query("user"))
    return visit.part("people", people=found)


@PAGE.post("", action="directory.write")
async def create(visit: PortalVisit) -> Response:
    given = {
        name: visit.form.text(name) for name in ("userPrincipalName", "displayName", "givenName", "surname", "mail")
    }
    async with visit.edit() as edit:
        identity = await users.create(edit, given)
    return await visit.done(f"/users/{identity}", f"{given['userPrincipalName']} is created.")
