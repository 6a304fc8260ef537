"""What a monitoring system reads (``/metrics``, Prometheus' text format): above all, whether a leaver is left inside;
and how long changes take.

Names of tenants and applications are in it, so it takes a bearer token (the setting ``metrics_token``) and is not there
without one.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from starlette.responses import PlainTextResponse, Response

from provisor.storage.pool import AWAY, Database
from provisor.storage.queries import queries
from provisor.sync.records import LATENCY_SPANS

QUERIES = queries("leavers")
_GAUGES = {
    "provisor_leavers_open": "Accounts of people who left, not known to be closed.",
    "provisor_leaver_age_seconds_max": "How long ago the first of them left.",
}


async def metrics(database: Database, token: str | None, authorization: str | None) -> Response:
    """The page, for whoever says ``Bearer`` and ``token``."""
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
            rows = await tx.fetch(QUERIES.counted)
            took = await tx.fetch(queries("sync").latencies)
    except AWAY:
        return PlainTextResponse("The database does not answer.\n", status_code=503)
    lines = [*_lines(rows), *_latencies(took)]
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


def _lines(rows: list[Any]) -> Iterator[str]:
    for name, column in zip(_GAUGES, ("open", "age"), strict=True):
        yield f"# HELP {name} {_GAUGES[name]}"
        yield f"# TYPE {name} gauge"
        for row in rows:
            yield f"{name}{{{_labels(row)}}} {row[column]:.15g}"


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
