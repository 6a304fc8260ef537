"""*Health*: the page's troubleshooting as findings with what mends each, and what was changed at the target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from starlette.responses import Response

from provisor.console import drafting
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.refusal import Invalid, Refusal
from provisor.sync.cycle import Asked, Result, dry_run
from provisor.sync.doctor import Finding, examine, facts
from provisor.sync.history import History
from provisor.sync.previews import Preview
from provisor.sync.records import pairs

PAGE = Page("health", "/applications/{application:uuid}/health", action="application.read")
SHOWN = 200
#: Where what a finding is about is mended, below the application.
PLACES: Final = {
    "connection": "/provisioning",
    "token": "/provisioning",
    "owner": "/policies",
    "mappings": "/mappings/user",
    "scope": "/users-and-groups",
    "matching": "/logs",
    "cycle": "/logs",
    "quarantine": "/provisioning",
    "schedule": "/provisioning",
    "guard": "/plan",
    "notices": "/provisioning",
}


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    preview = visit.house.previews.of(_key(visit))
    drifted: list[Any] = []
    if preview is not None and preview.result is not None:
        history = History(visit.house.database, visit.tenant.id, visit.app.id)
        for action in ("drift", "removed"):
            drifted += await history.planned(preview.result.cycle.id, (0, 0), SHOWN, action=action)
    return visit.render(
        findings=await _findings(visit), preview=preview, drifted=drifted, drift=_drift, place=_place(visit)
    )


@PAGE.post("/compare", action="provisioning.run")
async def compare(visit: PortalVisit) -> Response:
    """Read the whole target and see what was changed there; nothing is written."""
    if not visit.app.connected:
        raise Invalid("There is no target to compare with yet: enter Tenant URL and Secret Token under Provisioning.")

    async def work(preview: Preview) -> Result:
        async with visit.house.job(visit.tenant, visit.app.id, read_only=True) as job:
            # What was changed is named whatever is done about it.
            reporting = replace(job, policies=replace(job.policies, drift={}))
            return await dry_run(reporting, preview.report, Asked(full=True))

    visit.house.previews.start(_key(visit), work)
    await visit.house.previews.wait(_key(visit), drafting.PATIENCE)
    return visit.go(visit.app_url("/health"))


@PAGE.part("/progress")
async def progress(visit: PortalVisit) -> Response:
    """The part that renews itself while the target is read, and then brings the page."""
    preview = visit.house.previews.of(_key(visit))
    if preview is None or not preview.running:
        return visit.go(visit.app_url("/health"))
    return visit.part("comparing", preview=preview)


async def _findings(visit: PortalVisit) -> list[Finding]:
    if not visit.app.connected:
        sentence = "There is no Tenant URL with a Secret Token yet: enter both under Provisioning."
        return [Finding("connection", "bad", sentence)]
    house, ledger = visit.house, visit.house.ledger(visit.tenant, visit.app.id)
    known = await facts(house.database, ledger, visit.tenant, visit.app, house.settings.cycle_minutes)
    try:
        async with house.job(visit.tenant, visit.app.id, read_only=True) as job:
            return [finding async for finding in examine(visit.app, job, known)]
    except Refusal as error:
        return [Finding("mappings", "bad", str(error))]


def _place(visit: PortalVisit) -> Callable[[Finding], str]:
    def place(finding: Finding) -> str:
        """The page on which somebody mends it; empty when there is nothing to mend."""
        if finding.level == "good":
            return ""
        return "/leavers" if finding.area == "leavers" else visit.app_url(PLACES[finding.area])

    return place


def _drift(row: Any) -> dict[str, tuple[Any, Any]]:
    return {path: pair for path, pair in pairs(row, "drift").items() if path != "members"}


def _key(visit: PortalVisit) -> str:
    return f"{visit.app.id}/drift"
