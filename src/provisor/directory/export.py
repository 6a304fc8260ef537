"""The directory's people, groups and members as CSV files that ``provisor directory import`` reads again.

Cells are as the importer takes them: several values with semicolons between, the manager by user principal name. Each
page is read by itself: whoever downloads slowly keeps no connection to the database meanwhile.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from provisor.directory import groups, users
from provisor.directory.edit import QUERIES, Tenant
from provisor.directory.groups import Group
from provisor.directory.users import User
from provisor.provisioning.source_names import GROUP_ATTRIBUTES, USER_ATTRIBUTES
from provisor.spreadsheets import cell
from provisor.storage.pool import Database, Row, Tx

PAGE: Final = 1000
COLUMNS: Final = (
    "objectId",
    "userPrincipalName",
    "accountEnabled",
    "IsSoftDeleted",
    *(name for name in USER_ATTRIBUTES if name not in ("userPrincipalName", "accountEnabled", "IsSoftDeleted")),
)
GROUP_COLUMNS: Final = ("objectId", *GROUP_ATTRIBUTES)
MEMBER_COLUMNS: Final = ("group", "member")
_START: Final = ("", UUID(int=0))


async def people(database: Database, tenant: Tenant, chosen: users.Choice) -> AsyncIterator[str]:
    """The lines of the file, a page of people at a time; the header comes first."""
    async with database.reading() as tx:
        extra = [row["name"] for row in await tx.fetch(QUERIES.extension_names, tenant.id)]
    columns = (*COLUMNS, *extra)
    yield _lines([columns])
    after = _START
    while True:
        async with database.reading() as tx:
            page = await users.page(tx, tenant, after, PAGE, chosen)
            managers = await _names(tx, tenant, page)
        if not page:
            return
        yield _lines([_row(user, columns, managers) for user in page])
        after = (page[-1].upn, page[-1].id)


async def teams(database: Database, tenant: Tenant, text: str = "") -> AsyncIterator[str]:
    """The groups with ``text`` in their names."""
    yield _lines([GROUP_COLUMNS])
    async for page in _teams(database, tenant, text):
        rows = [{**row["doc"], "objectId": str(row["id"])} for row in page]
        yield _lines([[_cell(row.get(name)) for name in GROUP_COLUMNS] for row in rows])


async def memberships(database: Database, tenant: Tenant, text: str = "") -> AsyncIterator[str]:
    """The direct members of the groups with ``text`` in their names."""
    yield _lines([MEMBER_COLUMNS])
    async for page in _teams(database, tenant, text):
        for row in page:
            async for lines in _members(database, tenant, Group(row["id"], row["doc"])):
                yield lines


async def members(database: Database, tenant: Tenant, group: Group, text: str = "") -> AsyncIterator[str]:
    """The direct members of one group with ``text`` in their names."""
    yield _lines([MEMBER_COLUMNS])
    async for lines in _members(database, tenant, group, text):
        yield lines


def _teams(database: Database, tenant: Tenant, text: str) -> AsyncIterator[list[Row]]:
    return _pages(database, "name_key", lambda tx, after: groups.page(tx, tenant, after, PAGE, text))


async def _members(database: Database, tenant: Tenant, group: Group, text: str = "") -> AsyncIterator[str]:
    def page(tx: Tx, after: tuple[str, UUID]) -> Awaitable[list[Row]]:
        return groups.members_page(tx, tenant, group.id, after, PAGE, text)

    async for rows in _pages(database, "key", page):
        yield _lines([[_cell(group.name), _cell(row["name"])] for row in rows])


async def _pages(
    database: Database, key: str, read: Callable[[Tx, tuple[str, UUID]], Awaitable[list[Row]]]
) -> AsyncIterator[list[Row]]:
    """All that ``read`` finds, in the order of ``key`` and id."""
    after = _START
    while True:
        async with database.reading() as tx:
            page = await read(tx, after)
        if not page:
            return
        yield page
        after = (page[-1][key], page[-1]["id"])


async def _names(tx: Tx, tenant: Tenant, page: Sequence[User]) -> Mapping[str, str]:
    wanted = {UUID(manager) for user in page if (manager := user.doc.get("manager"))}
    found = await tx.fetch(QUERIES.users_by_id, tenant.id, list(wanted)) if wanted else []
    return {str(row["id"]): row["upn"] for row in found}


def _row(user: User, columns: Sequence[str], managers: Mapping[str, str]) -> list[str]:
    values: dict[str, Any] = {
        **user.doc,
        "objectId": str(user.id),
        "userPrincipalName": user.upn,
        "accountEnabled": user.enabled,
        "IsSoftDeleted": user.recycled,
        "manager": managers.get(user.doc.get("manager") or "", ""),
    }
    return [_cell(values.get(name)) for name in columns]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = ";".join(map(str, value)) if isinstance(value, list) else str(value)
    return cell(text)


def _lines(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()
