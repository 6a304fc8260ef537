"""Finding a page, a person, a group or an application by a part of its name, for whoever may see it (Ctrl K)."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.responses import Response

from provisor.console.finding import LONGEST, MOST, SOME, Found, pages, says
from provisor.console.lists import FIRST
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import applications, groups, users
from provisor.directory.applications import Application

PAGE = Page("find", "/find", action="account.own")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    text = visit.query("q")[:LONGEST]
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
    apps = list(_within(visit, readable, words))
    return [
        *pages(visit.menu, words),
        *apps[:MOST],
        *(Found(user.upn, str(user.doc.get("displayName") or "User"), f"/users/{user.id}") for user in people),
        *(Found(row["doc"]["displayName"], "Group", f"/groups/{row['id']}") for row in rooms),
    ]


def _within(visit: PortalVisit, apps: list[Application], words: list[str]) -> Iterator[Found]:
    """Applications whose name has all words, and pages of those for which it takes the page's name too."""
    for app in apps:
        if says(app.name, words):
            yield Found(app.name, "Enterprise application", f"/applications/{app.id}")
            continue
        for item in visit.app_menu[1:]:
            if says(f"{app.name} {item.text}", words) and not says(item.text, words):
                yield Found(f"{app.name}: {item.text}", "Page", f"/applications/{app.id}{item.path}")
