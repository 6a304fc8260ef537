"""Mappings that somebody edits: a draft per person and application, which no cycle reads until it is saved.

``base`` is the document that the edits began from. A draft whose base is not the application's document any more is
refused when it is saved: somebody else saved in between, and their edits must not be lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from provisor.directory import applications
from provisor.directory.applications import QUERIES
from provisor.directory.edit import Edit, Tenant
from provisor.refusal import Conflict, NotFound
from provisor.storage.pool import Tx

#: An edit: from a document to the changed one.
Step = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Draft:
    base: Mapping[str, Any]
    schema: Mapping[str, Any]
    modified: datetime

    @property
    def mark(self) -> str:
        """The same for the same edits, and for no others."""
        return hashlib.sha256(orjson.dumps(self.schema, option=orjson.OPT_SORT_KEYS)).hexdigest()


async def get(tx: Tx, tenant: Tenant, application: UUID, user: UUID) -> Draft | None:
    row = await tx.fetchrow(QUERIES.draft, tenant.id, application, user)
    return Draft(row["base"], row["schema"], row["modified"]) if row else None


async def change(work: Edit, application: UUID, user: UUID, step: Step) -> None:
    """Do one edit: from the draft, or from the application's own document. One that ends where it began is no draft.

    The application is locked, so that of two edits at once the second is done to what the first left.
    """
    work.require("provisioning.write", application)
    app = await applications.locked(work, application)
    draft = await get(work.tx, work.tenant, application, user)
    base = draft.base if draft else app.schema
    schema = step(draft.schema if draft else app.schema)
    if schema == base:
        await discard(work, application, user)
    else:
        await work.tx.execute(QUERIES.draft_put, work.tenant.id, application, user, dict(base), dict(schema))


async def discard(work: Edit, application: UUID, user: UUID) -> None:
    await work.tx.execute(QUERIES.draft_drop, work.tenant.id, application, user)


async def save(work: Edit, application: UUID, user: UUID, mark: str) -> None:
    """Make the draft the application's document. ``mark`` is that of the draft which is meant.

    Raises Conflict when the draft is another one now, or somebody else saved other mappings meanwhile.
    """
    before = await applications.locked(work, application)
    draft = await get(work.tx, work.tenant, application, user)
    if draft is None:
        raise NotFound("There are no unsaved edits.")
    if draft.mark != mark:
        raise Conflict("The edits are others now than when you pressed Save: load the page again and look at them.")
    if draft.base != before.schema:
        raise Conflict(
            "Somebody else saved other mappings after these edits began: discard the edits and make them again."
        )
    await applications.set_schema(work, before, draft.schema, "edit mappings")
    await discard(work, application, user)
