"""Signing in to the portal, and out of it."""

from __future__ import annotations

from typing import Final

import structlog
from starlette.responses import Response

from provisor.access import sessions
from provisor.console import site
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory import sign_in
from provisor.refusal import Refusal

#: The first part of the portal's addresses.
LETTER: Final = "t"
_LOG = structlog.get_logger("provisor.console")
PAGE = Page("sign_in", "/sign-in", public=True)


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    """Whoever is signed in goes on, unless they are to sign in ``again``."""
    wanted, again = visit.query("next"), visit.query("again") == "1"
    if visit.signed_in and not again:
        return visit.go(wanted.removeprefix(visit.start) if stays(visit.start, wanted) else "/")
    async with visit.house.database.reading() as tx:
        ready = await sign_in.is_set_up(tx, visit.tenant)
    name = visit.query("hint")[:256] or (visit.me.upn if visit.signed_in else "")
    return visit.render(ready=ready, next=wanted, ended=visit.query("ended") == "1", again=again, name=name)


@PAGE.post()
async def submit(visit: PortalVisit) -> Response:
    name, password = visit.form.text("name"), visit.form.raw("password")
    try:
        begun = await sign_in.with_password(
            visit.house.database, visit.tenant, name, password, visitor=visit.actor, device=device(visit)
        )
    except Refusal:
        # Who it was is left out: people type passwords into the wrong field.
        _LOG.warning("sign-in refused", tenant=visit.tenant.name, address=visit.address)
        raise
    if visit.signed_in:
        # A session that has been proved again is another one.
        async with visit.house.database.transaction() as tx:
            await sessions.close(tx, visit.secret)
    return begin(visit, begun, visit.form.text("next"))


@PAGE.post("/end")
async def end(visit: PortalVisit) -> Response:
    async with visit.house.database.transaction() as tx:
        await sessions.close(tx, visit.secret)
    return leave(visit)


def device(visit: PortalVisit) -> str:
    """What this browser kept of a sign-in before."""
    line = site.line_of(visit.house, visit.request)
    return visit.request.cookies.get(site.cookie(LETTER, visit.tenant.name, line, "_device"), "")


def begin(visit: PortalVisit, begun: sign_in.Begun, wanted: str = "") -> Response:
    """Give the browser its session and go on to where it was going."""
    response = visit.go(wanted.removeprefix(visit.start) if stays(visit.start, wanted) else "/")
    site.keep(visit, LETTER, visit.tenant.name, begun.session, response)
    return site.keep(visit, LETTER, visit.tenant.name, begun.device, response, "_device")


def leave(visit: PortalVisit) -> Response:
    """Take the browser's session away."""
    return site.keep(visit, LETTER, visit.tenant.name, "", visit.go("/sign-in"))


def stays(start: str, wanted: str) -> bool:
    """Whether an address to go on to is a page below ``start``, and not another site dressed up as one."""
    return wanted.startswith(start + "/") and not any(char in wanted for char in "\\\r\n\t") and "//" not in wanted
