"""The two ways to an OpenID provider: over the network, and within this process (:mod:`provisor.connectors.openid`).

Over the network it is as with targets: TLS unless the host is this machine or one of the settings', no redirects,
limits of size and time, the proxy that the environment names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import aiohttp
from yarl import URL

from provisor.connectors.addresses import plain_http_may
from provisor.connectors.network import limited, proxy_for, reason
from provisor.connectors.openid import LARGEST, Answer, Fetch
from provisor.refusal import Unavailable

#: Seconds to connect, and for a whole answer: somebody waits for it.
CONNECT, TOTAL = 5.0, 10.0
_PORTS: Final = {"http": 80, "https": 443}


def over_network(allowed: Collection[str] = ()) -> Fetch:
    """``allowed``: hosts that may be asked over plain http."""

    async def fetch(method: str, address: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        parts = urlsplit(address)
        host = (parts.hostname or "").casefold()
        if parts.scheme != "https" and not (parts.scheme == "http" and plain_http_may(host, allowed)):
            raise Unavailable(
                f"{host or address} must be asked over https; an administrator of this installation can allow http to "
                "it with PROVISOR_ALLOWED_TARGETS."
            )
        proxy, proxy_auth = proxy_for(f"{parts.scheme}://{parts.netloc}")
        timeout = aiohttp.ClientTimeout(total=TOTAL, connect=CONNECT)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
                session.request(
                    method,
                    URL(address, encoded=True),
                    data=body,
                    headers={"User-Agent": "Provisor", **headers},
                    allow_redirects=False,
                    proxy=proxy,
                    proxy_auth=proxy_auth,
                ) as response,
            ):
                return Answer(response.status, await limited(response, LARGEST))
        except TimeoutError:
            raise Unavailable(f"{parts.netloc} did not answer within {TOTAL:g} seconds.") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(f"{parts.netloc} cannot be asked who you are ({reason(error)}).") from None

    return fetch


def within(app: Any, client: str) -> Fetch:
    """The server's own ASGI application, asked in the name of whoever is at the network address ``client``.

    It sees the address that the provider is known under as the one that it was asked at, so that it answers as it would
    over the network.
    """

    async def fetch(method: str, address: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        parts = urlsplit(address)
        given = {"Host": parts.netloc, "Content-Length": str(len(body or b"")), **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": parts.scheme,
            "path": unquote(parts.path),
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in given.items()],
            "client": (client, 0),
            "server": (parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)),
        }
        status, said = 0, list[bytes]()

        async def receive() -> Mapping[str, Any]:
            return {"type": "http.request", "body": body or b"", "more_body": False}

        async def send(message: Mapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                said.append(message.get("body", b""))

        await app(scope, receive, send)
        return Answer(status, b"".join(said))

    return fetch
