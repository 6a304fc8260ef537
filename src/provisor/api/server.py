"""The process that listens: one socket, uvicorn on it, and an orderly end.

``serve`` binds before it says that it is ready, so that port 0 can be announced; on SIGTERM and SIGINT it takes no
more requests, finishes those under way and returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from provisor.refusal import Invalid, Unavailable

#: Seconds that requests under way have to finish.
DRAIN_SECONDS = 10
#: Bytes of a request's head.
HEAD_LIMIT = 65536
#: Requests at a time; more are answered 503.
MOST_AT_ONCE = 1000
_LOCAL = frozenset({"0.0.0.0", "::", ""})


class _Server(uvicorn.Server):
    """Signals are this module's, so that whatever else runs in the process ends in order too."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Protocol(HttpToolsProtocol):
    """HTTP whose head (request line and headers) has an end: nothing is read of one that is longer."""

    #: Bytes of a head that has begun and not ended, without those it began with.
    _head: int | None = None

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = 0

    def on_headers_complete(self) -> None:
        self._head = None
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        begun = self._head is not None
        super().data_received(data)
        if begun and self._head is not None:
            self._head += len(data)
            if self._head > HEAD_LIMIT:
                self.transport.close()


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises Unavailable with the reason."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise Unavailable(f"Cannot listen on {host}:{port}: {error.strerror or error}.") from None
    return sock


def address(sock: socket.socket, *, tls: bool) -> str:
    """The address that a client on this machine would use."""
    host, port = sock.getsockname()[:2]
    if host in _LOCAL:
        host = "127.0.0.1"
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def certificate(cert: Path | None, key: Path | None) -> dict[str, Any]:
    """uvicorn's TLS settings. Raises Invalid when only one of both is given or one is not there."""
    if (cert is None) != (key is None):
        raise Invalid("Give both --tls-cert and --tls-key, or neither.")
    for flag, path in (("--tls-cert", cert), ("--tls-key", key)):
        if path is not None and not path.is_file():
            raise Invalid(f"{flag}: there is no file {path}.")
    return {"ssl_certfile": str(cert), "ssl_keyfile": str(key)} if cert and key else {}


async def serve(
    app: Any,
    sock: socket.socket,
    tls: dict[str, Any],
    ready: Callable[[], Awaitable[None]],
    *,
    proxies: Collection[str] = (),
) -> None:
    """Serve until a signal; ``ready`` is awaited once requests are accepted.

    ``proxies``: whose word on a client's address and scheme is believed; nobody else's is.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        http=_Protocol,
        limit_concurrency=MOST_AT_ONCE,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=sorted(proxies),
        **tls,
    )
    server = _Server(config)
    async with _ended_by_signals(server):
        running = asyncio.create_task(server.serve(sockets=[sock]))
        while not server.started and not running.done():  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.01)
        if server.started:
            await ready()
        await running


@contextlib.asynccontextmanager
async def _ended_by_signals(server: uvicorn.Server) -> AsyncIterator[None]:
    def end() -> None:
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
