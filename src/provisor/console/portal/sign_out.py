"""Signing out because an application asks for it (OpenID Connect RP-Initiated Logout).

An ID token of whoever is signed in says that the application knows whose session it ends; without one, whoever is
signed in is asked. Where the browser goes on to is registered, letter for letter, or it stays here.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from provisor.access import sessions
from provisor.console import site
from provisor.console.page import Page
from provisor.console.portal.sign_in import LETTER
from provisor.console.visit import PortalVisit
from provisor.directory import claims, relying_parties
from provisor.directory.authorization_request import parameters
from provisor.directory.relying_parties import goes_on_to
from provisor.refusal import Invalid, NotFound
from provisor.storage.pool import Tx

PAGE = Page("sign_out", "/sign-out", public=True)


@dataclass(frozen=True, slots=True)
class _Wish:
    """``sure``: the application has shown that it means whoever is signed in. ``address``: where to go on to, or
    empty."""

    sure: bool
    address: str


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    query = visit.request.url.query
    wish = await _wish(visit, query)
    if visit.signed_in and not wish.sure:
        return visit.render(asked=query)
    return await _leave(visit, wish)


@PAGE.post()
async def submit(visit: PortalVisit) -> Response:
    """Whoever is signed in wants it."""
    return await _leave(visit, await _wish(visit, visit.form.raw("asked")))


async def _wish(visit: PortalVisit, query: str) -> _Wish:
    given = parameters(query)
    if given.twice:
        raise Invalid(f"A parameter is there more than once: {', '.join(sorted(given.twice))}.")
    values = given.values
    async with visit.house.database.reading() as tx:
        found = await claims.hinted(tx, visit.tenant, visit.base, values.get("id_token_hint", ""))
        client = values.get("client_id") or (found[0] if found else "")
        if found and found[0] != client:
            raise Invalid("The id_token_hint is for another application than client_id names.")
        address = values.get("post_logout_redirect_uri", "")
        if address and not await _may_go_on(visit, tx, client, address):
            raise Invalid(
                "The application has not registered the address to which it wants to send you: you are sent nowhere, "
                "and nothing has changed."
            )
    if address and (state := values.get("state")):
        address += ("&" if "?" in address else "?") + urlencode({"state": state})
    return _Wish(bool(found and visit.signed_in and found[1] == str(visit.me.id)), address)


async def _may_go_on(visit: PortalVisit, tx: Tx, client: str, address: str) -> bool:
    try:
        return goes_on_to(await relying_parties.find(tx, visit.tenant, client), address, visit.base)
    except NotFound:
        return False


async def _leave(visit: PortalVisit, wish: _Wish) -> Response:
    if visit.signed_in:
        async with visit.house.database.transaction() as tx:
            await sessions.close(tx, visit.secret)
    if not wish.address:
        response = visit.go("/sign-in")
    elif visit.partial:
        response = Response(status_code=204, headers={"HX-Redirect": wish.address})
    else:
        response = RedirectResponse(wish.address, status_code=303)
    return site.keep(visit, LETTER, visit.tenant.name, "", response) if visit.signed_in else response
