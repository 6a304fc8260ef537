"""*Enterprise Applications*: those whose provisioning the viewer may see."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import applications
from provisor.sync.history import states

PAGE = Page("applications", "/applications", action="application.read")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    text = visit.query("q")
    async with visit.house.database.snapshot() as tx:
        every = await applications.everyone(tx, visit.tenant)
        jobs = await states(tx, visit.tenant.id)
    apps = [
        (item, jobs.get(item.id))
        for item in every
        if visit.may("application.read", item.id) and text.casefold() in item.name.casefold()
    ]
    return visit.render(apps=apps, text=text)
