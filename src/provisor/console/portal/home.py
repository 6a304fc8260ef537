"""*Azure Active Directory*: the tenant at a glance, and the way to everything in it."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console import first_steps
from provisor.console.first_steps import Standing
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import applications, assignments, tenants
from provisor.directory.applications import Application
from provisor.storage.pool import Tx
from provisor.sync.history import History, states

PAGE = Page("home", "/", action="account.own")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    async with visit.house.database.snapshot() as tx:
        people, rooms = await tenants.size(tx, visit.tenant)
        every = await applications.everyone(tx, visit.tenant)
        jobs = await states(tx, visit.tenant.id)
        guided = visit.may("application.write") and not any(job["last_cycle"] for job in jobs.values())
        standing = await _standing(visit, tx, every[0]) if guided and every else None
    apps = [(item, jobs.get(item.id)) for item in every if visit.may("application.read", item.id)]
    steps = first_steps.of_tenant(people, standing) if guided else []
    return visit.render(people=people, rooms=rooms, apps=apps, steps=steps, following=first_steps.following(steps))


async def _standing(visit: PortalVisit, tx: Tx, application: Application) -> Standing:
    assigned = sum(await assignments.count(tx, visit.tenant, application))
    plan = await History(visit.house.database, visit.tenant.id, application.id).latest("plan")
    return Standing(application, assigned, plan is not None)
