"""One row of the sign-in log: what came of it, and how every policy that applied has fared."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.lists import number
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import sign_in_log
from provisor.refusal import NotFound

PAGE = Page("sign_in_entry", "/sign-ins/{number}", action="policy.read")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    identity = number(visit.parameter("number"))
    async with visit.house.database.reading() as tx:
        row = await sign_in_log.entry(tx, visit.tenant, identity) if identity is not None else None
    if row is None:
        days = visit.house.settings.sign_in_log_days
        raise NotFound(f"The log has no such entry: it keeps the last {days} days.")
    return visit.render(row=row)
