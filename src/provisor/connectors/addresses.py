"""Which addresses may be asked without TLS: those of this machine, and those that the installation's settings allow.

Whatever is sent elsewhere in plain http, secrets among it, is there for everybody on the way to read.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def plain_http_may(host: str, allowed: Collection[str]) -> bool:
    """Whether ``host`` (in small letters) may be asked over plain http; ``allowed`` are the hosts of the settings."""
    return host in _LOOPBACK or host.endswith(".localhost") or host in allowed
