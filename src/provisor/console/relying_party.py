"""The browser's way to an OpenID provider and back, for both sites: what it keeps, where it goes, what it comes back
with.

A form of ours begins it (so that no other site can), a cookie of its own ties it to the browser, and what comes back is
checked before any of it is used: cookie and state, who answered, then the code and the ID token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import RedirectResponse, Response

from provisor.access import authentication_requests
from provisor.access.authentication_requests import LIFETIME, Away
from provisor.connectors import openid
from provisor.connectors.openid import Asked, Identity, Provider, Registration
from provisor.connectors.openid_ways import within
from provisor.console import site
from provisor.console.visit import Visit
from provisor.refusal import Forbidden

_COOKIE: Final = "_request"
#: Characters of a place to go on to, which are kept for whoever asks: those of an authorization request, encoded, fit.
_LONGEST: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sign-in begins and ends: the site's ``letter``, the ``name`` and ``realm`` of the tenant or workspace."""

    letter: str
    name: str
    realm: str


@dataclass(frozen=True, slots=True)
class Trip:
    """What is to be known of a sign-in: ``destination`` afterwards, ``subject`` as in Away. ``again``: the provider is
    to ask even whom it knows, and must say that it did."""

    destination: str = ""
    subject: str = ""
    again: bool = False


def away(visit: Visit, address: str) -> Response:
    """Send the browser to another place than a page of the site."""
    if visit.partial:
        return Response(status_code=204, headers={"HX-Redirect": address})
    return RedirectResponse(address, status_code=303)


async def provider(visit: Visit, registration: Registration) -> Provider:
    """What the provider says of itself."""
    return await visit.house.providers.discovered(registration.issuer, way(visit, registration.issuer))


async def leave(visit: Visit, place: Place, registration: Registration, trip: Trip = Trip()) -> Response:
    """Send the browser to the provider. At another address than it is known by, it is sent to that one first: what the
    browser keeps here would not be there when it comes back."""
    known = visit.base
    if visit.request.headers.get("host", "") != known.partition("://")[2].partition("/")[0]:
        return away(visit, known + visit.url("/sign-in"))
    found = await provider(visit, registration)
    asked = openid.ask(known + visit.url("/signed-in"), max_age=0 if trip.again else None)
    request = Away(
        asked.state,
        registration.issuer,
        registration.client_id,
        asked.nonce,
        asked.verifier,
        asked.redirect_uri,
        trip.destination if len(trip.destination) <= _LONGEST else "",
        trip.subject,
        asked.max_age,
    )
    async with visit.house.database.transaction() as tx:
        secret = await authentication_requests.keep(tx, place.realm, request)
    # Whoever is to be linked must not be somebody whose session happens to be open there in this browser.
    prompt = openid.prompt_again(found) if trip.again or trip.subject else ""
    response = away(visit, openid.authorization_address(found, registration, asked, prompt=prompt))
    return site.keep(visit, place.letter, place.name, secret, response, _COOKIE, age=LIFETIME)


async def arrived(visit: Visit, place: Place, registration: Registration) -> tuple[Identity, Away]:
    """Who came back, and what was kept of their sign-in. Raises Forbidden, Unavailable."""
    query = visit.request.query_params
    parameters: Mapping[str, Any] = {name: query.getlist(name) for name in query}
    line = site.line_of(visit.house, visit.request)
    secret = visit.request.cookies.get(site.cookie(place.letter, place.name, line, _COOKIE), "")
    states = parameters.get("state", [])
    kept = None
    if secret and len(states) == 1:
        async with visit.house.database.transaction() as tx:
            kept = await authentication_requests.take(tx, place.realm, secret, states[0])
    if kept is None:
        raise Forbidden("This sign-in was not begun in this browser, has ended already, or took too long: begin again.")
    if (kept.issuer, kept.client) != (registration.issuer, registration.client_id):
        raise Forbidden("Another provider is used since this sign-in was begun: begin again.")
    found = await provider(visit, registration)
    code = openid.returned(found, parameters)
    asked = Asked(kept.state, kept.nonce, kept.verifier, kept.redirect_uri, kept.max_age)
    fetch = way(visit, registration.issuer)
    return await visit.house.providers.exchanged(found, registration, asked, code, fetch), kept


def forget(visit: Visit, place: Place, response: Response) -> Response:
    """Take the sign-in's cookie away."""
    return site.keep(visit, place.letter, place.name, "", response, _COOKIE)


def way(visit: Visit, issuer: str) -> openid.Fetch | None:
    """The way to a tenant of this very installation; None for the network."""
    if issuer.startswith(visit.base + "/"):
        return within(visit.request.scope["app"], visit.address)
    return None
