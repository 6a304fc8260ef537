"""What applications were refused, noted with their tokens, so that an admin sees why provisioning does not go on.

A refused request may be the hundredth of its kind within a second: what a token's owner did wrong is written once a
second at most, with the count. A request that finds nothing (404) or meets another version (412) is everyday traffic.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Final

from provisor.api.errors import Problem
from provisor.storage.pool import AWAY, Database
from provisor.workspace import tokens

_EVERYDAY: Final = frozenset({404, 412})
_SECONDS: Final = 1.0
_MOST_TOKENS: Final = 10_000


class Refusals:
    """``clock`` gives seconds that only grow."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        #: By token: when it was written last, and how many refusals are not written.
        self._waiting: dict[bytes, tuple[float, int]] = {}

    async def note(self, token: str | None, problem: Problem) -> None:
        """Note with ``token``, when it is one, that a request was refused."""
        digest = tokens.hashed(token)
        if digest is None or problem.status in _EVERYDAY:
            return
        now = self._clock()
        written, count = self._waiting.get(digest, (now - _SECONDS, 0))
        if now - written < _SECONDS:
            self._waiting[digest] = (written, count + 1)
            return
        if len(self._waiting) >= _MOST_TOKENS:
            self._waiting.clear()
        self._waiting[digest] = (now, 0)
        # That it cannot be noted changes nothing about the answer.
        with contextlib.suppress(*AWAY):
            await tokens.refused(self._database, digest, count + 1, problem.status, problem.detail[:300])
