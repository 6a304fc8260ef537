"""What can be wrong with a SCIM request, each as it is called on the wire (RFC 7644 §3.12).

The core raises these where the mistake is found; a door renders ``body()``. One body serves two worlds: RFC clients
read ``detail``, Databricks' clients read ``error_code`` and ``message``, and ``status`` is a string for both.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

ERROR: Final = "urn:ietf:params:scim:api:messages:2.0:Error"


class ScimError(Exception):
    """``detail`` is one sentence; ``scim_type`` is RFC 7644's keyword, ``error_code`` Databricks'."""

    def __init__(self, status: int, scim_type: str | None, detail: str, error_code: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.scim_type = scim_type
        self.detail = detail
        self.error_code = error_code

    def body(self) -> dict[str, Any]:
        """The error resource of RFC 7644 §3.12."""
        body: dict[str, Any] = {"schemas": [ERROR], "status": str(self.status)}
        if self.scim_type:
            body["scimType"] = self.scim_type
        body["detail"] = self.detail
        if self.error_code:
            # Databricks' Go client shows "scimType detail" unless there is a message, and Terraform compares it.
            body["error_code"] = self.error_code
            body["message"] = self.detail
        return body


class _Known(ScimError):
    """An error whose status and keyword are its class."""

    STATUS: ClassVar[int] = 400
    TYPE: ClassVar[str | None] = None
    CODE: ClassVar[str | None] = None

    def __init__(self, detail: str, error_code: str | None = None) -> None:
        super().__init__(self.STATUS, self.TYPE, detail, error_code or self.CODE)


class InvalidFilter(_Known):
    """The filter cannot be read, or compares what cannot be compared."""

    TYPE = "invalidFilter"


class InvalidPath(_Known):
    """The path of a PATCH operation cannot be read or names no attribute."""

    TYPE = "invalidPath"


class InvalidSyntax(_Known):
    """The body has not the structure of the message it should be."""

    TYPE = "invalidSyntax"


class InvalidValue(_Known):
    """A value is missing or not one that the attribute can have."""

    TYPE = "invalidValue"


class NoTarget(_Known):
    """The path of a PATCH operation leads to nothing that could be changed."""

    TYPE = "noTarget"


class Mutability(_Known):
    """The attribute cannot be changed, or not be removed."""

    TYPE = "mutability"


class TooMany(_Known):
    """More is asked at once than this server does."""

    TYPE = "tooMany"


class InvalidCursor(_Known):
    """The cursor is none of this server's, or belongs to another query (RFC 9865 §2.1)."""

    TYPE = "invalidCursor"


class ExpiredCursor(_Known):
    """The cursor was waited with for too long (RFC 9865 §2.1)."""

    TYPE = "expiredCursor"


class InvalidCount(_Known):
    """A page by cursor cannot have that many results, or not as many as the first (RFC 9865 §2.1)."""

    TYPE = "invalidCount"


class Uniqueness(_Known):
    """The value is another resource's."""

    STATUS = 409
    TYPE = "uniqueness"
    CODE = "RESOURCE_ALREADY_EXISTS"


class NotFound(_Known):
    """There is no such resource or endpoint."""

    STATUS = 404


class PreconditionFailed(_Known):
    """The resource is another version than the client expects."""

    STATUS = 412


class Forbidden(_Known):
    """Whoever asks may not do this."""

    STATUS = 403


class Unauthorized(_Known):
    """It is not known who asks."""

    STATUS = 401


class TooLarge(_Known):
    """The body is longer than this server reads."""

    STATUS = 413


class NotImplementedByServer(_Known):
    """RFC 7644 knows it, this server does not do it."""

    STATUS = 501


class MethodNotAllowed(_Known):
    """The endpoint is there, for other methods."""

    STATUS = 405
