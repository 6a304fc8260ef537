"""What every way over the network needs: the environment's proxy, a limit for answers, what went wrong in words."""

from __future__ import annotations

import os
import ssl
from typing import Final
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

#: Bytes that an answer has at most.
LARGEST: Final = 32 * 1024 * 1024


def proxy_for(base: str) -> tuple[URL | None, aiohttp.BasicAuth | None]:
    """The proxy that the environment names for this address (``https_proxy``, ``no_proxy``), and who asks there. Looked
    up once: the session would do it for each request, in a thread."""
    address = URL(base)
    named = getproxies().get(address.scheme)
    if named is None or proxy_bypass(address.host or ""):
        return None, None
    proxy = URL(named)
    if proxy.user is None:
        return proxy, None
    return proxy.with_user(None), aiohttp.BasicAuth(proxy.user, proxy.password or "")


async def limited(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The body. Raises ClientPayloadError for one of more than ``most`` bytes."""
    parts, size = [], 0
    async for part in response.content.iter_chunked(65536):
        size += len(part)
        if size > most:
            raise aiohttp.ClientPayloadError(f"an answer of more than {most} bytes")
        parts.append(part)
    return b"".join(parts)


def reason(error: Exception) -> str:
    """What went wrong on the way, in one line."""
    number = getattr(error, "errno", None)
    # Numbers of TLS errors are OpenSSL's, not the system's.
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError) or not isinstance(number, int) or number <= 0:
        text = str(error) or type(error).__name__
    else:
        text = os.strerror(number)
    return text.splitlines()[0][:120]
