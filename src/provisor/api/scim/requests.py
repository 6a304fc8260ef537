"""What a request says besides its path: its body, and what versions it may meet."""

from __future__ import annotations

import re
from typing import Any, Final

from starlette.requests import Request

from provisor import jsongate
from provisor.scim.errors import InvalidSyntax, ScimError, TooLarge
from provisor.scim.messages import MOST_BYTES

#: Databricks' old command line calls JSON ``text/json``, other tools send no type at all.
_TYPES: Final = frozenset({"", "application/scim+json", "application/json", "text/json"})
_TAG: Final = re.compile(r'(?:W/)?"(\d{1,18})"')


async def body(request: Request) -> dict[str, Any]:
    """The JSON object in the body. Raises ScimError or JsonError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _TYPES:
        raise ScimError(415, None, f"The content type {kind} is not supported: send application/scim+json.", None)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MOST_BYTES:
            raise TooLarge(f"The body is longer than {MOST_BYTES} bytes.")
    if not data:
        raise InvalidSyntax("The body is empty: a JSON object is needed.")
    found = jsongate.loads(bytes(data), limit=MOST_BYTES)
    if not isinstance(found, dict):
        raise InvalidSyntax("The body must be a JSON object.")
    return found


def expected(request: Request) -> frozenset[int] | None:
    """The versions in ``If-Match`` (RFC 7644 §3.14); None when any will do. Foreign ones never match."""
    return versions(request.headers.get("if-match"))


def versions(header: str | None) -> frozenset[int] | None:
    if header is None or header.strip() == "*":
        return None
    return frozenset(int(tag) for tag in _TAG.findall(header))


def unchanged(request: Request, version: int) -> bool:
    """Whether the client has this version already (``If-None-Match``)."""
    header = request.headers.get("if-none-match")
    if header is None:
        return False
    known = versions(header)
    return known is None or version in known
