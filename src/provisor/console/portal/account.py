"""One's own account: another password, signing out everywhere."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.portal.sign_in import device, leave
from provisor.console.visit import PortalVisit
from provisor.directory import factors, sign_in
from provisor.refusal import Invalid

PAGE = Page("account", "/account", action="account.own")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    async with visit.house.database.reading() as tx:
        have = await factors.of(tx, visit.tenant, visit.me.id)
    return visit.render(have=have, factors_in_words=factors.in_words(have))


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


@PAGE.post("/sign-out-everywhere")
async def sign_out_everywhere(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        await sign_in.sign_out_everywhere(edit, visit.me)
    return leave(visit)
