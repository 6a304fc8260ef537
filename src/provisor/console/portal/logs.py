"""*Provisioning logs*: what cycles did, newest first, searched and filtered."""

from __future__ import annotations

from typing import get_args

from starlette.responses import Response

from provisor.console.lists import number
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.provisioning.change import Action
from provisor.sync.history import Filter, History

PAGE = Page("logs", "/applications/{application:uuid}/logs", action="application.read")
SHOWN = 50
STATUSES = ("success", "failure", "skipped")
ACTIONS = tuple(action for action in get_args(Action) if action != "nothing")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    history = History(visit.house.database, visit.tenant.id, visit.app.id)
    chosen = Filter(
        name=visit.query("q") or visit.query("user"),
        status=visit.query("status"),
        action=visit.query("action"),
        cycle=number(visit.query("cycle")),
    )
    rows = await history.log(chosen, _before(visit), SHOWN + 1)
    last = rows[SHOWN - 1] if len(rows) > SHOWN else None
    return visit.render(
        rows=rows[:SHOWN],
        chosen=chosen,
        statuses=STATUSES,
        actions=ACTIONS,
        more={"number": last["number"], "phase": last["phase"], "ordinal": last["ordinal"]} if last else {},
        later=visit.query("number") != "",
    )


def _before(visit: PortalVisit) -> tuple[int, int, int] | None:
    cycle, phase, ordinal = (number(visit.query(name)) for name in ("number", "phase", "ordinal"))
    return None if cycle is None or phase is None or ordinal is None else (cycle, phase, ordinal)
