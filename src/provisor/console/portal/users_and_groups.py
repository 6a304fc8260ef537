"""*Users and groups*: who is assigned to the application, and taking assignments away."""

from __future__ import annotations

from uuid import UUID

from starlette.responses import Response

from provisor.console.lists import after
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import assignments
from provisor.refusal import Invalid

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
    ids = visit.form.ids("principal")
    if not ids:
        raise Invalid("Tick at least one user or group.")
    async with visit.edit() as edit:
        chosen = await assignments.principals(edit.tx, visit.tenant, ids)
        count = await assignments.unassign(edit, visit.app, chosen)
    where = "with the next cycle their accounts become inactive, unless they are assigned through a group"
    return await visit.done(visit.app_url("/users-and-groups"), f"{count} removed from {visit.app.name}; {where}.")


def _after(visit: PortalVisit) -> tuple[str, str, UUID]:
    return visit.query("type"), *after(visit)
