"""``python -m tests.bench.engine_target``: a SCIM 2.0 service that costs next to nothing, in a process of its own.

What is measured is who asks it, so it must be much faster than that: bytes over kept connections, parsed by hand, and
answers from memory (``engine_store``). ``POST /control`` says how it behaves from then on: how long an answer takes,
how many requests a second it takes, how many it breaks, whether it has /Bulk, how many members a request may name, and
into which file the writes go that are to be sent again. ``GET /control`` says what it has counted. Ends when its input
does.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, BinaryIO, Final

import orjson
from uvloop import new_event_loop

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.engine_store import Reply, Store, error

PREFIX: Final = "/scim"
WRITES: Final = frozenset({"POST", "PATCH", "PUT", "DELETE"})
_REASONS: Final = {200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 404: "Not Found", 409: "Conflict"}


@dataclass(slots=True)
class Behaviour:
    """What is asked of the target; ``record`` is the file for the writes that were done.

    ``latency``: milliseconds until an answer goes; ``limit``: requests a second (0: no limit), of which ``burst`` may
    come at once; ``errors``: share of requests that are answered 500 and not done, drawn from ``seed``.
    """

    latency: float = 0.0
    limit: float = 0.0
    burst: float = 20.0
    errors: float = 0.0
    seed: int = 1
    bulk: bool = False
    most_members: int = 0
    record: str = ""
    clear: bool = True


class Service:
    """The store, how it behaves, and what it has counted: requests by method and kind, and when they came."""

    def __init__(self) -> None:
        self.store = Store()
        self.now = Behaviour()
        self.counts: Counter[str] = Counter()
        self.first = self.last = 0.0
        self.done = 0
        self.written: BinaryIO | None = None
        self._files = contextlib.ExitStack()
        self._draw = Random(1).random
        self._left, self._filled = 0.0, 0.0

    def behave(self, said: dict[str, Any]) -> None:
        """Behave so from now on, and count anew."""
        self.now = Behaviour(**said)
        self.store.bulk, self.store.most = self.now.bulk, self.now.most_members
        self.counts.clear()
        self.first = self.last = 0.0
        self.done = 0
        self._draw = Random(self.now.seed).random
        self._left, self._filled = self.now.burst, time.perf_counter()
        self._files.close()
        self.written = None
        if self.now.record:
            file = Path(self.now.record).open("wb", buffering=1 << 20)  # noqa: SIM115
            self.written = self._files.enter_context(file)
        if self.now.clear:
            self.store.clear()

    def told(self) -> bytes:
        """What was counted: the writes that were ``done``, the ``seconds`` between the first of them and the last."""
        if self.written is not None:
            self.written.flush()
        used = resource.getrusage(resource.RUSAGE_SELF)
        took = {"done": self.done, "seconds": self.last - self.first, "cpu": used.ru_utime + used.ru_stime}
        return orjson.dumps({"counts": dict(self.counts), **took})

    def answer(self, method: str, target: str, body: bytes) -> tuple[Reply, str]:
        """The reply, and headers of its own."""
        path, _, query = target.partition("?")
        path = path.removeprefix(PREFIX)
        self.counts[_kind(method, path, query)] += 1
        if self.now.limit and not self._taken():
            self.counts["429"] += 1
            return error(429, "Too many requests."), "Retry-After: 1\r\n"
        if self.now.errors and self._draw() < self.now.errors:
            self.counts["500"] += 1
            return error(500, "Something broke."), ""
        reply = self.store.answer(method, path, query, body)
        if reply[0] >= 400:
            self.counts[str(reply[0])] += 1
        elif method in WRITES:
            self.last = time.perf_counter()
            self.done += 1
            self.first = self.first or self.last
            if self.written is not None:
                self.written.write(b"%s %s %d\n%s" % (method.encode(), path.encode(), len(body), body))
        return reply, ""

    def _taken(self) -> bool:
        """Whether the limit lets one more through: a bucket that fills evenly."""
        now = time.perf_counter()
        self._left = min(self.now.burst, self._left + (now - self._filled) * self.now.limit)
        self._filled = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Line(asyncio.Protocol):
    """One connection; requests may follow each other without waiting for the answers."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._rest = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._rest = self._rest + data if self._rest else data
        answers = b"".join(self._answers())
        if not answers:
            return
        if self._service.now.latency:
            asyncio.get_running_loop().call_later(self._service.now.latency / 1000, self._say, answers)
        else:
            self._transport.write(answers)

    def _say(self, answers: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answers)

    def _answers(self) -> Iterator[bytes]:
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            head = self._rest[:end].lower()
            place = head.find(b"\r\ncontent-length:")
            length = int(head[place + 17 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
            if len(self._rest) < end + 4 + length:
                return
            body = self._rest[end + 4 : end + 4 + length]
            method, target, _ = self._rest[: self._rest.find(b"\r\n")].decode("latin-1").split(" ", 2)
            self._rest = self._rest[end + 4 + length :]
            yield self._one(method, target, body)

    def _one(self, method: str, target: str, body: bytes) -> bytes:
        if target == "/control":
            if method == "POST":
                self._service.behave(orjson.loads(body))
            return _bytes((200, self._service.told()), "")
        try:
            return _bytes(*self._service.answer(method, target, body))
        except (ValueError, KeyError, TypeError) as wrong:
            return _bytes(error(400, f"{type(wrong).__name__}: {wrong}"), "")


def _bytes(reply: Reply, more: str) -> bytes:
    status, body = reply
    head = f"HTTP/1.1 {status} {_REASONS.get(status, 'So')}\r\nContent-Type: application/scim+json\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _kind(method: str, path: str, query: str) -> str:
    """``GET /Users?filter``, ``PATCH /Groups/ID``."""
    place = path.split("/")
    what = "/" + place[1] + ("/ID" if len(place) > 2 else "")
    if method == "GET" and "filter=" in query:
        return f"GET {what}?filter"
    return f"GET {what}?page" if method == "GET" and "startIndex=" in query else f"{method} {what}"


async def main() -> None:
    service = Service()
    server = await asyncio.get_running_loop().create_server(lambda: Line(service), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner, contextlib.suppress(KeyboardInterrupt):
        runner.run(main())
