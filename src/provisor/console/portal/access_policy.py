"""One conditional access policy: who, what, where, what then, and its state."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console import policy_form
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import conditional_access
from provisor.directory.conditional_access import Kept

PAGE = Page("access_policy", "/conditional-access/policies/{policy:uuid}", action="policy.read")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    async with visit.house.database.reading() as tx:
        policy = await conditional_access.find_policy(tx, visit.tenant, str(visit.parameter("policy")))
        warned = await conditional_access.warnings(tx, visit.tenant)
        offered = await policy_form.offered(tx, visit.tenant, policy.value)
    return visit.render(policy=policy, warned=warned.of(policy.value), **offered)


@PAGE.post("", action="policy.write")
async def save(visit: PortalVisit) -> Response:
    policy = await policy_form.saved(visit, await _policy(visit))
    return await visit.done(f"/conditional-access/policies/{policy.id}", "Saved.")


@PAGE.post("/delete", action="policy.write")
async def delete(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        gone = await conditional_access.delete_policy(edit, visit.parameter("policy"))
    return await visit.done("/conditional-access", f"The policy {gone.name} is deleted.")


async def _policy(visit: PortalVisit) -> Kept:
    async with visit.house.database.reading() as tx:
        return await conditional_access.find_policy(tx, visit.tenant, str(visit.parameter("policy")))
