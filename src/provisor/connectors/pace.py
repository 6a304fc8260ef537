"""How many requests a second a target takes, found from its refusals (429, 503).

Nothing is known before the first refusal, and nothing is held back. Then requests are sent evenly: less than what was
refused, soon almost as much again, there for a while, and carefully more (the cubic curve of RFC 9438, in requests a
second instead of packets under way). A target that refuses with a pause costs that pause, so it is seldom tried.
"""

from __future__ import annotations

from collections import deque
from typing import Final

#: Seconds after which the rate that was refused is tried again.
_ROUND: Final = 30.0
#: A refusal so soon (seconds) after the last says that the rate is far off, a later one that it is a little too high.
_SOON: Final = 2.0
_FAR_OFF: Final = 0.5
_A_LITTLE: Final = 0.9
#: Seconds after which a refusal is forgotten.
_FORGOTTEN: Final = 300.0
_LEAST: Final = 0.5
#: What one is taken for that refuses when it is asked hardly anything: others may have asked it.
_UNKNOWN: Final = 20.0
#: So many requests tell how fast they were sent before the first refusal.
_COUNTED: Final = 10


class Pace:
    """``rate`` is how many requests a second are sent at most; None: as many as there are. Times are the caller's."""

    def __init__(self) -> None:
        self.rate: float | None = None
        self._refused = 0.0
        self._lowered = 0.0
        self._since = 0.0
        self._next = 0.0
        self._sent: deque[float] = deque(maxlen=_COUNTED)

    def delay(self, now: float) -> float:
        """Seconds until the next request may be sent; the place is taken by asking."""
        if self.rate is None:
            self._sent.append(now)
            return 0.0
        self._next = max(self._next, now) + 1 / self.rate
        return self._next - 1 / self.rate - now

    def taken(self, now: float) -> None:
        """The target did not refuse a request."""
        if self.rate is None:
            return
        passed = now - self._since
        if passed > _FORGOTTEN:
            self.rate = None
            self._sent.clear()
        elif passed > 0:
            left = 1 - passed / _ROUND
            self.rate = max(self.rate, self._refused - (self._refused - self._lowered) * left**3)

    def refused(self, now: float, rest: float) -> None:
        """The target refused one, and wants to be left in peace for ``rest`` seconds."""
        passed = now - self._since
        self._refused = self.rate if self.rate is not None else self._measured(now)
        share = _A_LITTLE if self.rate is not None and passed > _SOON else _FAR_OFF
        self.rate = self._lowered = max(_LEAST, self._refused * share)
        self._since = self._next = now + rest

    def _measured(self, now: float) -> float:
        """How fast the last ones were sent: rather too fast, which is mended soon, than too slow, which takes long."""
        span = max(now - self._sent[0], 0.001) if self._sent else 1.0
        return max(_UNKNOWN, len(self._sent) / span)
