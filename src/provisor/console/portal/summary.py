"""*Provisioning summary*: operations per day, errors by kind, how long cycles take: the page's report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from starlette.responses import Response

from provisor.console.lists import number
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.sync.history import History
from provisor.sync.report import report

PAGE = Page("summary", "/applications/{application:uuid}/summary", action="application.read")
DAYS = (7, 30, 90)
#: The chart's height in its own units, and a bar's width with its gap.
HEIGHT, STEP = 120, 20


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    days = number(visit.query("days")) or 30
    days = days if days in DAYS else 30
    database, tenant, app = visit.house.database, visit.tenant.id, visit.app.id
    found = await report(database, tenant, app, days)
    return visit.render(
        report=found,
        days=days,
        offered=DAYS,
        bars=_bars(found.days, days),
        times=_times(found.seconds, days),
        height=HEIGHT,
        step=STEP,
        statistics=await History(database, tenant, app).statistics(),
    )


def _days(days: int) -> list[date]:
    today = datetime.now(UTC).date()
    return [today - timedelta(days=back) for back in range(days - 1, -1, -1)]


def _bars(counted: Mapping[date, Mapping[str, int]], days: int) -> list[dict[str, Any]]:
    """A bar for each day, its parts from the bottom up: what went well, and what did not."""
    most = max((sum(counts.values()) for counts in counted.values()), default=1)
    return [_bar(day, counted.get(day, {}), most) for day in _days(days)]


def _bar(day: date, counts: Mapping[str, int], most: int) -> dict[str, Any]:
    good = counts.get("success", 0)
    bad = sum(counts.values()) - good
    scaled = HEIGHT / most
    return {"day": day, "good": good, "bad": bad, "good_height": good * scaled, "bad_height": bad * scaled}


def _times(seconds: Mapping[date, float], days: int) -> list[dict[str, Any]]:
    """A bar for each day: how long its slowest cycle took."""
    most = max(seconds.values(), default=1.0) or 1.0
    found = [(day, seconds.get(day, 0.0)) for day in _days(days)]
    return [{"day": day, "seconds": taken, "height": taken * HEIGHT / most} for day, taken in found]
