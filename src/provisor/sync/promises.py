"""How promises become rows: what is durable before a page's first request, and what is doubted after its last.

Called by the ledger, in its transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from provisor.provisioning.change import Change
from provisor.storage.pool import Tx
from provisor.storage.queries import queries

QUERIES = queries("sync")


async def promise(tx: Tx, key: tuple[UUID, UUID], changes: Sequence[Change]) -> None:
    adopting = [change for change in changes if change.adopts]
    released = [change.releases for change in adopting if change.releases is not None]
    if released:
        await tx.execute(QUERIES.release, *key, released)
    if adopting:
        await tx.execute(
            QUERIES.adopt,
            *key,
            [change.source_id for change in adopting],
            [change.target_id for change in adopting],
            [dict(change.inherited) for change in adopting],
        )
    await tx.execute(
        QUERIES.promise,
        *key,
        [change.source_id for change in changes],
        [change.sent if change.action == "create" else None for change in changes],
        [change.action == "delete" for change in changes],
        [change.target_id for change in changes],
        [change.given for change in changes],
        [change.object_type == "User" and change.action in ("disable", "delete") for change in changes],
    )


async def doubt(tx: Tx, key: tuple[UUID, UUID], epoch: int, changes: Sequence[Change]) -> None:
    members = [(change.source_id, member) for change in changes for member in change.members]
    given: dict[str, dict[str, Any]] = {}
    for change in changes:
        given.setdefault(change.source_id, {}).update(change.given if change.action != "create" else {})
    await tx.execute(QUERIES.doubt, *key, epoch, list(given), list(given.values()))
    await tx.execute(
        QUERIES.doubt_late_members,
        *key,
        epoch,
        [group for group, _ in members],
        [member for _, member in members],
    )
