"""What a monitoring system reads (``/metrics``, Prometheus' text format): above all, whether a leaver is left inside;
then whether each application's cycles go through, and how long changes take.

All of it is read from the database, so that every server says the same, however many processes run cycles and whenever
they were started. Names of tenants and applications are in it, and nothing of people; so it takes a bearer token (the
setting ``metrics_token``) and is not there without one.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from typing import Any, Final

from starlette.responses import PlainTextResponse, Response

from provisor.provisioning.schedules import EVENT, following
from provisor.storage.pool import AWAY, Database
from provisor.storage.queries import queries
from provisor.sync.records import LATENCY_SPANS

QUERIES = queries("metrics")
#: The longest time between two cycles of an application that goes by events, unless the settings say otherwise.
SAFETY: Final = timedelta(minutes=30)


def _clocked(row: Any) -> bool:
    return (row["schedule"] or EVENT) != EVENT


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric: what ``of`` makes of a row, which has no sample where that is None."""

    name: str
    help: str
    of: Callable[[Any], float | None]
    type: str = "gauge"


_LEAVERS: Final = (
    Measure("provisor_leavers_open", "Accounts of people who left, not known to be closed.", lambda row: row["open"]),
    Measure("provisor_leaver_age_seconds_max", "How long ago the first of them left.", lambda row: row["age"]),
)
_APPLICATIONS: Final = (
    Measure("provisor_provisioning_on", "Whether the provisioning status is On.", lambda row: row["on"]),
    Measure("provisor_quarantined", "Whether the application is in quarantine.", lambda row: row["quarantined"]),
    Measure(
        "provisor_held",
        "Whether the guard or a restore holds a plan until it is released.",
        lambda row: row["held"],
    ),
    Measure("provisor_by_the_clock", "Whether cycles run by a schedule alone.", _clocked),
    Measure("provisor_cycle_running", "Whether a cycle is under way.", lambda row: row["running"]),
    Measure("provisor_cycles_total", "Cycles that were begun.", lambda row: row["cycles"], "counter"),
    Measure(
        "provisor_last_cycle_age_seconds",
        "Of one that is On: since a cycle came to its end, or since the configuration was changed after that.",
        lambda row: max((row["now"] - row["since"]).total_seconds(), 0.0) if row["on"] else None,
    ),
    Measure(
        "provisor_cycle_interval_seconds",
        "Of one that is On: how long after a cycle the next one begins at the latest.",
        lambda row: row["interval"] if row["on"] else None,
    ),
    Measure("provisor_last_cycle_duration_seconds", "How long the last cycle took.", lambda row: row["seconds"]),
    Measure("provisor_last_cycle_requests", "Requests that the last cycle sent.", lambda row: row["requests"]),
    Measure("provisor_objects_failed", "Users and groups whose last try failed.", lambda row: row["failed"]),
    Measure(
        "provisor_changes_waiting",
        "Changes of the directory that no cycle has looked at.",
        lambda row: row["waiting"],
    ),
)


async def metrics(
    database: Database, token: str | None, authorization: str | None, safety: timedelta = SAFETY
) -> Response:
    """The page, for whoever says ``Bearer`` and ``token``. ``safety``: the longest time between two cycles of an
    application that goes by events."""
    if token is None:
        return PlainTextResponse("There are no metrics: the setting metrics_token is not set.\n", status_code=404)
    scheme, _, said = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(said.strip().encode(), token.encode()):
        return PlainTextResponse(
            "Say the metrics token: Authorization: Bearer …\n",
            status_code=401,
            headers={"WWW-Authenticate": "Bearer"},
        )
    try:
        async with database.reading() as tx:
            left = await tx.fetch(queries("leavers").counted)
            rows = await tx.fetch(QUERIES.applications)
            took = await tx.fetch(queries("sync").latencies)
    except AWAY:
        return PlainTextResponse("The database does not answer.\n", status_code=503)
    states = [{**row, "interval": _interval(row, safety)} for row in rows]
    lines = [*_lines(_LEAVERS, left), *_lines(_APPLICATIONS, states), *_latencies(took)]
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


def _lines(measures: tuple[Measure, ...], rows: list[Any]) -> Iterator[str]:
    for measure in measures:
        yield f"# HELP {measure.name} {measure.help}"
        yield f"# TYPE {measure.name} {measure.type}"
        for row in rows:
            value = measure.of(row)
            if value is not None:
                yield f"{measure.name}{{{_labels(row)}}} {value:.15g}"


def _interval(row: Any, safety: timedelta) -> float:
    """The time from the last cycle's end to the next one's beginning at the latest."""
    then = following(row["schedule"] or EVENT, row["since"])
    return (safety if then is None else then - row["since"]).total_seconds()


def _latencies(rows: list[Any]) -> Iterator[str]:
    name = "provisor_change_latency_seconds"
    yield f"# HELP {name} From a change of the directory to the target's answer, in incremental cycles."
    yield f"# TYPE {name} histogram"
    for row in rows:
        ends = [f"{end:g}" for end in LATENCY_SPANS] + ["+Inf"]
        for end, count in zip(ends, accumulate(row["latency"]), strict=True):
            yield f'{name}_bucket{{{_labels(row)},le="{end}"}} {count}'
        yield f"{name}_sum{{{_labels(row)}}} {row['latency_seconds']:.15g}"
        yield f"{name}_count{{{_labels(row)}}} {sum(row['latency'])}"


def _labels(row: Any) -> str:
    return f'tenant="{_quoted(row["tenant"])}",app="{_quoted(row["app"])}"'


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
