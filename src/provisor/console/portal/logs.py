"""*Provisioning logs*: what happened over time, and what cycles did, newest first, searched and filtered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import orjson
from starlette.responses import Response

from provisor.console import activity, provisioning_log
from provisor.console.intervals import in_words
from provisor.console.lists import moment, number
from provisor.console.page import Page
from provisor.console.provisioning_log import RESULTS, Filter, Place
from provisor.console.visit import PortalVisit
from provisor.provisioning.change import Action
from provisor.storage.pool import Row
from provisor.sync.summary import as_csv, graph

PAGE = Page("logs", "/applications/{application:uuid}/logs", action="application.read")
SHOWN = 50
#: Rows that one file has at most.
EXPORTED = 50_000
STATUSES = ("success", "failure", "skipped")
ACTIONS = tuple(action for action in get_args(Action) if action != "nothing")
#: What an address says of the rows, beside the filters, that other pages of the list have to say again.
_FILTERS = ("q", "status", "action", "result", "cycle", "since", "until", "span")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    # Whoever types into a filter gets another list; what happened stays as it is.
    figures = None if visit.partial else await activity.provisioned(visit)
    return visit.render(statuses=STATUSES, actions=ACTIONS, results=RESULTS, figures=figures, **await _listed(visit))


@PAGE.part("/export.csv")
async def export_csv(visit: PortalVisit) -> Response:
    """The rows that the filters choose, for a spreadsheet."""
    rows = await _rows(visit, None, EXPORTED)
    # The mark at the beginning tells spreadsheets that it is UTF-8.
    return Response("\ufeff" + as_csv(rows), media_type="text/csv", headers=_attached("csv"))


@PAGE.part("/export.json")
async def export_json(visit: PortalVisit) -> Response:
    """The rows that the filters choose, in Microsoft Graph's form."""
    rows = await _rows(visit, None, EXPORTED)
    value = {"value": [graph(row, str(visit.app.id), str(visit.tenant.id)) for row in rows]}
    return Response(orjson.dumps(value), media_type="application/json", headers=_attached("json"))


def _attached(ending: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="provisioning-logs.{ending}"'}


async def _listed(visit: PortalVisit) -> Mapping[str, Any]:
    """A page of the list, as ``parts/log_rows.html`` shows it."""
    chosen = _chosen(visit)
    rows = await _rows(visit, _before(visit), SHOWN + 1)
    last = rows[SHOWN - 1] if len(rows) > SHOWN else None
    return {
        "rows": rows[:SHOWN],
        "chosen": chosen,
        "kept": {**{name: visit.query(name) for name in _FILTERS}, "q": chosen.name},
        "when": in_words(chosen.since, chosen.until, visit.zone),
        "more": {"number": last["number"], "phase": last["phase"], "ordinal": last["ordinal"]} if last else {},
        "later": visit.query("number") != "",
    }


async def _rows(visit: PortalVisit, before: Place | None, limit: int) -> list[Row]:
    async with visit.house.database.reading() as tx:
        return await provisioning_log.page(tx, visit.tenant.id, visit.app.id, _chosen(visit), before, limit)


def _chosen(visit: PortalVisit) -> Filter:
    result = visit.query("result")
    return Filter(
        name=visit.query("q") or visit.query("user"),
        status=visit.query("status"),
        action=visit.query("action"),
        result=result if result in RESULTS else "",
        cycle=number(visit.query("cycle")),
        since=moment(visit.query("since")),
        until=moment(visit.query("until")),
    )


def _before(visit: PortalVisit) -> Place | None:
    cycle, phase, ordinal = (number(visit.query(name)) for name in ("number", "phase", "ordinal"))
    return None if cycle is None or phase is None or ordinal is None else (cycle, phase, ordinal)
