"""The page behind a one-time link: whoever has it sets a password and is signed in."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.portal.sign_in import begin
from provisor.console.visit import PortalVisit
from provisor.directory import sign_in
from provisor.refusal import Invalid

PAGE = Page("set_up", "/set-up", public=True)


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    token = visit.query("token")
    async with visit.house.database.reading() as tx:
        owner = await sign_in.link_owner(tx, visit.tenant, token)
    return visit.render(owner=owner, token=token)


@PAGE.post()
async def submit(visit: PortalVisit) -> Response:
    password = visit.form.raw("password")
    if password != visit.form.raw("again"):
        raise Invalid("The two passwords differ.")
    return begin(
        visit, await sign_in.set_up(visit.house.database, visit.tenant, visit.form.text("token"), password, visit.actor)
    )
