"""*Owners*: who manages this application, and no other."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import assignments, users

PAGE = Page("owners", "/applications/{application:uuid}/owners", action="application.read")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    async with visit.house.database.reading() as tx:
        owners = await assignments.owners(tx, visit.tenant, visit.app)
    return visit.render(owners=owners, mine=any(row["id"] == visit.me.id for row in owners))


@PAGE.post("/add", action="owner.write")
async def add(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        user = await users.find(edit.tx, visit.tenant, visit.form.text("user"))
        await assignments.add_owner(edit, visit.app, user)
    return await visit.done(visit.app_url("/owners"), f"{user.upn} is an owner of {visit.app.name} now.")


@PAGE.post("/remove", action="owner.write")
async def remove(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        user = await users.by_id(edit.tx, visit.tenant, visit.form.id("user"))
        await assignments.remove_owner(edit, visit.app, user)
    return await visit.done(visit.app_url("/owners"), f"{user.upn} is no owner of {visit.app.name} any more.")
