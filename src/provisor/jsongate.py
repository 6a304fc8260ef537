"""The one way JSON enters Provisor: bytes in, plain values out, or one sentence that says why not.

Doors and connectors hand over what came from outside. The checks run cheapest first: the size, then the depth (a scan
that never recurses), then orjson, which refuses NaN, numbers without a value and lone surrogates, then NUL characters,
which PostgreSQL cannot store. What passes needs no further suspicion as JSON; what it means is decided elsewhere.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

_TOKENS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_NUL: Final = b"\\u0000"


class JsonError(ValueError):
    """``str(error)`` is a sentence; ``too_large`` tells a body that is too long (413) from one that is wrong (400)."""

    def __init__(self, sentence: str, *, too_large: bool = False) -> None:
        super().__init__(sentence)
        self.too_large = too_large


def loads(data: bytes, *, limit: int = 1_048_576, depth: int = 32) -> Any:
    """The value that ``data`` says in JSON (RFC 8259).

    ``limit`` is the largest number of bytes, ``depth`` that of arrays and objects inside each other. Raises JsonError.
    """
    if len(data) > limit:
        raise JsonError(f"The JSON is longer than {limit} bytes.", too_large=True)
    if _deeper(data, depth):
        raise JsonError(f"The JSON has more than {depth} arrays or objects inside each other.")
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise JsonError(f"This is not valid JSON: {error}.") from None
    # The escape may be the text of an escaped backslash, so what counts is the decoded value.
    if _NUL in data and _has_nul(value):
        raise JsonError("The JSON has a NUL character in a string.")
    return value


def _deeper(data: bytes, depth: int) -> bool:
    if data.count(b"[") + data.count(b"{") <= depth:
        return False
    level = 0
    for token in _TOKENS.finditer(data):
        first = data[token.start()]
        if first in b"[{":
            level += 1
            if level > depth:
                return True
        elif first in b"]}":
            level -= 1
    return False


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in name or _has_nul(item) for name, item in value.items())
    return isinstance(value, list) and any(_has_nul(item) for item in value)
