"""The admin console of a workspace: one module for each of its pages."""

from __future__ import annotations

from starlette.requests import Request

from provisor.console.house import House
from provisor.console.page import Page
from provisor.console.site import Elsewhere, pages
from provisor.console.visit import WorkspaceVisit
from provisor.console.workspace import (
    access_tokens,
    account,
    audit_log,
    find,
    group,
    groups,
    health,
    removed,
    service_principals,
    settings,
    sign_in,
    signed_in,
    user,
    users,
)
from provisor.refusal import NotFound
from provisor.storage.pool import Tx
from provisor.workspace import sign_in as signing_in
from provisor.workspace import workspaces


class Console:
    letter = sign_in.LETTER
    pages = pages(
        [
            sign_in,
            signed_in,
            account,
            users,
            user,
            groups,
            group,
            service_principals,
            removed,
            access_tokens,
            audit_log,
            health,
            settings,
            find,
        ]
    )

    async def enter(self, house: House, request: Request, page: Page, name: str) -> WorkspaceVisit:
        try:
            async with house.database.reading() as tx:
                workspace = await workspaces.get(tx, name)
        except NotFound:
            raise NotFound("There is no workspace here.") from None
        return WorkspaceVisit(house, request, page, f"/w/{workspace.name}", workspace=workspace)

    async def recognise(self, tx: Tx, visit: WorkspaceVisit, secret: str) -> bool | None:
        found = await signing_in.arrive(tx, visit.workspace, secret)
        if found is None:
            return None
        visit.actor, visit.user_id, visit.notice = found.actor, found.user_id, found.notice
        return found.stale

    async def look(self, tx: Tx, visit: WorkspaceVisit) -> None:
        """Nothing beyond the page decides who may see it: a console is its admins', and everybody has an account."""
        if visit.page is users.PAGE and visit.request.method == "GET" and not visit.may("workspace.admin"):
            raise Elsewhere(account.PAGE.path)


CONSOLE = Console()
