"""*Audit log*: every change of the tenant, newest first: who, from where, in which request, before and after."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console import audit_rows
from provisor.console.page import Page
from provisor.console.visit import PortalVisit

PAGE = Page("audit_log", "/audit", action="audit.read")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    return visit.render(**await audit_rows.of(visit, f"tenant/{visit.tenant.name}"))
