"""What applications were refused, noted with their tokens, so that an admin sees why provisioning does not go on.

Refusals are gathered for a second and written together, of each token the count and the last reason: however many
requests are refused, with however many tokens, it is one statement a second. A request that finds nothing (404)
or meets another version (412) is everyday traffic.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from provisor.api.errors import Problem
from provisor.storage.pool import AWAY, Database
from provisor.workspace import tokens

_EVERYDAY: Final = frozenset({404, 412})
_SECONDS: Final = 1.0
_MOST_TOKENS: Final = 1_000


class Refusals:
    """``note`` each one; they are written a second later."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: By token: how many, and the last one.
        self._waiting: dict[bytes, tuple[int, Problem]] = {}
        self._writing: asyncio.Task[None] | None = None

    def note(self, token: str | None, problem: Problem) -> None:
        """Note with ``token``, when it is one, that a request was refused."""
        digest = tokens.hashed(token)
        if digest is None or problem.status in _EVERYDAY:
            return
        count, _ = self._waiting.get(digest, (0, problem))
        if count or len(self._waiting) < _MOST_TOKENS:
            self._waiting[digest] = (count + 1, problem)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        await asyncio.sleep(_SECONDS)
        found, self._waiting = self._waiting, {}
        # That it cannot be noted is no reason to say or do anything else.
        with contextlib.suppress(*AWAY):
            await tokens.refused(
                self._database,
                [(digest, count, last.status, last.detail[:300]) for digest, (count, last) in found.items()],
            )
