"""*Your account*: what the workspace knows of whoever is signed in, admin or not, and their sessions, which they can
end."""

from __future__ import annotations

from starlette.responses import Response

from provisor.access import sessions
from provisor.console.page import Page
from provisor.console.visit import WorkspaceVisit
from provisor.console.workspace.entitlements import grants, grants_of_roles
from provisor.workspace import entitlements, tokens, users

PAGE = Page("account", "/account", action="account.own")


@PAGE.get
async def show(visit: WorkspaceVisit) -> Response:
    async with visit.house.database.snapshot() as tx:
        user = await users.get(tx, visit.workspace, visit.user_id)
        effective = await entitlements.effective(tx, visit.workspace, user.id)
        opened = await sessions.everyone(tx, visit.workspace.realm, user.id, visit.secret)
        own = await tokens.everyone(tx, visit.workspace, user.id)
    given = [item for item in grants(effective.entitlements) if item.here or item.through]
    return visit.render(
        user=user,
        admin=users.is_admin(user),
        groups=effective.groups,
        grants=given,
        roles=grants_of_roles(effective.roles),
        sessions=opened,
        tokens=[row for row in own if row["revoked"] is None],
    )


@PAGE.post("/end-session")
async def end_session(visit: WorkspaceVisit) -> Response:
    async with visit.house.database.transaction() as tx:
        await sessions.end(tx, visit.workspace.realm, visit.user_id, visit.form.text("session"))
    return await visit.done("/account", "That session has ended.")
