"""*New Application*: the ways to add one, of which *Add your own app* > *Non-gallery application* is there."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import PortalVisit

PAGE = Page("new_application", "/applications/new", action="application.write")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    return visit.render()
