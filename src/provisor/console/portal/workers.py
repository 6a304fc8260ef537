"""*Workers*: which are heard of, what they are at for this tenant, and what waits for one. Renews itself."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.sync import queue

PAGE = Page("workers", "/workers", action="application.read")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    return visit.render(standing=await _standing(visit))


@PAGE.part("/now")
async def now(visit: PortalVisit) -> Response:
    return visit.part("workers", standing=await _standing(visit))


async def _standing(visit: PortalVisit) -> queue.Standing:
    async with visit.house.database.reading() as tx:
        return await queue.standing(tx, visit.tenant.id)
