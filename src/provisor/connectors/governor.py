"""How much a target takes: one governor for each target of a process, whoever asks.

It finds by itself how many requests at a time do well: each answer allows a little more, until the target says that it
is too much (429, or 503 with a time to come back) or its answers become slow; then half as much is tried, and from
there it goes up slowly. One that names a time, or refuses also who comes alone, counts requests a second: how many of
these do well is found from what it refuses (``pace``). While a target asks for a pause nobody asks it anything. All
requests wait in one line, so those that were to be sent first are.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from provisor.connectors.pace import Pace

#: Requests at a time unless a setting says otherwise, and of these at the start.
MOST: Final = 16
_START: Final = 4
#: Slow is so many times slower than the fastest answers have been, and more than so many seconds.
_SLOWER: Final = 4.0
_SLOW: Final = 1.0
#: Times that as many requests as are allowed must do well before one more is tried.
_ROUNDS: Final = 10
#: How much one answer counts for how fast answers are now.
_SHARE: Final = 0.2
#: Seconds over which the fastest answer is forgotten.
_MEMORY: Final = 300.0


@dataclass(slots=True)
class Asked:
    """One request under way of a ``kind`` (its method); what became of it is said with :meth:`Governor.answered`."""

    kind: str
    began: float = 0.0

    def begin(self) -> None:
        """It is sent now."""
        self.began = _time()


@dataclass(slots=True)
class Speed:
    """How fast answers of one kind are, in seconds: the ``fastest`` and when it was, and what is usual ``now``."""

    fastest: float
    at: float
    now: float

    def learn(self, took: float, at: float) -> None:
        self.now = (1 - _SHARE) * self.now + _SHARE * took
        if took <= self.fastest or at - self.at > _MEMORY:
            self.fastest, self.at = took, at

    @property
    def slow(self) -> bool:
        return self.now > max(_SLOW, _SLOWER * self.fastest)


class Governor:
    """``limit`` is how many requests may be under way at a time, at most ``most``; ``operations``, how many may go
    together in one (None: as many as the target says), and ``alone`` the methods of those that must not;
    ``members_at_creation``: whether a group that is made has the members that were sent with it. Of ``workers``
    that share the target each has its part of ``most``.

    ``slowed`` is when it was last lowered (by the loop's clock; None: never), and ``why``.
    """

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.workers = 1
        self.limit = float(min(_START, most))
        self.operations: int | None = None
        self.alone: frozenset[str] = frozenset()
        self.members_at_creation = True
        self.under_way = 0
        self.slowed: float | None = None
        self.why = ""
        self._climbing = True
        self._closed_until = 0.0
        self._pace = Pace()
        # Writes take longer than reads where nothing is wrong.
        self._speeds: dict[str, Speed] = {}
        self._line: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def turn(self, kind: str = "GET") -> AsyncIterator[Asked]:
        """Wait for a turn, and have it while the block runs."""
        await self._wait()
        try:
            while (delay := self._pace.delay(_time())) > 0:
                await asyncio.sleep(delay)
                if self._closed_until <= _time():
                    break
                # The target asked for a pause meanwhile.
                await asyncio.sleep(self._closed_until - _time())
            yield Asked(kind, _time())
        finally:
            self.under_way -= 1
            self._call()

    def answered(self, asked: Asked, *, busy: bool, rest: float | None = None) -> None:
        """An answer came. ``busy``: the target said that it is too much; ``rest``: to come back in so many seconds."""
        now = _time()
        if busy:
            self._closed_until = max(self._closed_until, now + (rest or 0.0))
            by_time = rest is not None or int(self.limit) == 1 or self._pace.rate is not None
            if self._lower(asked, 0.5, "the target said that it is too much") and by_time:
                self._pace.refused(now, rest or 0.0)
            return
        self._pace.taken(now)
        took = now - asked.began
        speed = self._speeds.setdefault(asked.kind, Speed(took, now, took))
        speed.learn(took, now)
        if speed.slow:
            speed.now = speed.fastest
            self._lower(asked, 0.75, "answers became slow")
        else:
            step = 1.0 if self._climbing else 1.0 / (self.limit * _ROUNDS)
            self.limit = min(self._share, self.limit + step)
            self._call()

    def shared_by(self, workers: int) -> None:
        """So many processes ask the target at once: each takes its part of what it may be asked."""
        if workers != self.workers:
            self.workers = workers
            self.limit = min(self.limit, self._share)

    @property
    def _share(self) -> float:
        return float(max(1, self.most // self.workers))

    def _lower(self, asked: Asked, share: float, why: str) -> bool:
        # Of requests that were under way together only the first lowers it: they say the same.
        if self.slowed is not None and asked.began < self.slowed:
            return False
        self.limit = max(1.0, self.limit * share)
        self.slowed, self.why, self._climbing = _time(), why, False
        return True

    async def _wait(self) -> None:
        while True:
            pause = self._closed_until - _time()
            if pause > 0:
                await asyncio.sleep(pause)
            place = asyncio.get_running_loop().create_future()
            self._line.append(place)
            self._call()
            try:
                await place
            except asyncio.CancelledError:
                self._leave(place)
                raise
            if self._closed_until <= _time():
                return
            # The target asked for a pause while this one stood in line.
            self._leave(place)

    def _leave(self, place: asyncio.Future[None]) -> None:
        """Give a place in the line back, or the turn that it has become."""
        if place in self._line:
            self._line.remove(place)
        elif place.done() and not place.cancelled():
            self.under_way -= 1
            self._call()

    def _call(self) -> None:
        while self._line and self.under_way < int(self.limit):
            place = self._line.popleft()
            if not place.done():
                self.under_way += 1
                place.set_result(None)


def _time() -> float:
    return asyncio.get_running_loop().time()
