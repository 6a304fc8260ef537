"""``/$batch``: up to twenty requests in one.

Each goes the way of a request that comes alone: the same routes, the rights of whoever sent the batch, its share of the
limits, and an answer of its own. They are done one after another, in an order in which each comes after those that it
depends on; one whose dependency failed is not done at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from provisor.api.graph.call import Answer, Call
from provisor.api.graph.paths import segments
from provisor.refusal import Invalid

_MOST: Final = 20
_LONGEST_ID: Final = 64
_LONGEST_URL: Final = 8192
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_VERSION: Final = re.compile(r"/?(?:v1\.0|beta)(?=/)", re.IGNORECASE)
_FAILED: Final = {
    "error": {"code": "FailedDependency", "message": "A request that this one depends on failed, so it was not done."}
}


@dataclass(frozen=True, slots=True)
class _Request:
    id: str
    method: str
    path: str
    asked: str
    headers: Mapping[str, str]
    body: Mapping[str, Any] | None
    after: Sequence[str] = field(default=())


async def run(call: Call) -> Answer:
    requests = _requests(call.given.get("requests"))
    answers: dict[str, Answer] = {}
    for request in _in_order(requests):
        if any(answers[item].status >= 400 for item in request.after):
            answers[request.id] = Answer(424, _FAILED)
        else:
            answers[request.id] = await call.perform(
                request.method, request.path, request.asked, request.headers, request.body
            )
    return Answer(body={"responses": [_response(item.id, answers[item.id]) for item in requests]})


def _response(identity: str, answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = {"id": identity, "status": answer.status, "headers": dict(answer.headers)}
    if answer.text is not None:
        found["headers"]["Content-Type"] = "text/plain"
        found["body"] = answer.text
    elif answer.body is not None:
        found["headers"]["Content-Type"] = "application/json"
        found["body"] = dict(answer.body)
    return found


def _requests(given: Any) -> list[_Request]:
    """Raises Invalid for what is no batch; nothing of it is done then."""
    if not isinstance(given, list) or not 1 <= len(given) <= _MOST:
        raise Invalid(f"requests must be a list of 1 to {_MOST} requests.")
    found = [_request(item, place) for place, item in enumerate(given, 1)]
    ids = {item.id for item in found}
    if len(ids) < len(found):
        raise Invalid("Two requests of the batch have the same id: each needs one of its own.")
    for item in found:
        unknown = next((other for other in item.after if other not in ids), None)
        if unknown is not None:
            raise Invalid(f"Request {item.id!r} depends on {unknown!r}, which is no request of the batch.")
    return found


def _request(given: Any, place: int) -> _Request:
    identity = given.get("id") if isinstance(given, dict) else None
    if not isinstance(identity, str) or not 1 <= len(identity) <= _LONGEST_ID:
        raise Invalid(f"Request {place} of the batch needs an id, a text of 1 to {_LONGEST_ID} characters.")
    method = given.get("method")
    if not isinstance(method, str) or method.upper() not in _METHODS:
        raise Invalid(f"Request {identity!r} needs a method: {', '.join(_METHODS)}.")
    path, asked = _address(given.get("url"), identity)
    headers = given.get("headers") or {}
    if not isinstance(headers, dict) or not all(isinstance(item, str) for item in headers.values()):
        raise Invalid(f"The headers of request {identity!r} must be an object of texts.")
    body = given.get("body")
    if body is not None and not isinstance(body, dict):
        raise Invalid(f"The body of request {identity!r} must be a JSON object.")
    after = given.get("dependsOn") or []
    if not isinstance(after, list) or not all(isinstance(item, str) for item in after):
        raise Invalid(f"dependsOn of request {identity!r} must be a list of ids.")
    lower = {name.lower(): value for name, value in headers.items()}
    return _Request(identity, method.upper(), path, asked, lower, None if method.upper() == "GET" else body, after)


def _address(given: Any, identity: str) -> tuple[str, str]:
    """Path and query of a relative address, without a version."""
    if not isinstance(given, str) or not given.strip("/") or len(given) > _LONGEST_URL:
        raise Invalid(f"Request {identity!r} needs a url like /users, of at most {_LONGEST_URL} characters.")
    if "://" in given.partition("?")[0] or given.startswith("//"):
        raise Invalid(f"The url of request {identity!r} must be relative, as /users is.")
    path, _, asked = _VERSION.sub("", given, count=1).partition("#")[0].partition("?")
    path = "/" + unquote(path).lstrip("/")
    if "\0" in path or "%00" in asked:
        raise Invalid(f"The url of request {identity!r} holds a zero byte.")
    if [item.lower() for item in segments(path)] == ["$batch"]:
        raise Invalid(f"Request {identity!r} is a batch itself, and a batch cannot be in another.")
    return path, asked


def _in_order(requests: Sequence[_Request]) -> list[_Request]:
    """As they came, each after those that it depends on. Raises Invalid for a circle."""
    found: dict[str, _Request] = {}
    while len(found) < len(requests):
        ready = [item for item in requests if item.id not in found and all(other in found for other in item.after)]
        if not ready:
            stuck = ", ".join(item.id for item in requests if item.id not in found)
            raise Invalid(f"Requests depend on each other in a circle: {stuck}.")
        found |= {item.id: item for item in ready[:1]}
    return list(found.values())
