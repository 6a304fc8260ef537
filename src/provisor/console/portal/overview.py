"""*Overview* of an application: the current cycle as it goes, statistics to date, the last error, quarantine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from provisor.console import activity, first_steps
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import assignments
from provisor.sync.history import History
from provisor.sync.notices import undelivered

PAGE = Page("overview", "/applications/{application:uuid}", action="application.read")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    async with visit.house.database.reading() as tx:
        owners = await assignments.owners(tx, visit.tenant, visit.app)
        people, groups = await assignments.count(tx, visit.tenant, visit.app)
        untold = await undelivered(tx, visit.tenant.id, visit.app.id)
    now = await _cycle(visit)
    steps: Sequence[first_steps.Step] = []
    if now["job"].last_cycle is None and visit.can("provisioning.write"):
        planned = await _history(visit).latest("plan") is not None
        steps = first_steps.of_application(first_steps.Standing(visit.app, people + groups, planned))
    return visit.render(
        owners=owners,
        people=people,
        groups=groups,
        untold=untold,
        steps=steps,
        following=first_steps.following(steps),
        **now,
        **await _statistics(visit),
        **await _activity(visit),
    )


@PAGE.part("/cycle")
async def cycle(visit: PortalVisit) -> Response:
    """The current cycle, which renews itself often, and tells the other parts when one has ended."""
    now = await _cycle(visit)
    part = visit.part("cycle", **now)
    if visit.query("running") and not now["running"]:
        part.headers["HX-Trigger"] = "cycle-ended"
    return part


@PAGE.part("/statistics")
async def statistics(visit: PortalVisit) -> Response:
    """What stands at the target, which takes counting and renews itself now and then."""
    return visit.part("statistics", **await _statistics(visit))


@PAGE.part("/activity")
async def over_time(visit: PortalVisit) -> Response:
    """What happened over time, which takes counting too."""
    return visit.part("activity", **await _activity(visit))


async def _activity(visit: PortalVisit) -> dict[str, Any]:
    return {"figures": await activity.provisioned(visit), "kept": {}}


async def _cycle(visit: PortalVisit) -> dict[str, Any]:
    latest = await _history(visit).latest("cycle")
    job = await visit.house.ledger(visit.tenant, visit.app.id).job()
    return {"job": job, "cycle": latest, "running": bool(latest and latest["ended"] is None and job.held)}


async def _statistics(visit: PortalVisit) -> dict[str, Any]:
    found: dict[str, Any] = {"statistics": await _history(visit).statistics()}
    governor = visit.house.governor(visit.app)
    since = governor.slowed
    found["slowed_ago"] = asyncio.get_running_loop().time() - since if since is not None else None
    return {**found, "governor": governor}


def _history(visit: PortalVisit) -> History:
    return History(visit.house.database, visit.tenant.id, visit.app.id)
