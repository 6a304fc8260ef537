"""*Groups*: every group with its size; *Create Group*."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import WorkspaceVisit
from provisor.workspace import groups

PAGE = Page("groups", "/groups", action="workspace.admin")
SHOWN = 50


@PAGE.get
async def show(visit: WorkspaceVisit) -> Response:
    text, after = visit.query("q"), visit.after
    async with visit.house.database.snapshot() as tx:
        found = await groups.search(tx, visit.workspace, after, SHOWN + 1, text)
        sizes = await groups.sizes(tx, visit.workspace, [item.id for item in found[:SHOWN]])
    more = found[SHOWN - 1].name if len(found) > SHOWN else ""
    return visit.render(groups=found[:SHOWN], sizes=sizes, text=text, after=after, more=more)


@PAGE.post()
async def create(visit: WorkspaceVisit) -> Response:
    async with visit.edit() as edit:
        group = await groups.add(edit, visit.form.text("name"))
    return await visit.done(f"/groups/{group.id}", f"The group {group.name} is created.")
