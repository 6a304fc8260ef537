"""*Roles and administrators*: who may do what in this directory, from the one table; links for people to get in."""

from __future__ import annotations

from starlette.responses import Response

from provisor.access.roles import ACTIONS, DIRECTORY_ROLES, ROLES
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import sign_in, tenants, users

PAGE = Page("roles", "/roles", action="directory.read")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    async with visit.house.database.reading() as tx:
        holders = await tenants.role_holders(tx, visit.tenant)
    table = {role: [ACTIONS[action] for action in ACTIONS if action in ROLES[role]] for role in DIRECTORY_ROLES}
    return visit.render(
        holders=holders, table=table, options=[("", "Choose …"), *((role, role) for role in DIRECTORY_ROLES)]
    )


@PAGE.post("/add", action="role.write")
async def add(visit: PortalVisit) -> Response:
    role = visit.form.text("role")
    async with visit.edit() as edit:
        user = await users.find(edit.tx, visit.tenant, visit.form.text("user"))
        await tenants.give_role(edit, user.id, role)
    return await visit.done("/roles", f"{user.upn} is {role} now.")


@PAGE.post("/remove", action="role.write")
async def remove(visit: PortalVisit) -> Response:
    role = visit.form.text("role")
    async with visit.edit() as edit:
        user = await users.by_id(edit.tx, visit.tenant, visit.form.id("user"))
        await tenants.take_role(edit, user.id, role)
    return await visit.done("/roles", f"{user.upn} is no {role} any more.")


@PAGE.post("/link", action="role.write")
async def link(visit: PortalVisit) -> Response:
    """A set-up link, shown once, in the page that asked for it."""
    async with visit.edit() as edit:
        user = await users.find(edit.tx, visit.tenant, visit.form.text("user"))
        secret = await sign_in.set_up_link(edit, user)
    address = f"{await visit.house.public_url()}{visit.url('/set-up')}?token={secret}"
    return visit.part("once", what=f"The set-up link of {user.upn}, good for a day and one use", value=address)
