"""*Properties* of an application: its name, and deleting it."""

from __future__ import annotations

from contextlib import suppress

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import applications, assignments
from provisor.refusal import Invalid, Refusal
from provisor.sync import control
from provisor.sync.history import History

PAGE = Page("properties", "/applications/{application:uuid}/properties", action="application.read")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    async with visit.house.database.reading() as tx:
        people, groups = await assignments.count(tx, visit.tenant, visit.app)
    statistics = await History(visit.house.database, visit.tenant.id, visit.app.id).statistics()
    return visit.render(people=people, groups=groups, statistics=statistics)


@PAGE.post("/rename", action="provisioning.write")
async def rename(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        before = await applications.locked(edit, visit.app.id)
        await applications.rename(edit, before, visit.form.text("name"))
    return await visit.done(visit.app_url("/properties"), "Saved.")


@PAGE.post("/delete", action="application.write")
async def delete(visit: PortalVisit) -> Response:
    if visit.form.text("name") != visit.app.name:
        raise Invalid(f"Type the name of the application, {visit.app.name}, to delete it.")
    if visit.app.connected:
        with suppress(Refusal):
            await visit.house.notice_leavers(visit.tenant, visit.app.id)
    async with visit.edit() as edit:
        await control.forget(edit, visit.app)
        await applications.delete(edit, await applications.locked(edit, visit.app.id))
    return await visit.done("/applications", f"{visit.app.name} is deleted. Its accounts are as they were.")
