"""*Azure Active Directory*: the tenant at a glance, and the way to everything in it."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import applications, tenants

PAGE = Page("home", "/", action="account.own")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    async with visit.house.database.snapshot() as tx:
        people, rooms = await tenants.size(tx, visit.tenant)
        every = await applications.everyone(tx, visit.tenant)
    apps = [item for item in every if visit.may("application.read", item.id)]
    states = []
    for item in apps:
        job = await visit.house.ledger(visit.tenant, item.id).job()
        states.append((item, job))
    return visit.render(people=people, rooms=rooms, states=states)
