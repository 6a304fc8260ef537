"""The provisioning log of an application as its pages read it: rows that are chosen, page by page, and how many there
were in each interval.

The ledger writes the rows. What is done and what went wrong is told apart by ``result``, in which every row that has
ended is counted once; a chart's figure is the number of rows that the list shows for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from provisor.console import intervals
from provisor.console.intervals import Interval
from provisor.storage.pool import Row, Tx
from provisor.storage.queries import queries

QUERIES = queries("provisioning_log")
#: What can come of a row, and how it is called. ``updated`` is all that was done and is none of the others: values,
#: memberships, links.
RESULTS: Final[Mapping[str, str]] = {
    "created": "Created",
    "updated": "Updated",
    "disabled": "Disabled",
    "deleted": "Deleted",
    "skipped": "Skipped",
    "failed": "Failed or refused",
}
#: A row's place: the number of its cycle, and what its cycle is done by.
Place = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows: ``name`` is a part of one; empty or None asks for all. From ``since`` up to ``until``."""

    name: str = ""
    status: str = ""
    action: str = ""
    result: str = ""
    cycle: int | None = None
    since: datetime | None = None
    until: datetime | None = None


async def page(tx: Tx, tenant: UUID, application: UUID, chosen: Filter, before: Place | None, limit: int) -> list[Row]:
    """Rows, newest cycle first; ``before``: the last row of the page before."""
    rows: list[Row] = await tx.fetch(
        QUERIES.page,
        tenant,
        application,
        *(before or (2**62, 0, 0)),
        chosen.name.lower(),
        chosen.status,
        chosen.action,
        chosen.cycle,
        chosen.since,
        chosen.until,
        chosen.result,
        limit,
    )
    return rows


async def counts(tx: Tx, tenant: UUID, application: UUID, within: Sequence[Interval]) -> dict[str, list[int]]:
    """Result → how many rows in each interval."""
    bounds = intervals.bounds(within)
    found = {result: [0] * len(within) for result in RESULTS}
    for row in await tx.fetch(QUERIES.counts, tenant, application, bounds, bounds[0], bounds[-1]):
        found[row["result"]][row["place"] - 1] = row["count"]
    return found
