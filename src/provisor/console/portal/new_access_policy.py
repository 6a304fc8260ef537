"""*New policy*: the form of a conditional access policy, with the break-glass accounts excluded and report-only."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console import policy_form
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import conditional_access

PAGE = Page("new_access_policy", "/conditional-access/new", action="policy.write")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    async with visit.house.database.reading() as tx:
        emergency = [str(user.id) for user in await conditional_access.break_glass(tx, visit.tenant)]
        offered = await policy_form.offered(tx, visit.tenant, policy_form.blank(emergency))
    return visit.render(**offered)


@PAGE.post()
async def create(visit: PortalVisit) -> Response:
    policy = await policy_form.saved(visit, None)
    return await visit.done(f"/conditional-access/policies/{policy.id}", f"The policy {policy.name} is made.")
