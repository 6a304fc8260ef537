"""*Users and groups* > *Add*: search the directory, tick, *Assign*.

What is ticked stays ticked while one searches on: it is sent along with each search and shown first.
"""

from __future__ import annotations

from uuid import UUID

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import assignments
from provisor.directory.users import User
from provisor.refusal import Invalid

PAGE = Page("add_assignment", "/applications/{application:uuid}/users-and-groups/add", action="provisioning.write")
SHOWN = 30


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    text = visit.query("q")
    async with visit.house.database.reading() as tx:
        found = await assignments.candidates(tx, visit.tenant, visit.app, text, SHOWN + 1)
    async with visit.edit() as edit:
        ticked = await assignments.principals(edit, _ticked(visit))
    kept = [
        {
            "id": item.id,
            "type": assignments.kind(item),
            "name": item.upn if isinstance(item, User) else item.name,
            "display": item.doc.get("displayName" if isinstance(item, User) else "description") or "",
            "enabled": item.enabled if isinstance(item, User) else True,
        }
        for item in ticked
    ]
    ids = {item["id"] for item in kept}
    rows = [row for row in found[:SHOWN] if row["id"] not in ids]
    return visit.render(ticked=kept, rows=rows, text=text, more=len(found) > SHOWN)


@PAGE.post()
async def assign(visit: PortalVisit) -> Response:
    chosen = visit.form.ids("principal")
    if not chosen:
        raise Invalid("Tick at least one user or group.")
    async with visit.edit() as edit:
        principals = await assignments.principals(edit, chosen)
        count = await assignments.assign(edit, visit.app, principals)
    when = "they follow with the next cycle" if visit.app.provisioning == "On" else "provisioning is Off"
    return await visit.done(visit.app_url("/users-and-groups"), f"{count} assigned to {visit.app.name}; {when}.")


def _ticked(visit: PortalVisit) -> list[UUID]:
    found = []
    for value in visit.request.query_params.getlist("principal"):
        try:
            found.append(UUID(value))
        except ValueError:
            continue
    return found
