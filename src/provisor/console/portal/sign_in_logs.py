"""*Sign-in logs*: who signed in to what, from where, and what came of it, newest first."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.lists import number
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import conditional_access, sign_in_log
from provisor.directory.sign_in_log import OUTCOMES, Filter

PAGE = Page("sign_in_logs", "/sign-ins", action="policy.read")
SHOWN = 50


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    outcome, before = visit.query("outcome"), number(visit.query("before"))
    user, resource, policy = visit.query("q"), visit.query("app"), visit.query("policy")
    outcomes = (outcome,) if outcome in OUTCOMES else ()
    chosen = Filter(user, resource, outcomes, policy, before_id=before)
    async with visit.house.database.reading() as tx:
        rows = await sign_in_log.entries(tx, visit.tenant, SHOWN + 1, chosen)
        policies = await conditional_access.policies(tx, visit.tenant)
    return visit.render(
        rows=rows[:SHOWN],
        values={"q": user, "app": resource, "outcome": outcome, "policy": policy},
        outcomes=OUTCOMES,
        policies=[(item.value.id, item.name) for item in policies],
        more={"before": rows[SHOWN - 1]["id"]} if len(rows) > SHOWN else {},
        later=before is not None,
    )
