"""How much one credential may ask: requests a second and requests at once, decided before anything else is done.

Requests are spaced as by a leaky bucket that holds one second's worth, so that a burst is taken and a stream above the
rate is not. Who sends no token is known by the address. Each server process counts for itself; what is idle is
forgotten within a second, so that tokens that nobody has cost nothing.

:class:`Allowance` is counted where it is spent: only for what went wrong, so that whoever is right is never made to
wait, or for what somebody asks whom nobody knows yet.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

_BURST_SECONDS: Final = 1.0
_SWEEP_SECONDS: Final = 1.0


class Exceeded(Exception):
    """Too many requests; ``retry_after``: whole seconds until the next one is taken."""

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


@dataclass(slots=True)
class _Bucket:
    #: When the bucket will have run empty.
    empty_at: float = 0.0
    under_way: int = 0


class Limits:
    """``per_second`` and ``at_once`` are for each credential; ``clock`` gives seconds that only grow."""

    def __init__(self, per_second: float, at_once: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._at_once = at_once
        self._clock = clock
        self._buckets: dict[bytes, _Bucket] = {}
        self._next_sweep = 0.0

    @contextmanager
    def admitted(self, credential: bytes) -> Iterator[None]:
        """The time of one request of ``credential``. Raises Exceeded instead when there are too many."""
        now = self._clock()
        self._sweep(now)
        bucket = self._buckets.setdefault(credential, _Bucket())
        if bucket.under_way >= self._at_once:
            raise Exceeded(
                f"{bucket.under_way} requests with this access token are under way, and no more are taken at once: "
                "send the next one when one has been answered.",
                1,
            )
        empty_at = max(bucket.empty_at, now) + 1 / self._per_second
        wait = empty_at - now - max(_BURST_SECONDS, 1 / self._per_second)
        if wait > 1e-9:
            raise Exceeded(
                f"More than {self._per_second:g} requests a second with this access token: wait for the seconds "
                "in Retry-After.",
                math.ceil(wait),
            )
        bucket.empty_at = empty_at
        bucket.under_way += 1
        try:
            yield
        finally:
            bucket.under_way -= 1

    @property
    def remembered(self) -> int:
        """How many credentials are remembered."""
        return len(self._buckets)

    def _sweep(self, now: float) -> None:
        if now < self._next_sweep:
            return
        self._next_sweep = now + _SWEEP_SECONDS
        for credential in [key for key, one in self._buckets.items() if not one.under_way and one.empty_at <= now]:
            del self._buckets[credential]


class Allowance:
    """How often somebody may: ``at_once`` times, and again for every ``seconds`` that pass.

    What is spared is the work, the rows and the log of a program that runs in a circle. Nobody is kept from guessing:
    what can be guessed is counted in the database (:mod:`provisor.access.passwords`).
    """

    def __init__(self, at_once: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._at_once = at_once
        self._seconds = seconds
        self._clock = clock
        #: When each of them will be as if nothing had been.
        self._forgiven_at: dict[bytes, float] = {}
        self._next_sweep = 0.0

    def spend(self, credential: bytes) -> int:
        """Count one more of ``credential``; returns whole seconds to wait when that is too often, else 0."""
        now = self._clock()
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP_SECONDS
            self._forgiven_at = {key: moment for key, moment in self._forgiven_at.items() if moment > now}
        forgiven_at = max(self._forgiven_at.get(credential, 0.0), now) + self._seconds
        wait = forgiven_at - now - self._at_once * self._seconds
        if wait > 1e-9:
            return math.ceil(wait)
        self._forgiven_at[credential] = forgiven_at
        return 0

    @property
    def remembered(self) -> int:
        """How many credentials are remembered."""
        return len(self._forgiven_at)


def place(address: str) -> str:
    """Whoever is at a network address: the address, or the network that somebody with IPv6 has to themselves."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)
