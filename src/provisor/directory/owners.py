"""Owners of groups: who looks after one. They have no rights by it in Provisor; scripts and tools ask and set them."""

from __future__ import annotations

from uuid import UUID

from provisor import audit
from provisor.directory.edit import QUERIES, Edit, Tenant
from provisor.directory.groups import Group
from provisor.storage.pool import Row, Tx


async def owners(tx: Tx, tenant: Tenant, group: UUID) -> list[Row]:
    """The owners of a group (``owner_id``, ``owner_type``, ``name``), without users in the recycle bin."""
    rows: list[Row] = await tx.fetch(QUERIES.group_owners, tenant.id, group)
    return rows


async def add_owner(work: Edit, group: Group, owner: UUID, kind: str) -> bool:
    """``kind``: User or Client. Whether they were none before."""
    work.require("directory.write")
    added = await work.tx.fetchval(QUERIES.group_owner_insert, work.tenant.id, group.id, owner, kind)
    if added is not None:
        work.record(audit.Entry("add owner", f"group {group.name}", str(group.id), after={"owner": str(owner)}))
    return added is not None


async def remove_owner(work: Edit, group: Group, owner: UUID) -> bool:
    work.require("directory.write")
    removed = await work.tx.fetchval(QUERIES.group_owner_delete, work.tenant.id, group.id, owner)
    if removed is not None:
        work.record(audit.Entry("remove owner", f"group {group.name}", str(group.id), before={"owner": str(owner)}))
    return removed is not None
