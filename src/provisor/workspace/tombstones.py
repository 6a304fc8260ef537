"""Tombstones: whom an admin removed in the console, and who is therefore not to be brought back by provisioning.

Reading the id of one answers ``REMOVED_BY_ADMIN``. Whoever creates the user name again gets that id again; *allow
again* takes the tombstone away, so that the id is nobody's and provisioning may create the account anew. Nothing else
ends one: it is kept until somebody does either.
"""

from __future__ import annotations

from datetime import datetime
from typing import NoReturn

from provisor.storage.pool import Row, Tx
from provisor.workspace.edit import QUERIES, Edit, Workspace
from provisor.workspace.principals import USER, Principal
from provisor.workspace.refusals import Missing, Removed


async def everyone(tx: Tx, workspace: Workspace) -> list[Row]:
    """The tombstones (``user_id``, ``user_name``, ``external_id``, ``removed``, ``removed_by``), newest first."""
    rows: list[Row] = await tx.fetch(QUERIES.tombstones, workspace.id)
    return rows


async def page(
    tx: Tx, workspace: Workspace, after: tuple[datetime | None, str], limit: int, text: str = ""
) -> list[Row]:
    """As :func:`everyone`, those with ``text`` in the name, after the one of a moment and an id."""
    rows: list[Row] = await tx.fetch(QUERIES.tombstones_page, workspace.id, *after, text.casefold(), limit)
    return rows


async def number(tx: Tx, workspace: Workspace) -> int:
    """How many there are."""
    return int(await tx.fetchval(QUERIES.tombstones_number, workspace.id))


async def allow_again(work: Edit, name: str) -> str:
    """Take the tombstones of a user name, or of an id, away; returns the user name. Raises Missing."""
    work.require_admin()
    rows = await work.tx.fetch(QUERIES.tombstone_delete, work.workspace.id, name.casefold(), name)
    if not rows:
        raise Missing(f"Nobody called {name} was removed from the workspace {work.workspace.name}.")
    for row in rows:
        work.record("allow again", f"user {row['user_name']}", row["user_id"])
    return str(rows[0]["user_name"])


async def refuse(tx: Tx, workspace: Workspace, identity: str, principal: Principal = USER) -> NoReturn:
    """Raise what is true of an id that no user has, and NotFound where there are none of this kind."""
    principal.type_of(workspace)
    removed = await tx.fetchval(QUERIES.tombstone_exists, workspace.id, identity)
    refuse_absent(identity, principal, removed=removed)


def refuse_absent(identity: str, principal: Principal, *, removed: bool) -> NoReturn:
    """Raise Removed for an id with a tombstone, Missing for one that nobody has."""
    if removed:
        raise Removed(f"{principal.kind} {identity} was removed from the workspace by an administrator.")
    raise principal.missing(identity)
