"""The addresses to which other applications send a browser to sign somebody in or out, as discovery names them.

What is asked is asked of the tenant's portal, where the session is: the browser is sent on to a page of it, with every
parameter as it came, twice where it came twice. What comes as a form (OpenID Connect Core §3.1.2.1 wants both) becomes
a query, for a browser does not bring its session with a form of another site.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from provisor.console import forms, site
from provisor.console.house import House
from provisor.console.portal.sign_in import LETTER
from provisor.directory import tenants
from provisor.directory.authorization_request import LONGEST
from provisor.refusal import Invalid, NotFound, Refusal
from provisor.storage.pool import BUSY, UNFIT

_PAGES: Final = {"authorize": "authorize", "logout": "sign-out"}
_LONGEST_TENANT: Final = 253


def routes(house: House) -> list[Route]:
    """The authorization endpoint and the end-session endpoint of every tenant."""
    return [
        Route(f"/{{tenant}}/oauth2/v2.0/{name}", _answer(house, page), methods=["GET", "POST"])
        for name, page in _PAGES.items()
    ]


def _answer(house: House, page: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            start = f"/{LETTER}/{await _tenant(house, request)}/{page}"
            query = await _query(request)
            response: Response = RedirectResponse(f"{start}?{query}" if query else start, status_code=303)
        except (Refusal, UNFIT, *BUSY) as error:
            response = site.told(request, error)
        for name, value in site.HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return answer


async def _tenant(house: House, request: Request) -> str:
    word = request.path_params["tenant"]
    if len(word) > _LONGEST_TENANT:
        raise NotFound("There is no tenant with such a long name.")
    async with house.database.reading() as tx:
        return (await tenants.called(tx, word)).name


async def _query(request: Request) -> str:
    """Every parameter of the address and the form. Raises Invalid."""
    if len(request.url.query) > LONGEST:
        raise Invalid(f"The parameters are longer than {LONGEST} characters.")
    try:
        pairs = parse_qsl(request.url.query, keep_blank_values=True, max_num_fields=100, errors="strict")
    except ValueError:
        raise Invalid("The parameters cannot be read.") from None
    if request.method == "POST":
        form = await forms.read(request)
        pairs += [(name, value) for name, values in form.fields.items() for value in values]
    found = urlencode(pairs)
    if len(found) > LONGEST:
        raise Invalid(f"The parameters are longer than {LONGEST} characters.")
    return found
