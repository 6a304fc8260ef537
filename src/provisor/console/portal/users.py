"""*Users*: the directory's people, searched, page by page; the recycle bin; *New user*."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import users

PAGE = Page("users", "/users", action="directory.read")
SHOWN = 50


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    text, after, deleted = visit.query("q"), visit.query("after"), visit.query("show") == "deleted"
    async with visit.house.database.reading() as tx:
        found = await users.search(tx, visit.tenant, after, SHOWN + 1, text=text, recycled=deleted)
    more = found[SHOWN - 1].upn if len(found) > SHOWN else ""
    return visit.render(users=found[:SHOWN], text=text, after=after, more=more, deleted=deleted)


@PAGE.post("", action="directory.write")
async def create(visit: PortalVisit) -> Response:
    given = {
        name: visit.form.text(name) for name in ("userPrincipalName", "displayName", "givenName", "surname", "mail")
    }
    async with visit.edit() as edit:
        identity = await users.create(edit, given)
    return await visit.done(f"/users/{identity}", f"{given['userPrincipalName']} is created.")
