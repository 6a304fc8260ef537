"""*Leavers*: who should have no access any more, and where an account is not known to be closed yet."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import applications
from provisor.sync.leavers import open_leavers

PAGE = Page("leavers", "/leavers", action="account.own")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    async with visit.house.database.reading() as tx:
        every = await applications.everyone(tx, visit.tenant)
    seen = [item.id for item in every if visit.may("application.read", item.id)]
    return visit.render(leavers=await open_leavers(visit.house.database, visit.tenant.id, seen))
