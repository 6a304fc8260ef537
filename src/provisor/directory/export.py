"""The directory's people as a CSV file that ``provisor directory import`` reads again.

Cells are as the importer takes them: several values with semicolons between, the manager by user principal name.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from provisor.directory import users
from provisor.directory.edit import QUERIES, Tenant
from provisor.directory.users import User
from provisor.provisioning.source_names import USER_ATTRIBUTES
from provisor.spreadsheets import cell
from provisor.storage.pool import Database, Tx

PAGE: Final = 1000
COLUMNS: Final = (
    "objectId",
    "userPrincipalName",
    "accountEnabled",
    "IsSoftDeleted",
    *(name for name in USER_ATTRIBUTES if name not in ("userPrincipalName", "accountEnabled", "IsSoftDeleted")),
)


async def people(database: Database, tenant: Tenant, chosen: users.Choice) -> AsyncIterator[str]:
    """The lines of the file, a page of people at a time; the header comes first.

    Each page is read by itself: whoever downloads slowly keeps no connection to the database meanwhile.
    """
    async with database.reading() as tx:
        extra = [row["name"] for row in await tx.fetch(QUERIES.extension_names, tenant.id)]
    columns = (*COLUMNS, *extra)
    yield _lines([columns])
    after = ("", UUID(int=0))
    while True:
        async with database.reading() as tx:
            page = await users.page(tx, tenant, after, PAGE, chosen)
            managers = await _names(tx, tenant, page)
        if not page:
            return
        yield _lines([_row(user, columns, managers) for user in page])
        after = (page[-1].upn, page[-1].id)


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
