"""HTTP to other systems: one session, a list of methods it may use, limits, and retries that cannot do harm.

A request is repeated only when the other side said that it did not take it (429, 503) or when doing it twice is doing
it once: every GET, and a PATCH or DELETE whose connection broke. Whatever else breaks after a write was sent is
*unclear*: it may have been done. Redirects are not followed, so that a token stays with the host it was entered for,
and it never stands in a message or a log.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import aiohttp
from yarl import URL

from provisor import jsongate, tracing
from provisor.connectors.base import Exchange, TargetError
from provisor.connectors.governor import Governor
from provisor.connectors.network import LARGEST, limited, proxy_for, reason

#: Seconds to connect, and for a whole answer.
CONNECT, TOTAL = 10.0, 60.0
TRIES: Final = 4
#: The longest Retry-After (seconds) that is waited for within one request.
PATIENCE: Final = 20.0
#: Of an answer, what is shown to whoever must find out what is wrong with it.
SHOWN_BYTES: Final = 4096
_SHOWN_HEADERS: Final = frozenset(
    {"content-type", "location", "www-authenticate", "server", "x-request-id", "retry-after"}
)
#: Seconds to wait before the first repetition when nobody says how long; twice as long before each that follows, and
#: somewhat longer by chance, so that requests which were refused together do not come back together.
_SHORTLY: Final = 0.5
READS: Final = frozenset({"GET"})
WRITES: Final = frozenset({"GET", "POST", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Answer:
    """``data`` is the parsed body, None when there was none; ``text`` the start of one that is not JSON.

    ``doubtful``: the request had been sent before, and what came of that is not certain. ``rest``: the other side wants
    to be left in peace for longer (seconds) than a request waits.
    """

    status: int
    data: Any
    exchange: Exchange
    text: str = ""
    doubtful: bool = False
    rest: float | None = None


class Http:
    """A session with ``base`` (an address without trailing slash), bearer ``token`` and allowed ``methods``.

    ``governor``: how many requests at a time. ``encode`` writes a query; ``anonymous``: no user agent is named;
    ``draw`` gives numbers from 0 up to 1, by chance.
    """

    def __init__(
        self,
        base: str,
        token: str,
        *,
        methods: frozenset[str] = WRITES,
        governor: Governor | None = None,
        encode: Callable[[Mapping[str, str]], str] = urlencode,
        anonymous: bool = False,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._base = base
        self._draw = draw
        self._token = token
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/scim+json, application/json"}
        self._methods = methods
        self._encode = encode
        self._silent = ("User-Agent",) if anonymous else ()
        self._governor = governor or Governor()
        self._session: aiohttp.ClientSession | None = None
        self._proxy: URL | None = None
        self._proxy_auth: aiohttp.BasicAuth | None = None
        self.sent = 0
        self.check: Callable[[bool], Awaitable[None]] | None = None

    async def ask(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """Send and return the answer, whatever its status. Raises TargetError when there is none."""
        if method not in self._methods:
            raise TargetError(f"This connection may not send {method}: it only reads.")
        doubtful = False
        for attempt in range(1, TRIES + 1):
            last = attempt == TRIES
            found = await self._in_turn(doubtful, method, path, query, body)
            if isinstance(found, Exception):
                # A write that took too long is not made longer; a POST that was done would be done twice.
                if not last and (method == "GET" or (method != "POST" and not isinstance(found, TimeoutError))):
                    doubtful = doubtful or (method != "GET" and not isinstance(found, aiohttp.ClientConnectorError))
                    await asyncio.sleep(self._shortly(attempt))
                    continue
                raise self._no_answer(method, path, found, doubtful)
            answer, wait = found
            # A gateway says 503 also of what it passed on: without a word when to come back a POST is not repeated.
            again = answer.status == 429 or (answer.status == 503 and (wait is not None or method != "POST"))
            rest = wait if again and wait is not None and wait > PATIENCE else None
            if not again or last or rest is not None:
                return replace(answer, doubtful=doubtful, rest=rest)
            doubtful = doubtful or (answer.status == 503 and method != "GET")
            await asyncio.sleep(self._shortly(attempt) if wait is None else wait)
        raise AssertionError("the last try returns or raises")

    async def _in_turn(
        self, doubtful: bool, method: str, path: str, query: Mapping[str, str] | None, body: bytes | None
    ) -> tuple[Answer, float | None] | Exception:
        """The answer and how long to wait, or how the other side failed to give one. Raises what ``check`` does."""
        # Many writes in one take as long as many.
        async with self._governor.turn("Bulk" if path == "/Bulk" else method) as asked:
            # Whoever waited for a turn may have been stopped meanwhile.
            if self.check is not None:
                await self.check(doubtful)
            asked.begin()
            try:
                answer, wait = await self._once(method, path, query, body)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                if isinstance(error, TimeoutError):
                    self._governor.answered(asked, busy=True)
                return error
            busy = answer.status == 429 or (answer.status == 503 and wait is not None)
            self._governor.answered(asked, busy=busy, rest=min(wait, PATIENCE) if wait is not None else None)
            return answer, wait

    def _shortly(self, attempt: int) -> float:
        return _SHORTLY * float(2 ** (attempt - 1)) * (1 + self._draw())

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _once(
        self, method: str, path: str, query: Mapping[str, str] | None, body: bytes | None
    ) -> tuple[Answer, float | None]:
        session = self._session or self._open()
        headers = {"Content-Type": "application/scim+json"} if body is not None else {}
        self.sent += 1
        url = URL(f"{self._base}{path}?{self._encode(query)}" if query else self._base + path, encoded=True)
        with _traced(method, path, url) as span:
            headers |= tracing.outgoing()
            async with session.request(
                method,
                url,
                data=body,
                headers=headers,
                allow_redirects=False,
                proxy=self._proxy,
                proxy_auth=self._proxy_auth,
            ) as response:
                span.set("http.response.status_code", response.status)
                if response.status >= 400:
                    span.failed(str(response.status))
                raw = await limited(response, LARGEST)
                return _parsed(self._exchange(response, raw), raw), _retry_after(response.headers)

    def _open(self) -> aiohttp.ClientSession:
        self._proxy, self._proxy_auth = proxy_for(self._base)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._governor.most),
            timeout=aiohttp.ClientTimeout(total=TOTAL, connect=CONNECT),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=self._silent,
        )
        return self._session

    def _exchange(self, response: aiohttp.ClientResponse, raw: bytes) -> Exchange:
        """What may be shown of it; a target that says the token back is not repeated."""
        shown = {name: value for name, value in response.headers.items() if name.lower() in _SHOWN_HEADERS}
        headers = {name: self._untold(value) for name, value in shown.items()}
        body = self._untold(raw[:SHOWN_BYTES].decode("utf-8", "replace"))
        return Exchange(response.method, str(response.url), response.status, headers, body)

    def _untold(self, text: str) -> str:
        return text.replace(self._token, "(the secret token)")

    def _no_answer(self, method: str, path: str, error: Exception, doubtful: bool) -> TargetError:
        host = urlsplit(self._base).netloc
        refused = isinstance(error, aiohttp.ClientConnectorError)
        if isinstance(error, TimeoutError):
            why = f"did not answer within {TOTAL:g} seconds"
        elif refused:
            why = f"cannot be reached ({reason(error)})"
        else:
            why = f"broke the connection ({reason(error)})"
        return TargetError(
            f"{host} {why}.",
            unclear=doubtful or (method != "GET" and not refused),
            reached=False,
            exchange=Exchange(method, self._base + path),
        )


def _traced(method: str, path: str, url: URL) -> AbstractContextManager[tracing.Span]:
    """The span of a request: where it goes is said without ids, and what it asks for is not."""
    if not tracing.recording():
        return tracing.span("")
    route = "/" + "/".join([path.split("/")[1], *["{id}"] * (path.count("/") - 1)])
    said = {"http.request.method": method, "url.template": route, "server.address": url.host or ""}
    return tracing.span(f"{method} {route}", "client", {**said, "server.port": url.port or 0})


def _parsed(exchange: Exchange, raw: bytes) -> Answer:
    status = exchange.status or 0
    if not raw:
        return Answer(status, None, exchange)
    try:
        return Answer(status, jsongate.loads(raw, limit=LARGEST, depth=64), exchange)
    except jsongate.JsonError:
        return Answer(status, None, exchange, raw[:200].decode("utf-8", "replace"))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from a number or a date (RFC 9110 §10.2.3); None when the header is missing or says neither.

    A date is compared with the one of the answer itself: the clocks of two machines are never.
    """
    text = headers.get("Retry-After")
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        seconds = float(text)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    with contextlib.suppress(ValueError, TypeError):
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, wait.total_seconds())
    return None
