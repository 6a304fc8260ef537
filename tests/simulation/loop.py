"""An event loop whose time is counted, not waited for: a day of sleeping takes no time, and nothing else decides.

Code under it is the code that runs in production; ``asyncio.sleep`` and timeouts go by :meth:`Loop.time`. When nothing
is ready, time jumps to what comes next. There is no network and no thread, so a run depends on nothing but its seed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Stuck(Exception):
    """Everybody waits and nobody will ever wake them."""


class _NoSelector:
    """What the loop asks for events: there are none, so time moves on by as long as it would have waited."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Stuck
        self._loop.now += max(0.0, timeout)
        return []


class Loop(asyncio.base_events.BaseEventLoop):
    """``now`` is in seconds from the start of the run."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._clock_resolution = 1e-6
        self._selector = _NoSelector(self)

    def time(self) -> float:
        return self.now

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody else wakes this loop."""


def run(work: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop | None = None) -> None:
    """Run ``work`` to its end on a loop of its own. Raises what it raises, and Stuck."""
    loop = loop or Loop()
    try:
        loop.run_until_complete(work)
        # Whoever still runs is ended, or the loop would be collected with them.
        rest = asyncio.all_tasks(loop)
        for task in rest:
            task.cancel()
        if rest:
            loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
    finally:
        loop.close()
