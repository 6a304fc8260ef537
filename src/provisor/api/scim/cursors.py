"""Cursors (RFC 9865): where the next page of a query begins, sealed so that nobody can read, forge or move one.

A cursor names the query it belongs to by a digest, and the workspace and endpoint by being sealed for them. It opens
nothing: whoever sends one is asked for their token as for every request.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from dataclasses import replace

import orjson

from provisor.access.secrets import SecretBox
from provisor.refusal import Unavailable
from provisor.scim.errors import ExpiredCursor, InvalidCount, InvalidCursor
from provisor.scim.messages import CURSOR_SECONDS, Paging
from provisor.workspace.search import Position

_NOT_OURS = "The cursor is none of this query: send an empty one for its first page."


def seal(box: SecretBox, place: str, paging: Paging, position: Position) -> str:
    """The cursor of the page after ``position``. ``place`` says which workspace and endpoint."""
    content = [round(time.time()), _digest(paging), paging.count, position.value, position.id, position.total]
    sealed = box.seal(orjson.dumps(content).decode(), _row(place))
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def open_(box: SecretBox, place: str, paging: Paging) -> Position | None:
    """Where the page begins that ``paging`` asks for; None for the first one.

    Raises InvalidCursor, ExpiredCursor, and InvalidCount when the count is another one than the first page's.
    """
    if not paging.cursor:
        return None
    try:
        sealed = base64.urlsafe_b64decode(paging.cursor + "=" * (-len(paging.cursor) % 4))
        made, digest, count, value, identity, total = orjson.loads(box.open(sealed, _row(place)))
    except (binascii.Error, ValueError, Unavailable):
        raise InvalidCursor(_NOT_OURS) from None
    if count != paging.count:
        raise InvalidCount(f"The count of a query by cursor stays as it was at first, {count}.")
    if digest != _digest(paging):
        raise InvalidCursor(_NOT_OURS)
    if time.time() - made > CURSOR_SECONDS:
        raise ExpiredCursor(f"The cursor is older than {CURSOR_SECONDS} seconds: send an empty one to begin again.")
    return Position(value, identity, total)


def _digest(paging: Paging) -> str:
    """The same for the same query, whatever its cursor."""
    return hashlib.sha256(repr(replace(paging, cursor="")).encode()).hexdigest()[:32]


def _row(place: str) -> str:
    return f"scim cursor {place}"
