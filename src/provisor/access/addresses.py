"""The server's address, as whoever asks it knows it: tokens and redirects name it.

It is ``public_url`` where that is set. Else it is what a request says it was sent to: a browser writes that itself, and
what a browser keeps of one address it does not send to another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_AUTHORITY: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")


def base(public_url: str | None, scope: Mapping[str, Any], host: str) -> str:
    """The address without a slash at its end. ``scope`` is a request's of ASGI, ``host`` its header, when it can be a
    host."""
    if public_url:
        return public_url.rstrip("/")
    if not _AUTHORITY.fullmatch(host):
        name, port = scope.get("server") or ("localhost", None)
        host = f"{name}:{port}" if port else name
    return f"{scope['scheme']}://{host}"
