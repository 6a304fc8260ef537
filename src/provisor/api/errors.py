"""The one table from what is raised to what is answered.

Everything below raises a sentence with a meaning; here it becomes a status and the body of RFC 7644 §3.12, with
Databricks' ``error_code`` and ``message`` beside it where its clients ask for them. What is in no row is a fault of
ours: 500, a readable sentence, and the request's id instead of a traceback.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from provisor.access.limits import Exceeded
from provisor.jsongate import JsonError
from provisor.refusal import Conflict, Forbidden, Invalid, NotFound, Refusal, Unauthenticated, Unavailable
from provisor.scim.errors import ScimError
from provisor.storage.pool import BUSY, UNFIT, busy
from provisor.workspace.refusals import WireRefusal

#: status, scimType and error_code of refusals that are not SCIM's own.
_TABLE: Final[tuple[tuple[type[Exception], int, str | None, str | None], ...]] = (
    (Unauthenticated, 401, None, None),
    (Forbidden, 403, None, None),
    (NotFound, 404, None, None),
    (Conflict, 409, None, None),
    (Invalid, 400, "invalidValue", None),
    (Unavailable, 503, None, None),
    (UNFIT, 400, "invalidValue", None),
    *((kind, 503, None, None) for kind in BUSY),
)
_UNFIT: Final = "A value here cannot be stored."


@dataclass(frozen=True, slots=True)
class Problem:
    """``retry_after``: seconds after which to try again, when it makes sense to."""

    status: int
    scim_type: str | None
    detail: str
    error_code: str | None = None
    retry_after: int | None = None

    def scim(self) -> dict[str, Any]:
        """The body of RFC 7644 §3.12."""
        return ScimError(self.status, self.scim_type, self.detail, self.error_code).body()

    def plain(self) -> dict[str, Any]:
        """The body outside of SCIM."""
        return {"error_code": self.error_code or _NAMES.get(self.status, "INTERNAL_ERROR"), "message": self.detail}


_NAMES: Final = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    405: "BAD_REQUEST",
    409: "RESOURCE_CONFLICT",
    413: "BAD_REQUEST",
    414: "BAD_REQUEST",
    415: "BAD_REQUEST",
    503: "TEMPORARILY_UNAVAILABLE",
}


def problem(error: Exception) -> Problem | None:
    """What to answer for ``error``; None when nobody expected it."""
    if isinstance(error, ScimError):
        return Problem(error.status, error.scim_type, error.detail, error.error_code)
    if isinstance(error, Exceeded):
        return Problem(429, None, str(error), "REQUEST_LIMIT_EXCEEDED", error.retry_after)
    if isinstance(error, JsonError):
        return Problem(413 if error.too_large else 400, None if error.too_large else "invalidSyntax", str(error))
    if isinstance(error, WireRefusal):
        return Problem(error.status, error.scim_type, str(error), error.error_code)
    for kind, status, scim_type, error_code in _TABLE:
        if isinstance(error, kind):
            detail = str(error) if isinstance(error, Refusal) else _UNFIT if status == 400 else busy(error)
            return Problem(status, scim_type, detail, error_code, 1 if status == 503 else None)
    return None


def unexpected(request_id: str) -> Problem:
    return Problem(500, None, f"Something went wrong here that should not have: the log has it as {request_id}.")
