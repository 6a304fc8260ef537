"""A round of following changes, and the token that carries it from one request to the next.

A round brings its client up to one number of the tenant's feed: all objects in the first, in a later one what has
changed since the number that the last one ended with. The token is the whole round, signed, so that the server
remembers nothing. It counts for seven days from the beginning of its round, for the tenant that it was given to, and
not after a restore of the installation, which makes another key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal
from urllib.parse import urlencode
from uuid import UUID

import orjson

from provisor.api.graph.call import Call
from provisor.refusal import Invalid, Refusal

Phase = Literal["all", "objects", "members", "done"]
_SECONDS: Final = 7 * 24 * 60 * 60
_VERSION: Final = 1
_LONGEST: Final = 6000
_MAC: Final = 16
_KEY_NAME: Final = 4


class Expired(Refusal):
    """The token does not count any more; ``location`` is the address that begins anew."""

    def __init__(self, location: str) -> None:
        super().__init__("This token does not count any more: begin anew, at the address in Location.")
        self.location = location


@dataclass(frozen=True, slots=True)
class Round:
    """``kind``: users or groups; ``began``: seconds; it tells of what came after ``since`` (-1: of everything) and not
    after ``until``; ``select`` and ``ids`` are what was asked for; ``size``: of a page. ``phase`` and ``place`` say
    where the next page begins."""

    tenant: str
    kind: str
    began: int
    since: int
    until: int
    select: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    size: int = 100
    phase: Phase = "all"
    place: tuple[int | str, ...] = ()

    def at(self, phase: Phase, *place: int | str) -> Round:
        return replace(self, phase=phase, place=place)

    @property
    def done(self) -> Round:
        return self.at("done")

    def next(self, began: int, until: int) -> Round:
        """The round that begins where this one ended."""
        return replace(self, began=began, since=self.until, until=until).at("objects", self.until)

    @property
    def chosen(self) -> list[UUID] | None:
        """The ids that were asked for, in the database's order; None for all."""
        return [UUID(item) for item in self.ids] if self.ids else None

    def shows(self, name: str) -> bool:
        return any(item.lower() in (name, "*") for item in self.select)


def write(found: Round, key: str) -> str:
    said = orjson.dumps([_VERSION, *asdict(found).values()])
    text = base64.urlsafe_b64encode(_mac(key, said) + _name(key) + said).decode().rstrip("=")
    if len(text) > _LONGEST:
        raise Invalid("$select and $filter are too long to be kept in a token: leave some of them out.")
    return text


def read(text: str, key: str, call: Call, kind: str, now: int) -> Round:
    """The round that a token says. Raises Invalid for what is none, and Expired."""
    raw = _decoded(text)
    mac, name, said = raw[:_MAC], raw[_MAC : _MAC + _KEY_NAME], raw[_MAC + _KEY_NAME :]
    if name != _name(key):
        if not said.startswith(b"[%d," % _VERSION):
            raise _broken()
        raise Expired(address(call, Round(str(call.tenant.id), kind, now, -1, 0)))
    if not hmac.compare_digest(mac, _mac(key, said)):
        raise _broken()
    version, tenant, of, began, since, until, select, ids, size, phase, place = orjson.loads(said)
    found = Round(tenant, of, began, since, until, tuple(select), tuple(ids), size, phase, tuple(place))
    if (version, tenant, of) != (_VERSION, str(call.tenant.id), kind):
        raise Invalid(f"The token was not given for /{kind}/delta of this tenant: use it where it came from.")
    if began + _SECONDS < now:
        raise Expired(address(call, found))
    return found


def address(call: Call, found: Round) -> str:
    """Where a round like this one begins anew."""
    options = []
    if found.select:
        options.append(("$select", ",".join(found.select)))
    if found.ids:
        options.append(("$filter", " or ".join(f"id eq '{item}'" for item in found.ids)))
    return f"{call.base}{call.path}?{urlencode([*options, ('$deltatoken', '')], safe='$,')}"


def sorted_ids(ids: Sequence[UUID]) -> tuple[str, ...]:
    return tuple(str(item) for item in sorted(set(ids)))


def _decoded(text: str) -> bytes:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _broken() from None
    if len(raw) <= _MAC + _KEY_NAME:
        raise _broken()
    return raw


def _broken() -> Invalid:
    return Invalid("The token is broken: use the whole address of @odata.nextLink or @odata.deltaLink as it came.")


def _mac(key: str, said: bytes) -> bytes:
    return hmac.new(key.encode(), said, hashlib.sha256).digest()[:_MAC]


def _name(key: str) -> bytes:
    """Tells a token of another key, which was good once, from one that is broken."""
    return hashlib.sha256(b"name of " + key.encode()).digest()[:_KEY_NAME]


def seconds(at: Any) -> int:
    return int(at.timestamp())
