"""From a browser's request to a page's function and back: the one way in for every page.

In this order: over which line it comes, which tenant or workspace is meant, whether a form is from a page of ours,
whose session it is, and what the table of roles says. What a function refuses becomes a sentence, on a page of its own
or, for a script, in the place where the form stands.
"""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from provisor.access import limits, sessions
from provisor.access.limits import Allowance
from provisor.access.roles import APPLICATION_OWNER, may, require
from provisor.console import forms
from provisor.console.house import House
from provisor.console.page import Act, Page
from provisor.console.templating import render
from provisor.console.visit import Visit, current_address, theme
from provisor.refusal import Conflict, Forbidden, Invalid, NotFound, Refusal, Unavailable
from provisor.storage.pool import AWAY, BUSY, UNFIT, Tx, busy

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_STATUS: Final[tuple[tuple[type[Refusal], int], ...]] = (
    (NotFound, 404),
    (Forbidden, 403),
    (Conflict, 409),
    (Invalid, 400),
    (Unavailable, 503),
)
#: A request that a page makes by itself, again and again.
LIVE: Final = "x-live"
#: What a browser keeps beside its session: the secret by which it is known again.
DEVICE: Final = "_device"
#: How long a browser is known again at the next sign-in.
DEVICE_SECONDS: Final = 365 * 24 * 3600


#: How often anybody at one address may ask for pages before they are signed in, and how many seconds give one back:
#: more than an office full of people needs in the morning.
_AT_ONCE: Final = 300
_SECONDS: Final = 0.1

V = TypeVar("V", bound=Visit)


class SignedOut(Exception):
    """Nobody is signed in, or not any more."""


class TooMany(Refusal):
    """Somebody whom nobody knows asks for more than people do; ``wait``: seconds."""

    status: Final = 429

    def __init__(self, wait: int) -> None:
        super().__init__("Too many pages are asked for from your address: wait a few seconds, and load this one again.")
        self.wait = wait


class Elsewhere(Exception):
    """Whoever comes has another page (its path below the site's start) in place of this one."""


class Site(Protocol[V]):
    """The portal or the admin console: ``letter`` is the first part of its addresses."""

    letter: str
    pages: list[Page]

    async def enter(self, house: House, request: Request, page: Page, name: str) -> V:
        """A visit of nobody yet, to the tenant or workspace ``name``. Raises NotFound."""

    async def recognise(self, tx: Tx, visit: V, secret: str) -> bool | None:
        """Say whose session has this secret; whether its use must be noted, None when there is no such session."""

    async def look(self, tx: Tx, visit: V) -> Any:
        """What the address names beyond the page, and the application (id) that the action is done to."""


@dataclass(frozen=True, slots=True)
class Line:
    """Over which line a request comes."""

    secure: bool
    origins: frozenset[str]


def routes(house: House, site: Site[V]) -> list[Route]:
    """The routes of every page of a site."""
    strangers = Allowance(_AT_ONCE, _SECONDS)
    found = [_route(house, site, strangers, page, act) for page in site.pages for act in page.acts]
    bare = f"/{site.letter}/{{realm}}"

    async def start(request: Request) -> Response:
        return RedirectResponse(request.url.path + "/", status_code=308)

    return [*found, Route(bare, start, methods=["GET"])]


def cookie(letter: str, name: str, line: Line, what: str = "") -> str:
    """The name of the cookie that holds a session of this tenant or workspace, or what else is kept of it."""
    return f"{'__Host-' if line.secure else ''}provisor-{letter}-{name}{what}"


def keep(
    visit: Visit, letter: str, name: str, secret: str, response: Response, what: str = "", *, age: int | None = None
) -> Response:
    """Give the browser a secret to keep, for ``age`` seconds; an empty one takes it away.

    Without an age all but DEVICE ends with the browser.
    """
    line = line_of(visit.house, visit.request)
    key = cookie(letter, name, line, what)
    if secret:
        kept = DEVICE_SECONDS if what == DEVICE else age
        response.set_cookie(key, secret, max_age=kept, path="/", secure=line.secure, httponly=True, samesite="lax")
    else:
        response.delete_cookie(key, path="/", secure=line.secure, httponly=True, samesite="lax")
    return response


def line_of(house: House, request: Request) -> Line:
    """Raises Forbidden for plain http from another machine: it would carry passwords and sessions for all to read."""
    public = house.settings.public_url
    origins = {f"{request.url.scheme}://{request.headers.get('host', '')}"}
    if public is not None:
        parts = urlsplit(str(public))
        origins.add(f"{parts.scheme}://{parts.netloc}")
    secure = request.url.scheme == "https" or (public is not None and public.scheme == "https")
    # A proxy that nobody has named stands in between: it is on this machine, whoever sends through it is not.
    forwarded = "x-forwarded-for" in request.headers or "forwarded" in request.headers
    hidden = forwarded and not house.settings.trusted_proxies
    if not secure and (hidden or not _on_this_machine(request)):
        raise Forbidden(
            "The console is not shown over plain http to another machine: start the server with --tls-cert and "
            "--tls-key, or put a TLS proxy in front of it and set public_url and trusted_proxies."
        )
    return Line(secure, frozenset(origins))


def error_page(request: Request, status: int, sentence: str) -> Response:
    """A sentence instead of a page; for a script, instead of a part of one."""
    kind = "parts/said" if request.headers.get("hx-request") == "true" else "error"
    title = {403: "Not allowed", 404: "Not found", 500: "Something went wrong"}.get(status, "That did not work")
    values = {"kind": "danger", "text": sentence, "title": title, "theme": theme(request)}
    return HTMLResponse(render(kind, values), status_code=status, headers=dict(HEADERS))


