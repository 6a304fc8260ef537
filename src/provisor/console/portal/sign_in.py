"""Signing in to the portal, and out of it."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

import structlog
from starlette.responses import JSONResponse, Response

from provisor.access import sessions
from provisor.console import site
from provisor.console.page import Page
from provisor.console.portal.proving import needed_party, party
from provisor.console.site import stays
from provisor.console.visit import PortalVisit
from provisor.directory import external, second_factor, sign_in
from provisor.directory.admission import Outcome
from provisor.refusal import Forbidden, Refusal

#: The first part of the portal's addresses.
LETTER: Final = "t"
_LOG = structlog.get_logger("provisor.console")
_CHALLENGE: Final = "_challenge"
PAGE = Page("sign_in", "/sign-in", public=True, pending=True)


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    """Whoever is signed in goes on, unless they are to sign in ``again``."""
    wanted, again = visit.query("next"), visit.query("again") == "1"
    if visit.pending and not again:
        return visit.go("/second-factor" + _after(wanted))
    if visit.signed_in and not again:
        return visit.go(wanted.removeprefix(visit.start) if stays(visit.start, wanted) else "/")
    async with visit.house.database.reading() as tx:
        ready = await sign_in.is_set_up(tx, visit.tenant)
        provider = await external.get(tx, visit.tenant)
    return visit.render(
        ready=ready,
        next=wanted,
        ended=visit.query("ended") == "1",
        again=again,
        name=visit.query("hint")[:256] or (visit.me.upn if visit.signed_in else ""),
        party=party(visit),
        provider=provider,
        # With a password only administrators get in then, and only when they ask for it.
        local=provider is None or not provider.only or visit.query("local") == "1",
    )


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
    await _instead(visit)
    return begin(visit, begun, visit.form.text("next"))


@PAGE.post("/passkey/options")
async def passkey_options(visit: PortalVisit) -> Response:
    """What the browser's script asks an authenticator for."""
    holder = sessions.secret()
    options = await second_factor.ask_anybody(visit.house.database, holder, needed_party(visit))
    return site.keep(visit, LETTER, visit.tenant.name, holder, JSONResponse(options), _CHALLENGE)


@PAGE.post("/passkey")
async def passkey(visit: PortalVisit) -> Response:
    line = site.line_of(visit.house, visit.request)
    holder = visit.request.cookies.get(site.cookie(LETTER, visit.tenant.name, line, _CHALLENGE), "")
    begun = await second_factor.sign_in_with_passkey(
        visit.house.database,
        visit.tenant,
        needed_party(visit),
        holder,
        visit.form.raw("answer"),
        visitor=visit.actor,
        device=device(visit),
    )
    await _instead(visit)
    response = begin(visit, begun, visit.form.text("next"))
    return site.keep(visit, LETTER, visit.tenant.name, "", response, _CHALLENGE)


@PAGE.post("/end")
async def end(visit: PortalVisit) -> Response:
    async with visit.house.database.transaction() as tx:
        await sessions.close(tx, visit.secret)
    return leave(visit)


def device(visit: PortalVisit) -> str:
    """What this browser kept of a sign-in before."""
    line = site.line_of(visit.house, visit.request)
    return visit.request.cookies.get(site.cookie(LETTER, visit.tenant.name, line, site.DEVICE), "")


def begin(visit: PortalVisit, begun: sign_in.Begun, wanted: str = "") -> Response:
    """Give the browser its session and go on to where it was going; by way of a second factor, or once more of the
    sign-in page, if that is asked for.

    Raises Forbidden for what was decided to be blocked.
    """
    if begun.verdict.outcome is Outcome.FRESH:
        return visit.go("/sign-in?" + urlencode({"again": "1", **({"next": wanted} if wanted else {})}))
    if not begun.session:
        raise Forbidden(begun.verdict.sentence or "You may not sign in here.")
    if begun.pending:
        response = visit.go("/second-factor" + _after(wanted))
    else:
        response = visit.go(wanted.removeprefix(visit.start) if stays(visit.start, wanted) else "/")
    site.keep(visit, LETTER, visit.tenant.name, begun.session, response)
    if not begun.device:
        return response
    return site.keep(visit, LETTER, visit.tenant.name, begun.device, response, site.DEVICE)


def leave(visit: PortalVisit) -> Response:
    """Take the browser's session away."""
    return site.keep(visit, LETTER, visit.tenant.name, "", visit.go("/sign-in"))


def _after(wanted: str) -> str:
    return "?" + urlencode({"next": wanted}) if wanted else ""


async def _instead(visit: PortalVisit) -> None:
    """Whoever signs in again has one session in this browser, the new one."""
    if visit.signed_in:
        async with visit.house.database.transaction() as tx:
            await sessions.close(tx, visit.secret)
