"""The provisioning summary report: what cycles did day by day, what went wrong, how long it took.

Counted in the database over the log that is kept; nothing is stored for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from provisor.provisioning.steps import error_code
from provisor.storage.pool import Database
from provisor.storage.queries import queries
from provisor.sync.records import change_from

QUERIES = queries("sync")
#: Failed rows whose errors are told apart.
_READ = 5000


@dataclass(frozen=True, slots=True)
class Report:
    """The last days of one application.

    * ``days``: day → status → number of rows that did something; ``actions``: action → number;
    * ``errors``: Entra ID's code → number; ``seconds``: day → how long its slowest cycle took;
    * ``cycles``, how many of them ``failed``, their seconds (``median``, ``slowest``) and ``requests``.
    """

    days: Mapping[date, Mapping[str, int]]
    actions: Mapping[str, int]
    errors: Mapping[str, int]
    seconds: Mapping[date, float]
    cycles: int
    failed: int
    median: float | None
    slowest: float | None
    requests: int

    def to_json(self) -> dict[str, Any]:
        return {
            "days": {day.isoformat(): dict(counts) for day, counts in self.days.items()},
            "actions": dict(self.actions),
            "errors": dict(self.errors),
            "seconds": {day.isoformat(): seconds for day, seconds in self.seconds.items()},
            "cycles": self.cycles,
            "cyclesFailed": self.failed,
            "medianSeconds": self.median,
            "slowestSeconds": self.slowest,
            "requests": self.requests,
        }


async def report(database: Database, tenant: UUID, application: UUID, days: int) -> Report:
    """The last ``days`` days of an application."""
    key = (tenant, application, days)
    async with database.reading() as tx:
        done = await tx.fetch(QUERIES.report_days, *key)
        wrong = await tx.fetch(QUERIES.report_errors, *key, _READ)
        slow = await tx.fetch(QUERIES.report_seconds, *key)
        cycles = await tx.fetchrow(QUERIES.report_cycles, *key)
    by_day: dict[date, dict[str, int]] = {}
    actions: dict[str, int] = {}
    for row in done:
        counts = by_day.setdefault(row["day"], {})
        counts[row["status"]] = counts.get(row["status"], 0) + row["count"]
        if row["status"] == "success":
            actions[row["action"]] = actions.get(row["action"], 0) + row["count"]
    errors: dict[str, int] = {}
    for row in wrong:
        code = error_code(change_from(row), row["status"], row["message"]) or "InternalError"
        errors[code] = errors.get(code, 0) + 1
    return Report(
        days=by_day,
        actions=dict(sorted(actions.items(), key=lambda item: -item[1])),
        errors=dict(sorted(errors.items(), key=lambda item: -item[1])),
        seconds={row["day"]: row["seconds"] for row in slow},
        cycles=int(cycles["cycles"]),
        failed=int(cycles["failed"]),
        median=cycles["median"],
        slowest=cycles["slowest"],
        requests=int(cycles["requests"]),
    )
