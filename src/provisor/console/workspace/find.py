"""Finding a page, a user, a group or a service principal by a part of its name, or by its whole id (Ctrl K)."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlencode

from starlette.responses import Response

from provisor.console.finding import LONGEST, SOME, Found, pages
from provisor.console.page import Page
from provisor.console.visit import WorkspaceVisit
from provisor.storage.pool import Tx
from provisor.workspace import groups, tombstones, users
from provisor.workspace.principals import PRINCIPALS, SERVICE_PRINCIPAL
from provisor.workspace.refusals import Missing
from provisor.workspace.resources import User

PAGE = Page("find", "/find", action="account.own")


@PAGE.get
async def show(visit: WorkspaceVisit) -> Response:
    text = visit.query("q")[:LONGEST]
    found = pages(visit.menu, text.casefold().split()) if text else []
    if text and visit.may("workspace.admin"):
        async with visit.house.database.reading() as tx:
            found += [*await _with_id(tx, visit, text), *await _named(tx, visit, text)]
    return visit.render(found=found, text=text)


async def _with_id(tx: Tx, visit: WorkspaceVisit, text: str) -> list[Found]:
    with suppress(Missing):
        return [_user(await users.get(tx, visit.workspace, text))]
    with suppress(Missing):
        group = await groups.get(tx, visit.workspace, text, with_members=False)
        return [Found(group.name, "Group", f"/groups/{group.id}")]
    return []


async def _named(tx: Tx, visit: WorkspaceVisit, text: str) -> list[Found]:
    found = []
    for principal in PRINCIPALS.values():
        found += [_user(one) for one in await users.search(tx, visit.workspace, "", SOME, text, principal)]
    rooms = await groups.search(tx, visit.workspace, "", SOME, text)
    gone = await tombstones.page(tx, visit.workspace, (None, ""), SOME, text)
    return [
        *found,
        *(Found(group.name, "Group", f"/groups/{group.id}") for group in rooms),
        *(Found(row["user_name"], "Removed user", f"/removed?{urlencode({'q': row['user_name']})}") for row in gone),
    ]


def _user(one: User) -> Found:
    if one.principal is SERVICE_PRINCIPAL:
        return Found(str(one.doc.get("displayName") or one.name), SERVICE_PRINCIPAL.kind, f"/users/{one.id}")
    return Found(one.name, str(one.doc.get("displayName") or one.principal.kind), f"/users/{one.id}")
