"""The door: one ASGI application for every workspace of an installation.

A workspace is meant by the path (``/w/NAME/…``), else by the host (``NAME.localhost``), else it is the first one that
was made. Its SCIM API stands under ``scim/v2`` and, as Databricks has it, under ``api/2.0/preview/scim`` with and
without ``/v2`` and under the addresses of an account; Databricks' other APIs stand under ``api/2.0``. The workspace
itself is read together with the token, in the request's first statement. Where a tenant's clients sign in stands beside
them (:mod:`provisor.api.oauth`).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final, TypeAlias

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from provisor.access import addresses
from provisor.access.limits import Limits
from provisor.api import health
from provisor.api.arrivals import Address
from provisor.api.databricks.routes import DatabricksApi
from provisor.api.databricks.well_known import well_known
from provisor.api.envelope import Envelope, ErrorPage
from provisor.api.graph.door import GraphApi
from provisor.api.graph.house import House
from provisor.api.metrics import SAFETY, metrics
from provisor.api.oauth import routes as oauth
from provisor.api.refusals import Refusals
from provisor.api.scim.routes import ScimApi

_SCIM: Final = re.compile(
    r"(?P<prefix>(?:/w/(?P<workspace>[^/]+))?/(?:scim/v2|api/2\.0/preview/scim(?:/v2)?"
    r"|api/2\.[01]/accounts/[A-Za-z0-9_-]{1,64}/scim/v2|api/2\.0/account/scim/v2))(?P<rest>/.*)?"
)
_DATABRICKS: Final = re.compile(
    r"(?P<prefix>(?:/w/(?P<workspace>[^/]+))?/api/2\.0)"
    r"(?P<rest>/(?:groups|token|token-management|permissions/authorization|preview/permissions/authorization"
    r"|workspace-conf)(?:/.*)?)"
)
_GRAPH: Final = re.compile(r"(?P<prefix>/(?:v1\.0|beta))(?P<rest>/.*)?")
_HOST: Final = re.compile(r"(?P<workspace>[a-z0-9-]+)\.localhost(?::\d+)?", re.IGNORECASE)
Api: TypeAlias = ScimApi | DatabricksApi | GraphApi
_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def door(
    house: House,
    limits: Limits,
    *,
    public_url: str | None = None,
    metrics_token: str | None = None,
    safety: timedelta = SAFETY,
    pages: Sequence[BaseRoute] = (),
    error_page: ErrorPage | None = None,
) -> ASGIApp:
    """The application. ``public_url`` is how others reach it, when that is not how requests say they came.

    ``metrics_token`` is what /metrics asks for, ``safety`` as it has it. ``pages`` are the console's routes;
    ``error_page`` is what a browser gets instead of JSON.
    """
    database, box = house.database, house.box
    refusals = Refusals(database)
    graph = GraphApi(house, limits)
    scim, databricks = ScimApi(database, box, limits, refusals), DatabricksApi(database, limits, refusals)

    async def alive(_: Request) -> Response:
        return health.alive()

    async def ready(_: Request) -> Response:
        return await health.ready(database)

    async def measured(request: Request) -> Response:
        return await metrics(database, metrics_token, request.headers.get("authorization"), safety)

    def base(request: Request) -> str:
        return addresses.base(public_url, request.scope, request.headers.get("host", ""))

    async def answer_api(request: Request, api: Api, found: re.Match[str]) -> Response:
        if isinstance(api, GraphApi):
            return await api.answer(request, base(request), found["prefix"], found["rest"] or "/")
        rest = [part for part in (found["rest"] or "").split("/") if part]
        address = Address(_workspace(found["workspace"], request), base(request) + found["prefix"], rest)
        return await api.answer(request, address)

    async def described(request: Request) -> Response:
        return await well_known(database, _workspace(request.path_params.get("workspace"), request), _no_api(request))

    async def everything_else(request: Request) -> Response:
        if error_page is not None and "text/html" in request.headers.get("accept", ""):
            return error_page(request, 404, "There is no such page.")
        return _no_api(request)

    pages_and_health = Starlette(
        routes=[
            Route("/healthz", alive),
            Route("/readyz", ready),
            Route("/metrics", measured),
            Route("/.well-known/databricks-config", described),
            Route("/w/{workspace}/.well-known/databricks-config", described),
            *oauth.routes(database, box, limits, base),
            *pages,
            Route("/{path:path}", everything_else, methods=_METHODS),
        ],
        middleware=[Middleware(Envelope, error_page=error_page)],
    )
    apis: dict[re.Pattern[str], Api] = {_SCIM: scim, _DATABRICKS: databricks, _GRAPH: graph}
    return _Fork(apis, Envelope(_Api(answer_api), error_page=error_page), pages_and_health)


class _Fork:
    """Every address of an API is found by one pattern, before the hundred of the console are gone through."""

    def __init__(self, apis: Mapping[re.Pattern[str], Api], found: ASGIApp, others: ASGIApp) -> None:
        self._apis, self._found, self._others = apis, found, others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in _METHODS:
            for pattern, api in self._apis.items():
                if found := pattern.fullmatch(scope["path"]):
                    scope["api"] = api, found
                    await self._found(scope, receive, send)
                    return
        await self._others(scope, receive, send)


class _Api:
    def __init__(self, answer: Callable[[Request, Api, re.Match[str]], Awaitable[Response]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive), *scope["api"])
        await response(scope, receive, send)


def _workspace(in_path: str | None, request: Request) -> str | None:
    if in_path is not None:
        return in_path
    host = _HOST.fullmatch(request.headers.get("host", ""))
    return host["workspace"].lower() if host else None


def _no_api(request: Request) -> Response:
    path = request.scope["path"].removeprefix("/api")
    return JSONResponse(
        {"error_code": "ENDPOINT_NOT_FOUND", "message": f"No API found for '{request.method} {path}'"}, status_code=404
    )
