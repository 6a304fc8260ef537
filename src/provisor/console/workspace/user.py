"""One user: what they may do and through what, groups, access tokens, who signs in to it; admin, active, entitlements,
removing."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import WorkspaceVisit
from provisor.console.workspace.entitlements import grants, grants_of_roles
from provisor.console.workspace.users import set_entitlement
from provisor.sync.ledger import managed_by
from provisor.workspace import entitlements, openid_sign_in, sign_in, tokens, users

PAGE = Page("user", "/users/{user}", action="workspace.admin")


@PAGE.get
async def show(visit: WorkspaceVisit) -> Response:
    async with visit.house.database.snapshot() as tx:
        user = await users.get(tx, visit.workspace, visit.parameter("user"))
        effective = await entitlements.effective(tx, visit.workspace, user.id)
        own = await tokens.everyone(tx, visit.workspace, user.id)
        applications = await managed_by(tx, user.id)
        linked = await openid_sign_in.linked(tx, visit.workspace, user)
    return visit.render(
        user=user,
        groups=effective.groups,
        grants=grants(effective.entitlements),
        roles=grants_of_roles(effective.roles),
        tokens=[row for row in own if row["revoked"] is None],
        applications=applications,
        admin=users.is_admin(user),
        linked=linked,
    )


@PAGE.post("/admin")
async def set_admin(visit: WorkspaceVisit) -> Response:
    async with visit.edit() as edit:
        user = await users.get(edit.tx, visit.workspace, visit.parameter("user"))
        await users.set_admin(edit, user, visit.form.text("admin") == "Yes")
    return await visit.done(f"/users/{user.id}", "Saved.")


@PAGE.post("/active")
async def set_active(visit: WorkspaceVisit) -> Response:
    async with visit.edit() as edit:
        user = await users.get(edit.tx, visit.workspace, visit.parameter("user"))
        await users.set_values(edit, user, {"active": visit.form.text("active") == "Yes"})
    return await visit.done(f"/users/{user.id}", "Saved.")


@PAGE.post("/entitlement")
async def entitle(visit: WorkspaceVisit) -> Response:
    async with visit.edit() as edit:
        user = await users.get(edit.tx, visit.workspace, visit.parameter("user"))
        await set_entitlement(edit, user, visit.form.text("value"), visit.form.ticked("on"))
    return await visit.done(f"/users/{user.id}", "Saved.")


@PAGE.post("/sign-out")
async def sign_out(visit: WorkspaceVisit) -> Response:
    async with visit.edit() as edit:
        user = await users.get(edit.tx, visit.workspace, visit.parameter("user"))
        await sign_in.sign_out_everywhere(edit, user)
    return await visit.done(f"/users/{user.id}", f"{user.name} is signed out everywhere.")


@PAGE.post("/unlink")
async def unlink(visit: WorkspaceVisit) -> Response:
    async with visit.edit() as edit:
        user = await users.get(edit.tx, visit.workspace, visit.parameter("user"))
        await openid_sign_in.unlink(edit, user)
    said = f"{user.name} is linked again to whoever signs in next under that name."
    return await visit.done(f"/users/{user.id}", said)
