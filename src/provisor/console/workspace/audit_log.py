"""*Audit log*: every change of the workspace, newest first: who, from where, in which request, before and after."""

from __future__ import annotations

from starlette.responses import Response

from provisor import audit
from provisor.console.lists import number
from provisor.console.page import Page
from provisor.console.visit import WorkspaceVisit

PAGE = Page("audit_log", "/audit", action="workspace.admin")
SHOWN = 50


@PAGE.get
async def show(visit: WorkspaceVisit) -> Response:
    chosen = audit.Filter(
        actor=visit.query("who"),
        action=visit.query("action"),
        what=visit.query("q"),
        request=visit.query("request"),
        before_id=number(visit.query("before")),
    )
    async with visit.house.database.reading() as tx:
        rows = await audit.entries(tx, visit.workspace.log, SHOWN + 1, chosen)
        actions = await audit.actions(tx, visit.workspace.log)
    more = {"before": rows[SHOWN - 1]["id"]} if len(rows) > SHOWN else {}
    return visit.render(
        rows=rows[:SHOWN], chosen=chosen, actions=actions, more=more, later=chosen.before_id is not None
    )
