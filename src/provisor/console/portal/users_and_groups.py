"""*Users and groups*: who is assigned to the application, and taking assignments away."""

from __future__ import annotations

from uuid import UUID

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import assignments

PAGE = Page("users_and_groups", "/applications/{application:uuid}/users-and-groups", action="application.read")
SHOWN = 50


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    text = visit.query("q")
    async with visit.house.database.snapshot() as tx:
        rows = await assignments.page(tx, visit.tenant, visit.app, _after(visit), text, SHOWN + 1)
        people, groups = await assignments.count(tx, visit.tenant, visit.app)
    last = rows[SHOWN - 1] if len(rows) > SHOWN else None
    more = {"type": last["principal_type"], "after": last["key"], "id": last["principal_id"]} if last else {}
    later = visit.query("id") != ""
    return visit.render(rows=rows[:SHOWN], people=people, groups=groups, text=text, more=more, later=later)


@PAGE.post("/remove", action="provisioning.write")
async def remove(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        chosen = await assignments.principals(edit, visit.form.ids("principal"))
        count = await assignments.unassign(edit, visit.app, chosen)
    where = "with the next cycle their accounts become inactive, unless they are assigned through a group"
    return await visit.done(visit.app_url("/users-and-groups"), f"{count} removed from {visit.app.name}; {where}.")


def _after(visit: PortalVisit) -> tuple[str, str, UUID]:
    try:
        return visit.query("type"), visit.query("after"), UUID(visit.query("id"))
    except ValueError:
        return "", "", UUID(int=0)
