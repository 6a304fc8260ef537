"""What is raised, in Graph's form: a code, a sentence, and the ids by which it is found again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from provisor.access.limits import Exceeded
from provisor.api import envelope
from provisor.api.graph.query import Unsupported
from provisor.api.graph.rounds import Expired
from provisor.jsongate import JsonError
from provisor.refusal import Conflict, Forbidden, Invalid, NotFound, Refusal, Unauthenticated, Unavailable
from provisor.storage.pool import BUSY, UNFIT, busy


class NotSpoken(Exception):
    """Graph has it, or may have it, and it is not part of what is spoken here."""


class Soon(Conflict):
    """What it contradicts ends by itself in a moment."""


#: What is raised → status and code. A name that is taken is a bad request to Graph; 409 and 403 are repeated for
#: minutes by Terraform.
_TABLE: Final[tuple[tuple[type[Exception], int, str], ...]] = (
    (Unauthenticated, 401, "InvalidAuthenticationToken"),
    (NotSpoken, 501, "NotImplemented"),
    (Unsupported, 501, "NotImplemented"),
    (Expired, 410, "syncStateNotFound"),
    (Forbidden, 403, "Authorization_RequestDenied"),
    (NotFound, 404, "Request_ResourceNotFound"),
    (Soon, 409, "Conflict"),
    (Conflict, 400, "Request_BadRequest"),
    (Invalid, 400, "Request_BadRequest"),
    (JsonError, 400, "Request_BadRequest"),
    (UNFIT, 400, "Request_BadRequest"),
    (Exceeded, 429, "TooManyRequests"),
    (Unavailable, 503, "ServiceUnavailable"),
    *((kind, 503, "ServiceUnavailable") for kind in BUSY),
)
_UNFIT: Final = "A value here cannot be stored."


def known(error: Exception) -> tuple[int, str, str] | None:
    """Status, code and sentence; None when nobody expected it."""
    for kind, status, code in _TABLE:
        if isinstance(error, kind):
            if isinstance(error, UNFIT):
                return status, code, _UNFIT
            ours = isinstance(error, Refusal | NotSpoken | JsonError | Exceeded)
            return status, code, str(error) if ours else busy(error)
    return None


def unforeseen(error: Exception, request: str) -> tuple[int, str, str]:
    """The same of what nobody expected: it is in the log, not in the answer."""
    problem = envelope.unforeseen(error, request)
    return problem.status, "InternalServerError", problem.detail


def body(code: str, message: str, request: str, client_request: str) -> dict[str, Any]:
    ids = {"request-id": request, "client-request-id": client_request}
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return {"error": {"code": code, "message": message, "innerError": {"date": now, **ids}}}
