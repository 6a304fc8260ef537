"""How much a target takes: one governor for each target of a process, whoever asks.

It finds by itself how many requests at a time do well: each answer allows a little more, until the target says that it
is too much (429, or 503 with a time to come back) or its answers become slow; then half as much is tried, and from
there it goes up slowly. While a target asks for a pause nobody asks it anything. All requests wait in one line, so
those that were to be sent first are.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

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
    """One request under way: what became of it is said with :meth:`Governor.answered`."""

    began: float


class Governor:
    """``limit`` is how many requests may be under way at a time, at most ``most``.

    ``slowed`` is when it was last lowered (by the loop's clock; None: never), and ``why``.
    """

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.limit = float(min(_START, most))
        self.under_way = 0
        self.slowed: float | None = None
        self.why = ""
        self._climbing = True
        self._closed_until = 0.0
        self._fastest: tuple[float, float] | None = None
        self._now = 0.0
        self._line: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Asked]:
        """Wait for a turn, and have it while the block runs."""
        await self._wait()
        try:
            yield Asked(_time())
        finally:
            self.under_way -= 1
            self._call()

    def answered(self, asked: Asked, *, busy: bool, rest: float | None = None) -> None:
        """An answer came. ``busy``: the target said that it is too much; ``rest``: to come back in so many seconds."""
        now = _time()
        if busy:
            self._closed_until = max(self._closed_until, now + (rest or 0.0))
            self._lower(asked, 0.5, "the target said that it is too much")
            return
        took = now - asked.began
        self._learn(took, now)
        fastest = self._fastest[0] if self._fastest is not None else took
        if self._now > max(_SLOW, _SLOWER * fastest):
            self._lower(asked, 0.75, "answers became slow")
        else:
            step = 1.0 if self._climbing else 1.0 / (self.limit * _ROUNDS)
            self.limit = min(float(self.most), self.limit + step)
            self._call()

    def _learn(self, took: float, now: float) -> None:
        self._now = took if self._now == 0.0 else (1 - _SHARE) * self._now + _SHARE * took
        if self._fastest is None or took <= self._fastest[0] or now - self._fastest[1] > _MEMORY:
            self._fastest = took, now

    def _lower(self, asked: Asked, share: float, why: str) -> None:
        # Of requests that were under way together only the first lowers it: they say the same.
        if self.slowed is not None and asked.began < self.slowed:
            return
        self.limit = max(1.0, self.limit * share)
        self.slowed, self.why, self._climbing = _time(), why, False
        self._now = 0.0

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
