"""The audit log: one row with every change, in the change's own transaction.

If the row cannot be written the change does not happen. ``record`` is called by the directory and the workspace,
never by a door; ``seal`` chains the rows afterwards. Secrets and tokens are never among the values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from provisor.access.actors import Actor
from provisor.storage.pool import Row, Tx
from provisor.storage.queries import queries

QUERIES = queries("audit")
#: Rows that are counted at a time.
MOST: Final = 100_000


@dataclass(frozen=True, slots=True)
class Entry:
    """``object`` is a type and a name (``user ada@contoso.com``); before and after hold what differs."""

    action: str
    object: str
    object_id: str | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


async def record(tx: Tx, realm: str, actor: Actor, entries: Iterable[Entry]) -> None:
    """Write ``entries``. ``realm`` says whose log: ``tenant/<name>`` or ``workspace/<name>``."""
    rows = list(entries)
    if rows:
        await tx.execute(
            QUERIES.record,
            realm,
            actor.name if actor.id == actor.name.casefold() else f"{actor.name} ({actor.id})",
            actor.address,
            actor.request,
            [row.action for row in rows],
            [row.object for row in rows],
            [row.object_id for row in rows],
            [row.before for row in rows],
            [row.after for row in rows],
        )


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows: ``actor`` is a part of a name or id, ``what`` a part of the object's name or its whole id.

    ``since`` and ``until`` are moments, ``before_id`` the id of the first row that is too new.
    """

    actor: str = ""
    action: str = ""
    what: str = ""
    request: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before_id: int | None = None


async def entries(tx: Tx, realm: str, limit: int = 100, chosen: Filter = Filter()) -> list[Row]:
    """The newest ``limit`` rows of a realm that are ``chosen``, newest first."""
    asked = (chosen.actor, chosen.action, chosen.what, chosen.request, chosen.since, chosen.until, chosen.before_id)
    rows: list[Row] = await tx.fetch(QUERIES.entries, realm, limit, *asked)
    return rows


async def actions(tx: Tx, realm: str) -> list[str]:
    """What has been done in a realm so far, in words."""
    return [row["action"] for row in await tx.fetch(QUERIES.actions, realm)]


async def writers(tx: Tx, realm: str, since: datetime) -> tuple[list[Row], bool]:
    """Who did what in a realm since a moment (``actor``, ``action``, ``changes``, ``requests``, ``last``), who did most
    first; and whether that is all: no more than the newest MOST rows are counted."""
    rows: list[Row] = await tx.fetch(QUERIES.writers, realm, since, MOST)
    return rows, sum(row["changes"] for row in rows) < MOST
