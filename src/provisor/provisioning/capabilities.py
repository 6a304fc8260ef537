"""What a target can do, as data: read from the target when the connection is tested, kept with the application.

``decide`` and ``diff`` read it, so that a plan knows beforehand what the target will refuse: a group that cannot be
renamed is one sentence in the plan, not a failing request in every cycle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

#: Members of a group sent with one request when the target says nothing else.
MEMBERS_PER_REQUEST: Final = 100
PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Bulk:
    """How many operations a bulk request may have, and how many ``bytes`` (RFC 7643 §5)."""

    operations: int
    bytes: int


#: What a target takes that has bulk requests and does not say how large.
_BULK: Final = Bulk(operations=100, bytes=1 << 20)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """``immutable``: object type → top-level attribute names that do not change once set, lower case.

    ``owner_id`` and ``owner_name`` are the account whose token is used, from the target's /Me. ``bulk``: None where it
    takes no bulk requests.
    """

    immutable: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    owner_id: str | None = None
    owner_name: str | None = None
    bulk: Bulk | None = None

    def allows(self, object_type: str, path: str) -> bool:
        """Whether an attribute at ``path`` can be changed on an object that exists."""
        fixed = self.immutable.get(object_type, ())
        return path.casefold() not in fixed and top_level(path) not in fixed

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def top_level(path: str) -> str:
    """``emails[type eq "work"].value`` → ``emails``; an extension's path is its own top."""
    if path.lower().startswith("urn:"):
        return path.casefold()
    return path.split("[")[0].split(".")[0].casefold()


def from_json(stored: Mapping[str, Any]) -> Capabilities:
    return Capabilities(
        immutable={key: tuple(names) for key, names in (stored.get("immutable") or {}).items()},
        owner_id=stored.get("owner_id"),
        owner_name=stored.get("owner_name"),
        bulk=Bulk(**stored["bulk"]) if stored.get("bulk") else None,
    )


def read(
    schemas: list[Mapping[str, Any]], me: Mapping[str, Any] | None, config: Mapping[str, Any] | None = None
) -> Capabilities:
    """From the Resources of the target's /Schemas (may be empty), its /Me and its /ServiceProviderConfig (None where it
    has none)."""
    immutable: dict[str, tuple[str, ...]] = {}
    for schema in schemas:
        object_type = {
            "urn:ietf:params:scim:schemas:core:2.0:user": "User",
            "urn:ietf:params:scim:schemas:core:2.0:group": "Group",
        }.get(str(schema.get("id")).casefold())
        if object_type:
            fixed = [
                str(attribute.get("name")).casefold()
                for attribute in schema.get("attributes") or ()
                if attribute.get("mutability") in ("immutable", "readOnly")
            ]
            # RFC 7643 §3.1: id is assigned by the server, whether or not its schema lists it.
            immutable[object_type] = tuple(sorted({*fixed, "id"}))
    return Capabilities(
        immutable=immutable,
        owner_id=str(me["id"]) if me and me.get("id") else None,
        owner_name=str(me["userName"]) if me and me.get("userName") else None,
        bulk=_bulk(config.get("bulk")) if config else None,
    )


def _bulk(said: Any) -> Bulk | None:
    if not isinstance(said, Mapping) or said.get("supported") is not True:
        return None
    most, size = said.get("maxOperations"), said.get("maxPayloadSize")
    operations = most if isinstance(most, int) and most > 0 else _BULK.operations
    return Bulk(operations, size if isinstance(size, int) and size > 0 else _BULK.bytes)
