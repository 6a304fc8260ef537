"""Finding a page, a person, a group or an application by a part of its name, for whoever may see it (Ctrl K)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from provisor.console.lists import FIRST
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import applications, groups, users
from provisor.directory.applications import Application

PAGE = Page("find", "/find", action="account.own")
#: Of each kind, and of people's and groups' names.
MOST: Final = 8
SOME: Final = 5


@dataclass(frozen=True, slots=True)
class Found:
    """``path`` is below the portal's start."""

    text: str
    kind: str
    path: str


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    text = visit.query("q")[:200]
    found = await _found(visit, text) if text else []
    return visit.render(found=found, text=text)


async def _found(visit: PortalVisit, text: str) -> list[Found]:
    words = text.casefold().split()
    async with visit.house.database.reading() as tx:
        every = await applications.everyone(tx, visit.tenant)
        people, rooms = [], []
        if visit.may("directory.read"):
            people = await users.page(tx, visit.tenant, ("", FIRST), SOME, users.Choice(text))
            rooms = await groups.page(tx, visit.tenant, ("", FIRST), SOME, text)
    readable = [item for item in every if visit.may("application.read", item.id)]
    pages = [Found(item.text, "Page", item.path) for item in visit.menu if _says(item.text, words)]
    apps = list(_within(visit, readable, words))
    return [
        *pages,
        *apps[:MOST],
        *(Found(user.upn, str(user.doc.get("displayName") or "User"), f"/users/{user.id}") for user in people),
        *(Found(row["doc"]["displayName"], "Group", f"/groups/{row['id']}") for row in rooms),
    ]


def _within(visit: PortalVisit, apps: list[Application], words: list[str]) -> Iterator[Found]:
    """Applications whose name has all words, and pages of those for which it takes the page's name too."""
    for app in apps:
        if _says(app.name, words):
            yield Found(app.name, "Enterprise application", f"/applications/{app.id}")
            continue
        for item in visit.app_menu[1:]:
            if _says(f"{app.name} {item.text}", words) and not _says(item.text, words):
                yield Found(f"{app.name}: {item.text}", "Page", f"/applications/{app.id}{item.path}")


def _says(name: str, words: list[str]) -> bool:
    folded = name.casefold()
    return all(word in folded for word in words)