def told(request: Request, error: Exception) -> Response:
    """The page that says what was refused (one of Refusal, UNFIT, BUSY)."""
    if isinstance(error, Refusal):
        return error_page(request, status_of(error), str(error))
    if isinstance(error, UNFIT):
        return error_page(request, 400, "A value in the address or the form cannot be used.")
    return error_page(request, 503, busy(error))


def status_of(error: Refusal) -> int:
    """The status of an answer that says only this."""
    status: int = getattr(error, "status", next((status for kind, status in _STATUS if isinstance(error, kind)), 400))
    return status


def stays(start: str, wanted: str) -> bool:
    """Whether an address to go on to is a page below ``start``, and not another site dressed up as one."""
    return wanted.startswith(start + "/") and not any(char in wanted for char in "\\\r\n\t") and "//" not in wanted


def _route(house: House, site: Site[V], strangers: Allowance, page: Page, act: Act) -> Route:
    async def answer(request: Request) -> Response:
        try:
            response = await _answer(house, site, strangers, page, act, request)
        except SignedOut:
            response = _to_sign_in(site, request)
        except Elsewhere as place:
            response = RedirectResponse(f"/{site.letter}/{request.path_params['realm']}{place}", status_code=303)
        except (Refusal, UNFIT, *BUSY) as error:
            response = told(request, error)
            if isinstance(error, TooMany):
                response.headers["Retry-After"] = str(error.wait)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return Route(f"/{site.letter}/{{realm}}{act.path}", answer, methods=[act.method])


async def _answer(
    house: House, site: Site[V], strangers: Allowance, page: Page, act: Act, request: Request
) -> Response:
    name = request.path_params["realm"]
    line = line_of(house, request)
    if request.method == "POST":
        _refuse_other_sites(request, line)
    visit = await site.enter(house, request, page, name)
    await _recognise(house, site, visit, request.cookies.get(cookie(site.letter, name, line), ""), act)
    if not visit.signed_in:
        if act.action is not None:
            raise SignedOut
        _count(strangers, visit)
    if request.method == "POST":
        visit.form = await forms.read(request)
        if visit.signed_in and not hmac.compare_digest(visit.form.raw("csrf").encode(), visit.csrf.encode()):
            raise Forbidden("This form is from another session: load the page again.")
    if act.action is not None:
        async with house.database.reading() as tx:
            about = await site.look(tx, visit)
        _authorize(visit, act.action, about)
    response = await act.answer(visit)
    if line.secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


def _count(strangers: Allowance, visit: Visit) -> None:
    """Raises TooMany. What pages leave in the database for people who sign in stays in bounds for whoever does not."""
    wait = strangers.spend(limits.place(visit.address).encode())
    if wait:
        raise TooMany(wait)


async def _recognise(house: House, site: Site[V], visit: V, secret: str, act: Act) -> None:
    if not secret:
        return
    async with house.database.reading() as tx:
        stale = await site.recognise(tx, visit, secret)
    if stale is None:
        return
    visit.secret = secret
    visit.actor = visit.actor.via(visit.address, visit.request.scope["request_id"])
    shown = visit.notice is not None and visit.request.method == "GET" and not visit.partial
    if not shown:
        visit.notice = None
    # What renews itself is nobody's click: it does not keep a session alive.
    used = stale and not act.part and LIVE not in visit.request.headers
    if not used and not shown:
        return
    # A database that takes no changes can still be looked at.
    with contextlib.suppress(*AWAY):
        async with house.database.transaction() as tx:
            await sessions.seen(tx, secret)
            if shown:
                await sessions.notice(tx, secret, None)


def _authorize(visit: Visit, action: str, about: Any) -> None:
    """An owner sees the pages that list applications too, with their own ones."""
    if about is None and visit.actor.owns and action in APPLICATION_OWNER and not may(visit.actor, action):
        return
    require(visit.actor, action, about)


def _refuse_other_sites(request: Request, line: Line) -> None:
    """Only pages of ours send forms: browsers say where one comes from."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site == "same-origin" if site is not None else origin in line.origins:
        return
    raise Forbidden("A form must be sent from a page of this console.")


def _to_sign_in(site: Site[Any], request: Request) -> Response:
    start = f"/{site.letter}/{request.path_params['realm']}"
    partial = request.headers.get("hx-request") == "true"
    wanted = (
        current_address(request)
        if partial
        else request.url.path + (f"?{query}" if (query := request.url.query) else "")
    )
    after = {"next": wanted} if partial or request.method == "GET" else {}
    if any(name.endswith(f"provisor-{site.letter}-{request.path_params['realm']}") for name in request.cookies):
        after["ended"] = "1"
    address = f"{start}/sign-in" + (f"?{urlencode(after)}" if after else "")
    if partial:
        return Response(status_code=204, headers={"HX-Redirect": address})
    return RedirectResponse(address, status_code=303)


def _on_this_machine(request: Request) -> bool:
    if request.client is None:
        return True
    try:
        found = ipaddress.ip_address(request.client.host)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return found.is_loopback or bool(mapped and mapped.is_loopback)


def pages(modules: Iterable[Any]) -> list[Page]:
    """The pages of these modules."""
    return [module.PAGE for module in modules]
