"""One user: every attribute, groups, applications, who they are elsewhere; disable, delete, restore, delete for
good."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.fields import changed
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import external, factors, users
from provisor.provisioning.source_names import USER_ATTRIBUTES
from provisor.refusal import Invalid

PAGE = Page("user", "/users/{user:uuid}", action="directory.read")
#: Attributes that everybody asks for; the others stand behind *All attributes*.
FIRST = ("userPrincipalName", "displayName", "givenName", "surname", "mail", "mailNickname", "jobTitle", "department")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    async with visit.house.database.snapshot() as tx:
        user = await users.find(tx, visit.tenant, str(visit.parameter("user")))
        groups = await users.memberships(tx, visit.tenant, user.id)
        apps = await users.assigned_to(tx, visit.tenant, user.id)
        manager = user.doc.get("manager")
        provider = await external.get(tx, visit.tenant)
        subject = await external.subject_of(tx, visit.tenant, provider, user) if provider else None
        above = await users.find(tx, visit.tenant, manager) if manager else None
        have = await factors.of(tx, visit.tenant, user.id)
    more = [name for name in USER_ATTRIBUTES if name not in (*FIRST, "accountEnabled", "manager")]
    return visit.render(
        user=user,
        groups=groups,
        apps=apps,
        above=above,
        provider=provider,
        subject=subject,
        first=FIRST,
        more=more,
        have=have,
        factors_in_words=factors.in_words(have),
    )


@PAGE.post("", action="directory.write")
async def change(visit: PortalVisit) -> Response:
    identity = visit.parameter("user")
    given = changed(visit.form, USER_ATTRIBUTES)
    async with visit.edit() as edit:
        await users.change(edit, identity, given)
    return await visit.done(f"/users/{identity}", "Saved.")


@PAGE.post("/manager", action="directory.write")
async def set_manager(visit: PortalVisit) -> Response:
    identity, name = visit.parameter("user"), visit.form.text("manager")
    async with visit.edit() as edit:
        await users.change(edit, identity, {"manager": name or None})
    return await visit.done(f"/users/{identity}", f"The manager is {name} now." if name else "There is no manager now.")


@PAGE.post("/state", action="directory.write")
async def state(visit: PortalVisit) -> Response:
    identity, wanted = visit.parameter("user"), visit.form.text("state")
    async with visit.edit() as edit:
        user = await users.find(edit.tx, visit.tenant, str(identity))
        if wanted in ("enable", "disable"):
            await users.change(edit, identity, {"accountEnabled": wanted == "enable"})
        elif wanted in _STEPS:
            await _STEPS[wanted](edit, identity)
        else:
            raise Invalid("Nothing was chosen.")
    after = "/users" if wanted == "purge" else f"/users/{identity}"
    return await visit.done(after, f"{user.upn} is {_SAID[wanted]}.")


@PAGE.post("/reset-factors", action="role.write")
async def reset_factors(visit: PortalVisit) -> Response:
    identity = visit.parameter("user")
    async with visit.edit() as edit:
        user = await users.by_id(edit.tx, visit.tenant, identity)
        await factors.reset(edit, user)
    return await visit.done(f"/users/{identity}", f"{user.upn} has no second factor any more and is signed out.")


@PAGE.post("/link", action="role.write")
async def link(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        user = await users.find(edit.tx, visit.tenant, str(visit.parameter("user")))
        await external.link(edit, user, visit.form.text("subject"))
    return await visit.done(f"/users/{user.id}", f"{user.upn} is linked.")


@PAGE.post("/unlink", action="role.write")
async def unlink(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        user = await users.find(edit.tx, visit.tenant, str(visit.parameter("user")))
        await external.unlink(edit, user)
    return await visit.done(f"/users/{user.id}", f"{user.upn} is not linked any more, and their sessions have ended.")


_STEPS = {"delete": users.recycle, "restore": users.restore, "purge": users.purge}
_SAID = {
    "enable": "enabled",
    "disable": "disabled",
    "delete": "deleted and stays in the recycle bin",
    "restore": "restored",
    "purge": "deleted for good",
}
