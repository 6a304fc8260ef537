"""A client that costs little: requests as bytes over kept connections, answers read to their end.

What it needs itself is the same for everything that is measured, and small beside it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


class Client:
    """Requests to one server, as many at once as there are connections."""

    def __init__(self, url: str, token: str = "") -> None:
        parts = urlsplit(url)
        self._address = (str(parts.hostname), int(parts.port or 80))
        self._prefix = parts.path
        self._head = f"Host: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"

    def request(self, method: str, path: str, body: Any = None) -> bytes:
        """The bytes of a request; ``path`` follows the address of this client."""
        content = b"" if body is None else orjson.dumps(body)
        kind = "Content-Type: application/scim+json\r\n" if content else ""
        head = f"{method} {self._prefix}{path} HTTP/1.1\r\n{self._head}{kind}Content-Length: {len(content)}\r\n\r\n"
        return head.encode() + content

    async def ask(self, method: str, path: str, body: Any = None) -> Reply:
        """One request over a connection of its own."""
        connection = await asyncio.open_connection(*self._address, limit=1 << 26)
        try:
            return await _asked(*connection, self.request(method, path, body))
        finally:
            connection[1].close()

    async def rate(self, requests: Sequence[bytes], at_once: int) -> float:
        """Requests a second."""
        connections = [await asyncio.open_connection(*self._address, limit=1 << 26) for _ in range(at_once)]

        async def work(lane: int) -> None:
            for request in requests[lane::at_once]:
                reply = await _asked(*connections[lane], request)
                assert reply.status < 300, reply.body[:500]

        started = time.perf_counter()
        await asyncio.gather(*(work(lane) for lane in range(at_once)))
        taken = time.perf_counter() - started
        for _, writer in connections:
            writer.close()
        return len(requests) / taken


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> Reply:
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head[9:12])
    place = head.find(b"content-length:")
    if place >= 0:
        return Reply(status, await reader.readexactly(int(head[place + 15 : head.index(b"\r\n", place)])))
    parts = []
    if b"transfer-encoding: chunked" in head:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            parts.append((await reader.readexactly(size + 2))[:-2])
        await reader.readexactly(2)
    return Reply(status, b"".join(parts))
