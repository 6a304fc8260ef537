"""What a simulated world asks of the ledger that the engine does not: its state between cycles."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from provisor.sync.helping import Wanted
from provisor.sync.schedule import Key
from simulation.memory_ledger import MemoryLedger

Around = Callable[[str], AbstractAsyncContextManager[None]]


class Ledgers(Protocol):
    """One application's ledger, reached by several processes."""

    def reached(self, around: Around) -> Any:
        """The ledger as one process reaches it."""

    async def standing(self, seq: int) -> Mapping[str, Any]:
        """What the scheduler asks about the application (``schedule.due``). ``seq``: the directory's head."""

    async def wanted(self) -> Wanted | None:
        """The cycle that runs now, if it hands out pages."""

    async def next_try(self) -> float | None:
        """Seconds until the next try of whatever waits for one; None when nothing does."""


class InMemory:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.ledger = MemoryLedger(now)

    def reached(self, around: Around) -> MemoryLedger:
        # The copy has the same tables.
        found = copy.copy(self.ledger)
        found._around = around
        return found

    async def standing(self, seq: int) -> Mapping[str, Any]:
        state, now = self.ledger.state, self._now()
        return {
            "last_cycle": state.last_cycle,
            "now": now,
            "resting": state.rest_until is not None and state.rest_until > now,
            "quarantine": state.quarantine,
            "initial": state.initial,
            "seq": seq,
            "watermark": state.watermark,
            "leavers": False,
            "refused": state.refused,
            "schedule": None,
            "retries": any(
                row.dirty and (row.next_try is None or row.next_try <= now) for row in self.ledger.objects.values()
            ),
        }

    async def wanted(self) -> Wanted | None:
        state, shared = self.ledger.state, self.ledger.state.shared
        held = state.lease_until is not None and state.lease_until > self._now()
        if shared is None or shared.closed or not held or shared.epoch != state.epoch:
            return None
        cycle = self.ledger.runs[shared.cycle].cycle
        return Wanted(Key(UUID(int=0), UUID(int=0)), cycle, shared.epoch, shared.fingerprint)

    async def next_try(self) -> float | None:
        waiting = [row.next_try for row in self.ledger.objects.values() if row.dirty and row.next_try is not None]
        return max(0.0, (min(waiting) - self._now()).total_seconds()) if waiting else None
