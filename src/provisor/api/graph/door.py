"""The door of Graph's API: recognise who asks, find the route, answer in Graph's form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from provisor import jsongate
from provisor.access.actors import Actor
from provisor.access.limits import Limits
from provisor.api.graph import errors, routes
from provisor.api.graph.call import Answer, Call
from provisor.api.graph.house import House
from provisor.api.graph.paths import segments
from provisor.api.graph.query import parse
from provisor.api.graph.rounds import Expired
from provisor.api.oauth.caller import caller
from provisor.directory.edit import Tenant
from provisor.refusal import Invalid

_JSON: Final = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
_MOST_BYTES: Final = 4 * 1024 * 1024
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class _Arrival:
    """Who has come, with what credential, and at which address; ``ids``: of this request, for its errors."""

    tenant: Tenant
    actor: Actor
    credential: bytes
    base: str
    ids: tuple[str, str]


class GraphApi:
    """For the clients of every tenant: which one is meant is in their token."""

    def __init__(self, house: House, limits: Limits) -> None:
        self._house = house
        self._limits = limits

    async def answer(self, request: Request, server: str, version: str, path: str) -> Response:
        """``server`` is the absolute address, which ``version`` (``/v1.0``) and ``path`` continue."""
        ids = _ids(request)
        try:
            found = await self._do(request, server, version, path, ids)
        except Exception as error:
            found = _refused(error, ids)
        return _response(found, ids)

    async def _do(self, request: Request, server: str, version: str, path: str, ids: tuple[str, str]) -> Answer:
        authorization = request.headers.get("authorization")
        credential = (authorization or (request.client.host if request.client else "")).encode()
        with self._limits.admitted(credential):
            tenant, actor = await caller(self._house.database, server, authorization)
            actor = actor.via(request.client.host if request.client else "", request.scope.get("request_id", ""))
            arrival = _Arrival(tenant, actor, credential, server + version, ids)
            query, headers = request.url.query, dict(request.headers)
            return await self._route(arrival, request.method, path, query, headers, request)

    async def _route(
        self,
        arrival: _Arrival,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: Request | Mapping[str, Any] | None,
    ) -> Answer:
        route, keys = routes.find(method, segments(path))

        async def perform(*one: Any) -> Answer:
            """One of many: it counts like any other request, and what is wrong with it concerns the others nothing."""
            try:
                with self._limits.admitted(arrival.credential):
                    return await self._route(arrival, *one)
            except Exception as error:
                return _refused(error, arrival.ids)

        call = Call(
            self._house,
            arrival.tenant,
            arrival.actor,
            method,
            arrival.base,
            path,
            keys,
            query,
            parse(query),
            await _body(body) if isinstance(body, Request) else body,
            headers,
            perform,
        )
        call.require("account.own" if route.own(call) else route.action)
        return await route.do(call)


def _refused(error: Exception, ids: tuple[str, str]) -> Answer:
    """What is raised as an answer."""
    status, code, message = errors.known(error) or errors.unforeseen(error, ids[0])
    return Answer(status, errors.body(code, message, *ids), headers=_further(status, error))


async def _body(request: Request) -> dict[str, Any] | None:
    if request.method == "GET":
        return None
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > _MOST_BYTES:
            raise Invalid(f"The body is longer than {_MOST_BYTES} bytes.")
    if not data:
        return None
    found = jsongate.loads(bytes(data), limit=_MOST_BYTES)
    if not isinstance(found, dict):
        raise Invalid("The body must be a JSON object.")
    return found


def _ids(request: Request) -> tuple[str, str]:
    """This request's id, and what its client calls it."""
    own = str(request.scope.get("request_id", ""))
    theirs = request.headers.get("client-request-id", "")
    return own, theirs if _ID.fullmatch(theirs) else own


def _further(status: int, error: Exception) -> dict[str, str]:
    if status == 401:
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, Expired):
        return {"Location": error.location}
    if status in (429, 503):
        return {"Retry-After": str(getattr(error, "retry_after", 1))}
    return {}


def _response(answer: Answer, ids: tuple[str, str]) -> Response:
    headers = {"request-id": ids[0], "client-request-id": ids[1], **answer.headers}
    if answer.text is not None:
        return PlainTextResponse(answer.text, answer.status, headers=headers)
    if answer.body is None:
        return Response(status_code=answer.status, headers=headers)
    headers["OData-Version"] = "4.0"
    return Response(orjson.dumps(dict(answer.body)), answer.status, headers=headers, media_type=_JSON)
