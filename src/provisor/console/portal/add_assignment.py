"""*Users and groups* > *Add*: search the directory, tick, *Assign*.

What is ticked stays ticked while one searches on: it is sent along with each search and shown first.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import assignments
from provisor.directory.groups import Group
from provisor.directory.users import User
from provisor.refusal import Invalid

PAGE = Page("add_assignment", "/applications/{application:uuid}/users-and-groups/add", action="provisioning.write")
SHOWN = 30


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    return visit.render(**await _found(visit, "", []))


@PAGE.post("/search")
async def search(visit: PortalVisit) -> Response:
    """The list, for what is typed; a form, because many may be ticked."""
    return visit.part("candidates", **await _found(visit, visit.form.text("q"), visit.form.ids("principal")))


@PAGE.post()
async def assign(visit: PortalVisit) -> Response:
    chosen = visit.form.ids("principal")
    if not chosen:
        raise Invalid("Tick at least one user or group.")
    async with visit.edit() as edit:
        principals = await assignments.principals(edit.tx, visit.tenant, chosen)
        count = await assignments.assign(edit, visit.app, principals)
    when = "they follow with the next cycle" if visit.app.provisioning == "On" else "provisioning is Off"
    return await visit.done(visit.app_url("/users-and-groups"), f"{count} assigned to {visit.app.name}; {when}.")


async def _found(visit: PortalVisit, text: str, ids: list[UUID]) -> dict[str, Any]:
    """What is ticked, and who could be: those with ``text`` in a name."""
    async with visit.house.database.reading() as tx:
        found = await assignments.candidates(tx, visit.tenant, visit.app, text, SHOWN + 1)
        principals = await assignments.principals(tx, visit.tenant, ids)
    ticked = [_row(item) for item in principals]
    rows = [row for row in found[:SHOWN] if row["id"] not in set(ids)]
    return {"ticked": ticked, "rows": rows, "text": text, "more": len(found) > SHOWN}


def _row(item: User | Group) -> dict[str, Any]:
    person = isinstance(item, User)
    return {
        "id": item.id,
        "type": assignments.kind(item),
        "name": item.upn if isinstance(item, User) else item.name,
        "display": item.doc.get("displayName" if person else "description") or "",
    }
