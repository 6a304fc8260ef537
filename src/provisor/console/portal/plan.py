"""*Plan*: what the next cycle would do, by action and reason, attribute by attribute, without doing it."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from provisor.console import drafting
from provisor.console.lists import number
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import tenants
from provisor.provisioning.plan import described
from provisor.refusal import Invalid
from provisor.sync.control import ordered
from provisor.sync.cycle import Asked, Result
from provisor.sync.history import History
from provisor.sync.previews import Preview

PAGE = Page("plan", "/applications/{application:uuid}/plan", action="application.read")
SHOWN = 50


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    history = History(visit.house.database, visit.tenant.id, visit.app.id)
    cycle, preview = await history.latest("plan"), visit.house.previews.of(drafting.key(visit))
    approved = visit.house.previews.of(_running(visit))
    running = any(item is not None and item.running for item in (preview, approved))
    chosen = {name: visit.query(name) for name in ("action", "type", "reason")}
    rows: list[Any] = []
    summary: list[Any] = []
    if cycle is not None and not running:
        summary = await history.summary(cycle["id"])
        rows = await history.planned(
            cycle["id"],
            _after(visit),
            SHOWN + 1,
            action=chosen["action"],
            object_type=chosen["type"],
            reason=chosen["reason"],
        )
    last = rows[SHOWN - 1] if len(rows) > SHOWN else None
    return visit.render(
        cycle=cycle,
        preview=preview,
        running=running,
        summary=summary,
        rows=rows[:SHOWN],
        chosen=chosen,
        more={"phase": last["phase"], "after": last["ordinal"]} if last else {},
        later=visit.query("after") != "",
        described=described,
        outdated=await _outdated(visit, cycle),
        adopt=visit.query("adopt"),
        done=visit.house.previews.of(_running(visit)),
    )


@PAGE.post("", action="provisioning.run")
async def make(visit: PortalVisit) -> Response:
    """Make a plan now; one that takes longer is waited for on the page."""
    if not visit.app.connected:
        raise Invalid("There is no target to plan for yet: enter Tenant URL and Secret Token under Provisioning.")
    adopt = visit.form.ticked("adopt")
    visit.house.previews.forget(_running(visit))
    drafting.start(visit, adopt=adopt)
    await visit.house.previews.wait(drafting.key(visit), drafting.PATIENCE)
    return visit.go(visit.app_url("/plan") + ("?adopt=1" if adopt else ""))


@PAGE.post("/approve", action="provisioning.run")
async def approve(visit: PortalVisit) -> Response:
    """Do the plan with this hash, or nothing."""
    promised, release = visit.form.text("hash"), visit.form.ticked("release")
    if not promised:
        raise Invalid("There is no plan to approve: plan first.")
    asked = Asked(promised=promised, release=promised if release else None)
    adopt = visit.form.ticked("adopt")
    if asked.order is not None:
        async with visit.edit() as edit:
            await ordered(edit, visit.app, *asked.order)

    async def work(preview: Preview) -> Result:
        return await visit.house.cycle(visit.tenant, visit.app.id, preview.report, asked, adopt=adopt)

    visit.house.previews.start(_running(visit), work)
    await visit.house.previews.wait(_running(visit), drafting.PATIENCE)
    return visit.go(visit.app_url("/plan"))


@PAGE.part("/progress")
async def progress(visit: PortalVisit) -> Response:
    """The part that renews itself while a plan is made, and then brings the page."""
    previews = visit.house.previews
    found = [previews.of(key) for key in (drafting.key(visit), _running(visit))]
    preview = next((item for item in found if item is not None and item.running), None)
    if preview is None:
        return visit.go(visit.app_url("/plan"))
    return visit.part("planning", preview=preview)


def _running(visit: PortalVisit) -> str:
    """Under which the cycle of an approved plan is found."""
    return f"{visit.app.id}/approved"


def _after(visit: PortalVisit) -> tuple[int, int]:
    return number(visit.query("phase")) or 0, number(visit.query("after")) or 0


async def _outdated(visit: PortalVisit, cycle: Any) -> bool:
    """Whether the directory has changed or a cycle has begun since the plan was made."""
    async with visit.house.database.reading() as tx:
        head = await tenants.head(tx, visit.tenant)
    job = await visit.house.ledger(visit.tenant, visit.app.id).job()
    return cycle is not None and (cycle["as_of"] != head or job.cycles >= cycle["number"])
