"""The door: one ASGI application for every workspace of an installation.

A workspace is meant by the path (``/w/NAME/…``), else by the host (``NAME.localhost``), else it is the first one that
was made. Its SCIM API stands under ``scim/v2`` and, as Databricks has it, under ``api/2.0/preview/scim`` with and
without ``/v2``. The workspace itself is read together with the token, in the request's first statement.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from provisor.access.secrets import SecretBox
from provisor.api import health
from provisor.api.envelope import Envelope, ErrorPage
from provisor.api.limits import Limits
from provisor.api.scim.routes import Address, ScimApi
from provisor.storage.pool import Database

_SCIM: Final = re.compile(
    r"(?P<prefix>(?:/w/(?P<workspace>[^/]+))?/(?:scim/v2|api/2\.0/preview/scim(?:/v2)?))(?P<rest>/.*)?"
)
_HOST: Final = re.compile(r"(?P<workspace>[a-z0-9-]+)\.localhost(?::\d+)?", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def door(
    database: Database,
    box: SecretBox,
    limits: Limits,
    *,
    public_url: str | None = None,
    pages: Sequence[BaseRoute] = (),
    error_page: ErrorPage | None = None,
) -> ASGIApp:
    """The application. ``public_url`` is how others reach it, when that is not how requests say they came.

    ``pages`` are the console's routes; ``error_page`` is what a browser gets instead of JSON.
    """
    scim = ScimApi(database, box, limits)

    async def alive(_: Request) -> Response:
        return health.alive()

    async def ready(_: Request) -> Response:
        return await health.ready(database)

    async def answer_scim(request: Request, found: re.Match[str]) -> Response:
        start = public_url.rstrip("/") if public_url else _origin(request)
        rest = [part for part in (found["rest"] or "").split("/") if part]
        address = Address(_workspace(found["workspace"], request), start + found["prefix"], rest)
        return await scim.answer(request, address)

    async def everything_else(request: Request) -> Response:
        if error_page is not None and "text/html" in request.headers.get("accept", ""):
            return error_page(request, 404, "There is no such page.")
        return _no_api(request)

    pages_and_health = Starlette(
        routes=[
            Route("/healthz", alive),
            Route("/readyz", ready),
            *pages,
            Route("/{path:path}", everything_else, methods=_METHODS),
        ],
        middleware=[Middleware(Envelope, error_page=error_page)],
    )
    return _Fork(Envelope(_Scim(answer_scim), error_page=error_page), pages_and_health)


class _Fork:
    """Every address of every SCIM API is found by one pattern, before the hundred of the console are gone through."""

    def __init__(self, scim: ASGIApp, others: ASGIApp) -> None:
        self._scim, self._others = scim, others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _SCIM.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] in _METHODS else None
        if found is None:
            await self._others(scope, receive, send)
        else:
            scope["scim"] = found
            await self._scim(scope, receive, send)


class _Scim:
    def __init__(self, answer: Callable[[Request, re.Match[str]], Awaitable[Response]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive), scope["scim"])
        await response(scope, receive, send)


def _workspace(in_path: str | None, request: Request) -> str | None:
    if in_path is not None:
        return in_path
    host = _HOST.fullmatch(request.headers.get("host", ""))
    return host["workspace"].lower() if host else None


def _origin(request: Request) -> str:
    """Scheme, host and port as the client knows them: what it wrote into Host, when that can be a host."""
    host = request.headers.get("host", "")
    if not _AUTHORITY.fullmatch(host):
        name, port = request.scope.get("server") or ("localhost", None)
        host = f"{name}:{port}" if port else name
    return f"{request.scope['scheme']}://{host}"


def _no_api(request: Request) -> Response:
    path = request.scope["path"].removeprefix("/api")
    return JSONResponse(
        {"error_code": "ENDPOINT_NOT_FOUND", "message": f"No API found for '{request.method} {path}'"}, status_code=404
    )
