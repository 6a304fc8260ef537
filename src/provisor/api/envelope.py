"""What is around every answer: a request id, limits, security headers, one line in the log.

An exception that no door expected ends here as a 500 that names the request. The log says where it arose but not with
which values: neither bodies, nor queries, nor tokens are written.
"""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Callable
from typing import Final
from uuid import uuid4

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from provisor.api import errors, spans

TARGET_LIMIT: Final = 8192
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
#: As they go over the wire: what an answer has already is not said twice.
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
#: A page that says what went wrong: from the request, the status and the sentence.
ErrorPage = Callable[[Request, int, str], Response]
log = structlog.get_logger(__name__)


def unforeseen(error: Exception, request_id: str) -> errors.Problem:
    """Log where an exception arose that nobody expected, and say what is answered."""
    # Its message may hold values of a person: the places where it passed do not.
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error("request failed", error=type(error).__name__, places=places, request_id=request_id)
    return errors.unexpected(request_id)


class Envelope:
    """ASGI middleware; a caller's own ``X-Request-Id`` is kept when it is short and plain.

    ``error_page`` makes a page of a status and a sentence, for browsers.
    """

    def __init__(self, app: ASGIApp, error_page: ErrorPage | None = None) -> None:
        self._app = app
        self._page = error_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
        request_id = given if _ID.fullmatch(given) else uuid4().hex
        scope["request_id"] = request_id
        with spans.request(scope) as answered:
            answered(await self._answered(request_id, scope, receive, send))

    async def _answered(self, request_id: str, scope: Scope, receive: Receive, send: Send) -> int:
        """Answer and log a request; returns the status."""
        started, status = time.perf_counter(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                said = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    *(header for header in _HEADERS if header[0] not in said),
                ]
            await send(message)

        try:
            await self._enter(scope, receive, answer)
        except Exception as error:
            problem = unforeseen(error, request_id)
            if status == 0:
                await self._refuse(problem, scope, receive, answer)
        finally:
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            log.info(
                "request",
                method=scope["method"],
                path=scope["path"][:200],
                status=status,
                ms=milliseconds,
                request_id=request_id,
            )
        return status

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        query: bytes = scope["query_string"]
        if len(scope.get("raw_path") or scope["path"]) + len(query) > TARGET_LIMIT:
            long = errors.Problem(414, None, f"The address is longer than {TARGET_LIMIT} bytes.")
            await self._refuse(long, scope, receive, send)
        elif "\x00" in scope["path"] or b"%00" in query or b"\x00" in query:
            zero = errors.Problem(400, "invalidValue", "An address cannot hold a zero byte.")
            await self._refuse(zero, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _refuse(self, problem: errors.Problem, scope: Scope, receive: Receive, send: Send) -> None:
        is_scim = "/scim" in scope["path"]
        headers = Headers(scope=scope)
        browser = "text/html" in headers.get("accept", "") or "hx-request" in headers
        if self._page is not None and browser and not is_scim:
            response: Response = self._page(Request(scope), problem.status, problem.detail)
        else:
            body = problem.scim() if is_scim else problem.plain()
            media_type = "application/scim+json" if is_scim else "application/json"
            response = JSONResponse(body, status_code=problem.status, media_type=media_type)
        await response(scope, receive, send)
