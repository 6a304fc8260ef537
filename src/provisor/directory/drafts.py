"""Mappings that somebody edits: a draft per person and application, which no cycle reads until it is saved.

``base`` is the document that the edits began from. A draft whose base is not the application's document any more is
refused when it is saved: somebody else saved in between, and their edits must not be lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from provisor.directory import applications
from provisor.directory.applications import QUERIES, Application
from provisor.directory.edit import Edit, Tenant
from provisor.refusal import Conflict, NotFound
from provisor.storage.pool import Tx


@dataclass(frozen=True, slots=True)
class Draft:
    base: Mapping[str, Any]
    schema: Mapping[str, Any]
    modified: datetime


async def get(tx: Tx, tenant: Tenant, application: UUID, user: UUID) -> Draft | None:
    row = await tx.fetchrow(QUERIES.draft, tenant.id, application, user)
    return Draft(row["base"], row["schema"], row["modified"]) if row else None


async def keep(work: Edit, app: Application, user: UUID, schema: Mapping[str, Any]) -> None:
    """Keep the edited document; one that is like the application's own is no draft."""
    work.require("provisioning.write", app.id)
    draft = await get(work.tx, work.tenant, app.id, user)
    base = draft.base if draft else app.schema
    if schema == base:
        await discard(work, app, user)
    else:
        await work.tx.execute(QUERIES.draft_put, work.tenant.id, app.id, user, dict(base), dict(schema))


async def discard(work: Edit, app: Application, user: UUID) -> None:
    await work.tx.execute(QUERIES.draft_drop, work.tenant.id, app.id, user)


async def save(work: Edit, app: Application, user: UUID) -> None:
    """Make the draft the application's document. Raises Conflict when somebody else saved another one meanwhile."""
    before = await applications.locked(work, app.id)
    draft = await get(work.tx, work.tenant, app.id, user)
    if draft is None:
        raise NotFound("There are no unsaved edits.")
    if draft.base != before.schema:
        raise Conflict(
            "Somebody else saved other mappings after these edits began: discard the edits and make them again."
        )
    await applications.set_schema(work, before, draft.schema, "edit mappings")
    await discard(work, app, user)
