"""*Removed users*: whom an admin removed, who provisioning therefore does not bring back, and the ways back; and who
was deleted, over SCIM or as a service principal, of whom only the audit log knows.

What a removal leaves is the name and the id (:mod:`provisor.workspace.tombstones`): adding somebody again makes an
account with that id and nothing else of what there was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from starlette.responses import Response

from provisor import audit
from provisor.console.page import Page
from provisor.console.visit import WorkspaceVisit
from provisor.storage.pool import Tx
from provisor.workspace import tombstones, users
from provisor.workspace.principals import PRINCIPALS

PAGE = Page("removed", "/removed", action="workspace.admin")
SHOWN: Final = 50
#: What the audit log calls whoever was deleted, before the name.
_KINDS: Final = tuple(f"{principal.kind.lower()} " for principal in PRINCIPALS.values())


@PAGE.get
async def show(visit: WorkspaceVisit) -> Response:
    text, place = visit.query("q"), _place(visit)
    async with visit.house.database.snapshot() as tx:
        found = await tombstones.page(tx, visit.workspace, place, SHOWN + 1, text)
        deleted = await _deleted(tx, visit)
        names = [str(row["object"]).removeprefix(kind) for row, kind in deleted]
        there = await users.present(tx, visit.workspace, names)
    last = found[SHOWN - 1] if len(found) > SHOWN else None
    return visit.render(
        found=found[:SHOWN],
        text=text,
        later=place[0] is not None,
        more={"after": last["removed"].isoformat(), "id": last["user_id"]} if last else {},
        deleted=[
            {**row, "name": name, "again": there.get(name.casefold())}
            for (row, _), name in zip(deleted, names, strict=True)
        ],
    )


@PAGE.post("/add")
async def add(visit: WorkspaceVisit) -> Response:
    async with visit.edit() as edit:
        user = await users.add(edit, visit.form.text("name"), {})
    said = f"{user.name} is a user of {visit.workspace.name} again, with the id of before, and in no group but users."
    return await visit.done(f"/users/{user.id}", said)


@PAGE.post("/allow")
async def allow_again(visit: WorkspaceVisit) -> Response:
    async with visit.edit() as edit:
        name = await tombstones.allow_again(edit, visit.form.text("user"))
    return await visit.done(visit.here("/removed"), f"{name} may be provisioned here again.")


async def _deleted(tx: Tx, visit: WorkspaceVisit) -> list[tuple[Mapping[str, Any], str]]:
    """The rows of the audit log about the last who were deleted, newest first, each with what it calls them."""
    found = []
    for kind in _KINDS:
        chosen, mine = audit.Filter(action="delete", what=kind), 0
        # Groups can have such words in their names, too: a page of them must not hide who comes after it.
        while mine < SHOWN and (rows := await audit.entries(tx, visit.workspace.log, SHOWN, chosen)):
            them = [(row, kind) for row in rows if row["object"].startswith(kind)]
            mine += len(them)
            found += them
            chosen = replace(chosen, before_id=rows[-1]["id"])
            if len(rows) < SHOWN:
                break
    return sorted(found, key=lambda pair: -pair[0]["id"])[:SHOWN]


def _place(visit: WorkspaceVisit) -> tuple[datetime | None, str]:
    """The moment and the id of the last row of the page before; the beginning when the address makes no sense."""
    try:
        moment = datetime.fromisoformat(visit.query("after"))
    except ValueError:
        return None, ""
    return (moment, visit.query("id")) if moment.tzinfo else (None, "")
