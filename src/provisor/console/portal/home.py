"""*Azure Active Directory*: the tenant at a glance, and the way to everything in it."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import applications, tenants
from provisor.sync.history import states

PAGE = Page("home", "/", action="account.own")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    async with visit.house.database.snapshot() as tx:
        people, rooms = await tenants.size(tx, visit.tenant)
        every = await applications.everyone(tx, visit.tenant)
        jobs = await states(tx, visit.tenant.id)
    apps = [(item, jobs.get(item.id)) for item in every if visit.may("application.read", item.id)]
    return visit.render(people=people, rooms=rooms, apps=apps)
