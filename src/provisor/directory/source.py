"""The directory as a Source: what a provisioning cycle of one application sees of it.

Each call is one or two set-based statements. Values come under provisioning names, booleans as the texts ``True`` and
``False`` that expressions compare with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from provisor.connectors.base import SourceChange
from provisor.directory.applications import QUERIES as APPLICATIONS
from provisor.directory.edit import QUERIES, Tenant
from provisor.provisioning.scope import SourceObject
from provisor.storage.pool import Database, Row

_FIRST = UUID(int=0)


class DirectorySource:
    """Implements :class:`provisor.connectors.base.Source` for one application of one tenant.

    ``flatten``: whoever is anywhere below a group is its member.
    """

    def __init__(self, database: Database, tenant: Tenant, application: UUID, *, flatten: bool = False) -> None:
        self._flatten = flatten
        self._database = database
        self._tenant = tenant.id
        self._application = application

    async def head(self) -> int:
        async with self._database.reading() as tx:
            return int(await tx.fetchval(QUERIES.feed_head, self._tenant))

    async def changes(self, after: int, limit: int) -> list[SourceChange]:
        async with self._database.reading() as tx:
            rows = await tx.fetch(QUERIES.feed_page, self._tenant, after, limit)
        return [SourceChange(str(row["object_id"]), row["object_type"], row["seq"]) for row in rows]

    async def everything(self, after: str | None, limit: int) -> list[tuple[str, str]]:
        async with self._database.reading() as tx:
            rows = await tx.fetch(APPLICATIONS.everything, self._tenant, UUID(after) if after else _FIRST, limit)
        return [(str(row["id"]), row["type"]) for row in rows]

    async def read(self, object_type: str, ids: Sequence[str]) -> dict[str, SourceObject]:
        users = APPLICATIONS.read_users_nested if self._flatten else APPLICATIONS.read_users
        statement = users if object_type == "User" else APPLICATIONS.read_groups
        make = _user if object_type == "User" else _group
        async with self._database.reading() as tx:
            rows = await tx.fetch(statement, self._tenant, self._application, list(ids))
        return {str(row["id"]): make(row) for row in rows}

    async def seqs(self, ids: Sequence[str]) -> dict[str, int]:
        async with self._database.reading() as tx:
            rows = await tx.fetch(APPLICATIONS.seqs, self._tenant, list(ids))
        return {str(row["id"]): row["seq"] for row in rows}

    async def members(self, group_ids: Sequence[str]) -> dict[str, list[str]]:
        async with self._database.reading() as tx:
            statement = APPLICATIONS.read_members_nested if self._flatten else APPLICATIONS.read_members
            rows = await tx.fetch(statement, self._tenant, list(group_ids))
        found: dict[str, list[str]] = {item: [] for item in group_ids}
        for row in rows:
            found[str(row["group_id"])].append(str(row["member_id"]))
        return found

    async def groups_of(self, ids: Sequence[str]) -> list[str]:
        async with self._database.reading() as tx:
            statement = APPLICATIONS.groups_above if self._flatten else QUERIES.groups_of
            rows = await tx.fetch(statement, self._tenant, list(ids))
        return [str(row["group_id"]) for row in rows]

    async def related(self, group_ids: Sequence[str]) -> list[tuple[str, str]]:
        if not self._flatten or not group_ids:
            return []
        async with self._database.reading() as tx:
            rows = await tx.fetch(APPLICATIONS.related, self._tenant, list(group_ids))
        return [(str(row["id"]), row["type"]) for row in rows]

    async def reports_of(self, ids: Sequence[str]) -> list[str]:
        async with self._database.reading() as tx:
            rows = await tx.fetch(QUERIES.reports_of, self._tenant, list(ids))
        return [str(row["id"]) for row in rows]


def _user(row: Row) -> SourceObject:
    doc = row["doc"]
    return SourceObject(
        id=str(row["id"]),
        object_type="User",
        name=row["upn"],
        attributes={**_texts(doc), "accountEnabled": str(row["enabled"]), "originalUserPrincipalName": row["upn"]},
        seq=row["seq"] or 0,
        enabled=row["enabled"],
        recycled=row["deleted"] is not None,
        assigned=row["assigned"],
        manager=doc.get("manager"),
    )


def _group(row: Row) -> SourceObject:
    return SourceObject(
        id=str(row["id"]),
        object_type="Group",
        name=row["doc"]["displayName"],
        attributes=_texts(row["doc"]),
        seq=row["seq"] or 0,
        assigned=row["assigned"],
    )


def _texts(doc: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, bool) else value for name, value in doc.items()}
