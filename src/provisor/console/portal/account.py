"""One's own account: another password, being known at the tenant's provider, signing out everywhere."""

from __future__ import annotations

from starlette.responses import Response

from provisor.access import sessions
from provisor.console import relying_party
from provisor.console.page import Page
from provisor.console.portal.external import chosen, place
from provisor.console.portal.sign_in import device, leave
from provisor.console.relying_party import Trip
from provisor.console.visit import PortalVisit
from provisor.directory import external, factors, sign_in
from provisor.refusal import Invalid

PAGE = Page("account", "/account", action="account.own")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    async with visit.house.database.reading() as tx:
        provider = await external.get(tx, visit.tenant)
        subject = await external.subject_of(tx, visit.tenant, provider, visit.me) if provider else None
        opened = await sessions.everyone(tx, visit.tenant.realm, str(visit.me.id), visit.secret)
        have = await factors.of(tx, visit.tenant, visit.me.id)
    return visit.render(
        provider=provider, subject=subject, sessions=opened, have=have, factors_in_words=factors.in_words(have)
    )


@PAGE.post("/password")
async def password(visit: PortalVisit) -> Response:
    new = visit.form.raw("new")
    if new != visit.form.raw("again"):
        raise Invalid("The two new passwords differ.")
    await sign_in.change_password(
        visit.house.database,
        visit.tenant,
        visit.me,
        visit.form.raw("old"),
        new,
        visitor=visit.actor,
        device=device(visit),
        session=visit.secret,
    )
    return await visit.done("/account", "Your password is changed; every other session of yours has ended.")


@PAGE.post("/connect")
async def connect(visit: PortalVisit) -> Response:
    """To the provider, to come back as somebody there, and be asked whether it is them (:mod:`.signed_in`): whoever has
    only the session of this user may not."""
    _, registration = await chosen(visit)
    await sign_in.confirm_password(
        visit.house.database,
        visit.tenant,
        visit.me,
        visit.form.raw("password"),
        visitor=visit.actor,
        device=device(visit),
    )
    return await relying_party.leave(visit, place(visit), registration, Trip("/account", str(visit.me.id)))


@PAGE.post("/disconnect")
async def disconnect(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        await external.unlink(edit, visit.me)
    return await visit.done("/account", "You are not connected any more.")


@PAGE.post("/end-session")
async def end_session(visit: PortalVisit) -> Response:
    async with visit.house.database.transaction() as tx:
        await sessions.end(tx, visit.tenant.realm, str(visit.me.id), visit.form.text("session"))
    return await visit.done("/account", "That session has ended.")


@PAGE.post("/sign-out-everywhere")
async def sign_out_everywhere(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        await sign_in.sign_out_everywhere(edit, visit.me)
    return leave(visit)
