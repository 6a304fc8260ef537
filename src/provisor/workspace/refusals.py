"""What a workspace refuses: each is a sentence for a person, and carries what it is called on the wire.

``status`` and ``scim_type`` are RFC 7644 §3.12's, ``error_code`` is Databricks' name where clients ask for it. A
command line shows the sentence; the door puts the rest around it.
"""

from __future__ import annotations

from typing import ClassVar

from provisor.refusal import Conflict, Invalid, NotFound


class Taken(Conflict):
    """The name is another one's."""

    status: ClassVar[int] = 409
    scim_type: ClassVar[str | None] = "uniqueness"
    error_code: ClassVar[str | None] = "RESOURCE_ALREADY_EXISTS"


class Missing(NotFound):
    """Nobody has this id or name."""

    status: ClassVar[int] = 404
    scim_type: ClassVar[str | None] = None
    error_code: ClassVar[str | None] = None


class Removed(Missing):
    """The user was removed by an administrator of the workspace and is not to be synced again."""

    error_code: ClassVar[str | None] = "REMOVED_BY_ADMIN"


class Immutable(Conflict):
    """This stays as it is: reserved groups, names of groups, the last admin."""

    status: ClassVar[int] = 400
    scim_type: ClassVar[str | None] = "mutability"
    error_code: ClassVar[str | None] = None


class Unfit(Invalid):
    """A value that this attribute cannot have."""

    status: ClassVar[int] = 400
    scim_type: ClassVar[str | None] = "invalidValue"
    error_code: ClassVar[str | None] = None


class Exhausted(Conflict):
    """There are as many of these as there may be."""

    status: ClassVar[int] = 400
    scim_type: ClassVar[str | None] = None
    error_code: ClassVar[str | None] = "QUOTA_EXCEEDED"


class Stale(Conflict):
    """The resource is another version than the one that was expected (RFC 7644 §3.14)."""

    status: ClassVar[int] = 412
    scim_type: ClassVar[str | None] = None
    error_code: ClassVar[str | None] = None


WireRefusal = Taken | Missing | Immutable | Unfit | Exhausted | Stale
