"""Signing in to the portal, and out of it."""

from __future__ import annotations

from starlette.responses import Response

from provisor.access import sessions
from provisor.console import site
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import sign_in

PAGE = Page("sign_in", "/sign-in", public=True)


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    if visit.signed_in:
        return visit.go("/")
    async with visit.house.database.reading() as tx:
        ready = await sign_in.is_set_up(tx, visit.tenant)
    return visit.render(ready=ready, next=visit.query("next"))


@PAGE.post()
async def submit(visit: PortalVisit) -> Response:
    name, password = visit.form.text("name"), visit.form.raw("password")
    secret = await sign_in.with_password(visit.house.database, visit.tenant, name, password, visit.address)
    return begin(visit, secret, visit.form.text("next"))


@PAGE.post("/end")
async def end(visit: PortalVisit) -> Response:
    async with visit.house.database.transaction() as tx:
        await sessions.close(tx, visit.secret)
    return begin(visit, "", visit.url("/sign-in"))


def begin(visit: PortalVisit, secret: str, wanted: str = "") -> Response:
    """Give the browser its session (or take it away) and go on to where it was going."""
    from provisor.console.portal import PORTAL

    after = wanted.removeprefix(visit.start) if stays(visit.start, wanted) else "/"
    return site.sign_in(PORTAL, visit, visit.tenant.name, secret, visit.go(after))


def stays(start: str, wanted: str) -> bool:
    """Whether an address to go on to is a page below ``start``, and not another site dressed up as one."""
    return wanted.startswith(start + "/") and not any(char in wanted for char in "\\\r\n\t") and "//" not in wanted
