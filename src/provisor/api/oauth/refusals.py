"""What a client is refused with: RFC 6749 §5.2, with the numbers by which Entra ID's clients know the reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from provisor.storage.pool import BUSY, busy

_UNSAID: Final = re.compile(r"[^ !#-\[\]-~]")


class Refused(Exception):
    """``code`` is Entra ID's number, ``error`` OAuth's word, ``sentence`` what is wrong."""

    def __init__(
        self, code: int, error: str, sentence: str, status: int = 400, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(sentence)
        self.code, self.error, self.sentence, self.status = code, error, sentence, status
        self.headers = dict(headers or {})


def expected(error: Exception) -> Refused | None:
    """The refusal for what a door may raise besides; None for what nobody expected."""
    if isinstance(error, BUSY):
        return again(90033, busy(error), 503, 1)
    return None


def again(code: int, sentence: str, status: int, seconds: int) -> Refused:
    """A refusal that holds for some seconds only."""
    return Refused(code, "temporarily_unavailable", sentence, status, {"Retry-After": str(seconds)})


def response(request: Request, refused: Refused) -> Response:
    """The answer to ``request``. The trace id is the request's, by which the log has it."""
    trace = _id(request.scope.get("request_id", ""))
    correlation = _id(request.headers.get("client-request-id", ""))
    moment = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}"
    description = (
        f"AADSTS{refused.code}: {refused.sentence} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {moment}"
    )
    body: dict[str, Any] = {
        "error": refused.error,
        "error_description": description,
        "error_codes": [refused.code],
        "timestamp": moment,
        "trace_id": trace,
        "correlation_id": correlation,
    }
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache", **refused.headers}
    return JSONResponse(body, status_code=refused.status, headers=headers)


def plain(text: str) -> str:
    """What somebody sent, as it can stand in a sentence: in the signs that RFC 6749 §5.2 has for it."""
    return _UNSAID.sub("?", text[:100])


def _id(given: str) -> str:
    with suppress(ValueError):
        return str(UUID(given))
    return str(uuid4())
