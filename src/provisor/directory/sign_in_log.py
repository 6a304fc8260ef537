"""The sign-in log: who signed in to what, from where, with what, and what decided. Names of nobody's are not in it.

Rows are written by whoever lets people in, and read by pages and commands, newest first. The server prunes what is
older than the installation keeps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog

from provisor.directory.admission import Resource
from provisor.directory.edit import Tenant
from provisor.directory.users import User
from provisor.storage.pool import AWAY, Database, Row, Tx
from provisor.storage.queries import queries

QUERIES = queries("sign_in")
SUCCESS: Final = "success"
FAILURE: Final = "failure"
#: Not refused, but asked for more: a second factor, a fresh sign-in.
INTERRUPTED: Final = "interrupted"
OUTCOMES: Final = (SUCCESS, INTERRUPTED, FAILURE)
_PRUNE_SECONDS: Final = 3600.0
_LOG = structlog.get_logger("provisor.sign_in_log")


@dataclass(frozen=True, slots=True)
class Attempt:
    """``user`` is None for a name that is nobody's: what was typed is left out, for people type passwords there.

    ``reason`` is a sentence, empty for a success; ``policies`` are those of a Verdict.
    """

    user: User | None
    resource: Resource
    address: str
    methods: frozenset[str]
    outcome: str
    reason: str = ""
    policies: tuple[Mapping[str, Any], ...] = ()


async def record(tx: Tx, tenant: Tenant, attempt: Attempt) -> None:
    """Write a row."""
    await tx.execute(
        QUERIES.sign_in_record,
        tenant.id,
        attempt.user.id if attempt.user else None,
        attempt.user.upn if attempt.user else "",
        attempt.resource.id,
        attempt.resource.name,
        attempt.address,
        sorted(attempt.methods),
        attempt.outcome,
        attempt.reason,
        [dict(policy) for policy in attempt.policies],
    )


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows: ``user`` is a part of the user principal name, ``resource`` a part of the name of what they wanted.

    ``outcomes`` empty: all; ``policy`` is the id of one that applied or, being report-only, would have; from ``since``
    up to ``until``; ``before_id`` is the id of the first row that is too new.
    """

    user: str = ""
    resource: str = ""
    outcomes: tuple[str, ...] = ()
    policy: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before_id: int | None = None


async def entries(tx: Tx, tenant: Tenant, limit: int, chosen: Filter = Filter()) -> list[Row]:
    """The newest ``limit`` rows that are ``chosen``, newest first."""
    rows: list[Row] = await tx.fetch(
        QUERIES.sign_ins,
        tenant.id,
        limit,
        chosen.user.casefold(),
        chosen.resource.casefold(),
        list(chosen.outcomes or OUTCOMES),
        chosen.policy,
        chosen.since,
        chosen.before_id,
        chosen.until,
    )
    return rows


async def counts(tx: Tx, tenant: Tenant, bounds: Sequence[datetime]) -> dict[str, list[int]]:
    """Outcome → how many in each interval; ``bounds`` are where they begin, and where the last one ends."""
    found = {outcome: [0] * (len(bounds) - 1) for outcome in OUTCOMES}
    for row in await tx.fetch(QUERIES.sign_in_counts, tenant.id, list(bounds), bounds[0], bounds[-1]):
        found[row["outcome"]][row["place"] - 1] = row["count"]
    return found


async def entry(tx: Tx, tenant: Tenant, number: int) -> Row | None:
    """One row by its id."""
    return await tx.fetchrow(QUERIES.sign_in, tenant.id, number)


async def prune(tx: Tx, days: int) -> None:
    """Forget, in every tenant, what is older than so many days."""
    await tx.execute(QUERIES.sign_ins_prune, days)


async def keep_pruned(database: Database, days: int) -> None:
    """Prune now and every hour until cancelled."""
    while True:
        try:
            async with database.transaction() as tx:
                await prune(tx, days)
        except AWAY as error:
            _LOG.warning("database_unreachable", error=type(error).__name__)
        await asyncio.sleep(_PRUNE_SECONDS)
