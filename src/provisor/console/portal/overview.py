"""*Overview* of an application: the current cycle as it goes, statistics to date, the last error, quarantine."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import assignments
from provisor.sync.history import History

PAGE = Page("overview", "/applications/{application:uuid}", action="application.read")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    async with visit.house.database.reading() as tx:
        owners = await assignments.owners(tx, visit.tenant, visit.app)
        people, groups = await assignments.count(tx, visit.tenant, visit.app)
    return visit.render(owners=owners, people=people, groups=groups, **await _now(visit))


@PAGE.part("/cycle")
async def cycle(visit: PortalVisit) -> Response:
    """The part that renews itself."""
    return visit.part("cycle", **await _now(visit))


async def _now(visit: PortalVisit) -> dict[str, Any]:
    history = History(visit.house.database, visit.tenant.id, visit.app.id)
    job = await visit.house.ledger(visit.tenant, visit.app.id).job()
    latest = await history.latest("cycle")
    running = bool(latest and latest["ended"] is None and job.held)
    planned, done = await history.progress(latest["id"]) if running and latest else (0, 0)
    return {
        "job": job,
        "cycle": latest,
        "running": running,
        "planned": planned,
        "done": done,
        "statistics": await history.statistics(),
    }
