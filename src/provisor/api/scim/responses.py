"""How a SCIM answer is written: media type, ETag, and the two worlds of an error (RFC 7644 and Databricks)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from provisor.api.arrivals import NotAdmitted
from provisor.api.errors import Problem

_SCIM: Final = "application/scim+json"
_JSON: Final = "application/json"
_QUALITY: Final = re.compile(r";\s*q=([0-9.]+)")


def render(
    request: Request, content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(orjson.dumps(content), status, headers, _media_type(request.headers.get("accept", "")))


def resource(request: Request, content: dict[str, Any], version: int, location: str, status: int = 200) -> Response:
    """One resource with its version as ETag; ``location`` is said when it is new."""
    headers = {"ETag": f'W/"{version}"'}
    if status == 201:
        headers["Location"] = location
    return render(request, content, status, headers)


def not_modified(version: int) -> Response:
    return Response(status_code=304, headers={"ETag": f'W/"{version}"'})


def problem(request: Request, found: Problem) -> Response:
    headers = {}
    if found.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if found.retry_after is not None:
        headers["Retry-After"] = str(found.retry_after)
    return render(request, found.scim(), found.status, headers)


def refused(request: Request, error: NotAdmitted) -> Response:
    """Nobody comes in with this token: 401, or 403 as Databricks says it when there is one."""
    if not error.sent:
        return problem(request, Problem(401, None, error.reason, "UNAUTHENTICATED"))
    if not error.workspace.databricks:
        answer = problem(request, Problem(401, None, error.reason))
        answer.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
        return answer
    body, headers = error.as_databricks()
    return render(request, body, 403, headers)


def _media_type(accept: str) -> str:
    """SCIM's own type, unless the client likes plain JSON better."""
    best = {_SCIM: 0.0, _JSON: 0.0}
    for item in accept.lower().split(","):
        name = item.partition(";")[0].strip()
        if name in best:
            quality = _QUALITY.search(item)
            best[name] = max(best[name], _number(quality[1]) if quality else 1.0)
    return _JSON if best[_JSON] > best[_SCIM] else _SCIM


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
