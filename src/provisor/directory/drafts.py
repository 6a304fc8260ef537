"""Mappings that somebody edits: a draft per person and application, which no cycle reads until it is saved.

``base`` is the document that the edits began from. A draft whose base is not the application's document any more is
refused when it is saved: somebody else saved in between, and their edits must not be lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from provisor.directory import applications
from provisor.directory.applications import QUERIES
from provisor.directory.edit import Edit, Tenant
from provisor.refusal import Conflict
from provisor.storage.pool import Tx

OTHERS: Final = "The mappings are others now than on this page: load it again and look at them."
#: An edit: from a document to the changed one.
Step = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Draft:
    base: Mapping[str, Any]
    schema: Mapping[str, Any]
    modified: datetime

    @property
    def mark(self) -> str:
        return mark_of(self.schema)


def mark_of(schema: Mapping[str, Any]) -> str:
    """The same for the same document, and for no other."""
    return hashlib.sha256(orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)).hexdigest()


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


async def save(work: Edit, application: UUID, user: UUID, draft: Draft, seen: str) -> None:
    """Make a draft the application's document. ``seen`` is the mark of the document that was edited last: the person's
    kept draft, or the application's own.

    Raises Conflict when that is another one now, or somebody else saved other mappings meanwhile.
    """
    before = await applications.locked(work, application)
    kept = await get(work.tx, work.tenant, application, user)
    if mark_of(kept.schema if kept else before.schema) != seen:
        raise Conflict(OTHERS)
    if draft.base != before.schema:
        raise Conflict(
            "Somebody else saved other mappings after these edits began: discard the edits and make them again."
        )
    await applications.set_schema(work, before, draft.schema, "edit mappings")
    await discard(work, application, user)
