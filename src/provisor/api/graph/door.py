"""The door of Graph's API: recognise who asks, find the route, answer in Graph's form."""

from __future__ import annotations

import re
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from provisor import jsongate
from provisor.api.graph import errors, routes
from provisor.api.graph.call import Answer, Call
from provisor.api.graph.house import House
from provisor.api.graph.paths import segments
from provisor.api.graph.query import parse
from provisor.api.limits import Limits
from provisor.api.oauth.caller import caller
from provisor.refusal import Invalid

_JSON: Final = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
_MOST_BYTES: Final = 4 * 1024 * 1024
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class GraphApi:
    """For the clients of every tenant: which one is meant is in their token."""

    def __init__(self, house: House, limits: Limits) -> None:
        self._house = house
        self._limits = limits

    async def answer(self, request: Request, server: str, version: str, path: str) -> Response:
        """``server`` is the absolute address, which ``version`` (``/v1.0``) and ``path`` continue."""
        ids = _ids(request)
        try:
            found = await self._do(request, server, version, path)
        except Exception as error:
            problem = errors.known(error)
            if problem is None:
                raise
            status, code, message = problem
            return _response(Answer(status, errors.body(code, message, *ids), headers=_further(status, error)), ids)
        return _response(found, ids)

    async def _do(self, request: Request, server: str, version: str, path: str) -> Answer:
        authorization = request.headers.get("authorization")
        credential = (authorization or (request.client.host if request.client else "")).encode()
        with self._limits.admitted(credential):
            tenant, actor = await caller(self._house.database, server, authorization)
            actor = actor.via(request.client.host if request.client else "", request.scope.get("request_id", ""))
            route, keys = routes.find(request.method, segments(path))
            call = Call(
                self._house,
                tenant,
                actor,
                request.method,
                server + version,
                path,
                keys,
                request.url.query,
                parse(request.url.query),
                await _body(request),
            )
            call.require(route.action)
            return await route.do(call)


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
    return JSONResponse(dict(answer.body), answer.status, headers=headers, media_type=_JSON)
