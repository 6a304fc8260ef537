"""*Provision on demand*: one user or group, explained from scope to the next cycle, and provisioned step by step."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import Response

from provisor.connectors.base import TargetError
from provisor.console.lists import number
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import groups, users
from provisor.provisioning.plan import described
from provisor.refusal import Invalid, Refusal
from provisor.sync.control import ordered
from provisor.sync.cycle import Asked
from provisor.sync.explain import Explanation, explain
from provisor.sync.planning import Only
from provisor.sync.records import pairs
from provisor.sync.summary import steps_of

PAGE = Page("on_demand", "/applications/{application:uuid}/on-demand", action="application.read")
KINDS = {"user": "User", "group": "Group"}
PAST = 10


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    kind, name = KINDS.get(visit.query("object"), "User"), visit.query("user")
    told: Explanation | None = None
    problem, past, done = None, [], []
    cycle = number(visit.query("cycle"))
    if name:
        try:
            identity = await _identity(visit, kind, name)
            async with visit.house.job(visit.tenant, visit.app.id, read_only=True) as job:
                told = await explain(job, kind, str(identity))
            past = await visit.house.ledger(visit.tenant, visit.app.id).log(sources=[identity], limit=PAST)
            if cycle is not None:
                done = await _done(visit, cycle, identity)
        except (Refusal, TargetError) as error:
            problem = str(error)
    return visit.render(
        kind=kind, name=name, told=told, problem=problem, past=past, done=done, described=described, steps=steps_of
    )


@PAGE.post("", action="provisioning.run")
async def provision(visit: PortalVisit) -> Response:
    kind, name = KINDS.get(visit.form.text("object"), "User"), visit.form.text("user")
    if not visit.app.connected:
        raise Invalid("There is no target to provision to yet: enter Tenant URL and Secret Token under Provisioning.")
    identity = await _identity(visit, kind, name)
    ids = (str(identity),)
    asked = Asked(only=Only(users=ids) if kind == "User" else Only(groups=ids))
    if asked.order is not None:
        async with visit.edit() as work:
            await ordered(work, visit.app, *asked.order)
    result = await visit.house.cycle(visit.tenant, visit.app.id, lambda stage, done, total: None, asked, adopt=True)
    if result.status != "done":
        raise Invalid(f"Nothing was provisioned: {result.error}")
    return visit.go(visit.app_url("/on-demand") + _query(kind, name, result.cycle.number))


def _query(kind: str, name: str, cycle: int) -> str:
    return "?" + urlencode({"object": kind.lower(), "user": name, "cycle": cycle})


async def _identity(visit: PortalVisit, kind: str, name: str) -> UUID:
    async with visit.house.database.reading() as tx:
        if kind == "User":
            return (await users.find(tx, visit.tenant, name)).id
        return (await groups.find(tx, visit.tenant, name)).id


async def _done(visit: PortalVisit, cycle: int, identity: UUID) -> list[dict[str, Any]]:
    """What an on-demand cycle did; that there was nothing to do about whom it was for, too."""
    ledger = visit.house.ledger(visit.tenant, visit.app.id)
    rows = await ledger.log(cycle=cycle, limit=100) or await ledger.log(cycle=cycle, sources=[identity], limit=1)
    return [{"row": row, "steps": steps_of(row), "changed": pairs(row)} for row in rows if row["kind"] == "on demand"]
