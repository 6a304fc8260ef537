"""*Sign-in logs*: how many were let in over time, and who signed in to what, from where, and what came of it, newest
first."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from provisor.console import activity
from provisor.console.intervals import in_words
from provisor.console.lists import moment, number
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import conditional_access, sign_in_log
from provisor.directory.sign_in_log import OUTCOMES, Filter

PAGE = Page("sign_in_logs", "/sign-ins", action="policy.read")
SHOWN = 50
#: What an address says of the rows that other pages of the list have to say again.
_FILTERS = ("q", "app", "outcome", "policy", "since", "until", "span")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    # Whoever types into a filter gets another list; what happened stays as it is.
    figures = None if visit.partial else await activity.signed_in(visit)
    chosen = _chosen(visit)
    async with visit.house.database.reading() as tx:
        rows = await sign_in_log.entries(tx, visit.tenant, SHOWN + 1, chosen)
        policies = await conditional_access.policies(tx, visit.tenant)
    more: dict[str, Any] = {"before": rows[SHOWN - 1]["id"]} if len(rows) > SHOWN else {}
    return visit.render(
        figures=figures,
        rows=rows[:SHOWN],
        kept={name: visit.query(name) for name in _FILTERS},
        when=in_words(chosen.since, chosen.until, visit.zone),
        outcomes=OUTCOMES,
        policies=[(item.value.id, item.name) for item in policies],
        more=more,
        later=chosen.before_id is not None,
    )


def _chosen(visit: PortalVisit) -> Filter:
    outcome = visit.query("outcome")
    return Filter(
        visit.query("q"),
        visit.query("app"),
        (outcome,) if outcome in OUTCOMES else (),
        visit.query("policy"),
        since=moment(visit.query("since")),
        until=moment(visit.query("until")),
        before_id=number(visit.query("before")),
    )
