"""*Provisioning logs*: what cycles did, newest first, searched and filtered."""

from __future__ import annotations

from typing import get_args

import orjson
from starlette.responses import Response

from provisor.console.lists import number
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.provisioning.change import Action
from provisor.sync.history import Filter, History
from provisor.sync.summary import as_csv, graph

PAGE = Page("logs", "/applications/{application:uuid}/logs", action="application.read")
SHOWN = 50
#: Rows that one file has at most.
EXPORTED = 50_000
STATUSES = ("success", "failure", "skipped")
ACTIONS = tuple(action for action in get_args(Action) if action != "nothing")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    chosen = _chosen(visit)
    rows = await _history(visit).log(chosen, _before(visit), SHOWN + 1)
    last = rows[SHOWN - 1] if len(rows) > SHOWN else None
    return visit.render(
        rows=rows[:SHOWN],
        chosen=chosen,
        statuses=STATUSES,
        actions=ACTIONS,
        more={"number": last["number"], "phase": last["phase"], "ordinal": last["ordinal"]} if last else {},
        later=visit.query("number") != "",
    )


@PAGE.part("/export.csv")
async def export_csv(visit: PortalVisit) -> Response:
    """The rows that the filters choose, for a spreadsheet."""
    rows = await _history(visit).log(_chosen(visit), None, EXPORTED)
    # The mark at the beginning tells spreadsheets that it is UTF-8.
    return Response("\ufeff" + as_csv(rows), media_type="text/csv", headers=_attached("csv"))


@PAGE.part("/export.json")
async def export_json(visit: PortalVisit) -> Response:
    """The rows that the filters choose, in Microsoft Graph's form."""
    rows = await _history(visit).log(_chosen(visit), None, EXPORTED)
    value = {"value": [graph(row, str(visit.app.id), str(visit.tenant.id)) for row in rows]}
    return Response(orjson.dumps(value), media_type="application/json", headers=_attached("json"))


def _attached(ending: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="provisioning-logs.{ending}"'}


def _history(visit: PortalVisit) -> History:
    return History(visit.house.database, visit.tenant.id, visit.app.id)


def _chosen(visit: PortalVisit) -> Filter:
    return Filter(
        name=visit.query("q") or visit.query("user"),
        status=visit.query("status"),
        action=visit.query("action"),
        cycle=number(visit.query("cycle")),
    )


def _before(visit: PortalVisit) -> tuple[int, int, int] | None:
    cycle, phase, ordinal = (number(visit.query(name)) for name in ("number", "phase", "ordinal"))
    return None if cycle is None or phase is None or ordinal is None else (cycle, phase, ordinal)
