"""*Audit log*: every change of the workspace, newest first: who, from where, in which request, before and after."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console import audit_rows
from provisor.console.page import Page
from provisor.console.visit import WorkspaceVisit

PAGE = Page("audit_log", "/audit", action="workspace.admin")


@PAGE.get
async def show(visit: WorkspaceVisit) -> Response:
    return visit.render(**await audit_rows.of(visit, visit.workspace.log))
