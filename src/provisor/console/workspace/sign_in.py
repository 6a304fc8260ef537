"""Signing in to a workspace's console with a one-time link, and out of it."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from provisor.access import sessions
from provisor.console import site
from provisor.console.page import Page
from provisor.console.visit import WorkspaceVisit
from provisor.workspace import sign_in

#: The first part of the console's addresses.
LETTER: Final = "w"
PAGE = Page("sign_in", "/sign-in", public=True)


@PAGE.get
async def show(visit: WorkspaceVisit) -> Response:
    """Looking at a link does not use it up: mail programs look at links too."""
    token = visit.query("token")
    if not token:
        return visit.go("/") if visit.signed_in else visit.render(owner=None, token="")
    async with visit.house.database.reading() as tx:
        owner = await sign_in.link_owner(tx, visit.workspace, token)
    return visit.render(owner=owner, token=token)


@PAGE.post()
async def submit(visit: WorkspaceVisit) -> Response:
    secret = await sign_in.with_link(visit.house.database, visit.workspace, visit.form.text("token"), visit.actor)
    return _begin(visit, secret, "/")


@PAGE.post("/end")
async def end(visit: WorkspaceVisit) -> Response:
    async with visit.house.database.transaction() as tx:
        await sessions.close(tx, visit.secret)
    return _begin(visit, "", "/sign-in")


@PAGE.post("/end-everywhere")
async def end_everywhere(visit: WorkspaceVisit) -> Response:
    if visit.signed_in:
        async with visit.edit() as edit:
            await sign_in.sign_out_everywhere(edit, visit.user_id)
    return _begin(visit, "", "/sign-in")


def _begin(visit: WorkspaceVisit, secret: str, path: str) -> Response:
    return site.keep(visit, LETTER, visit.workspace.name, secret, visit.go(path))
