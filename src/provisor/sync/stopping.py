"""*Stop* means stop: a cycle asks before each request whether somebody told it to send nothing more.

What was not sent stays due; what was sent is recorded; the next cycle goes on from there.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from provisor.connectors.base import Stopped
from provisor.sync.ledger import Ledger

#: Seconds for which an answer counts, so that many requests at a time ask once.
FRESH: Final = 0.05
STOPPED: Final = "was stopped by an administrator before it was sent"


@dataclass(slots=True)
class Stop:
    """Of the cycle that holds the lease with this ``epoch``."""

    ledger: Ledger
    epoch: int
    _asked: float = -FRESH
    _stopped: bool = False

    async def check(self) -> None:
        """Raises Stopped once somebody has said so, LeaseLost when another worker has taken over."""
        now = asyncio.get_running_loop().time()
        if not self._stopped and now - self._asked >= FRESH:
            self._asked = now
            self._stopped = await self.ledger.stopping(self.epoch)
        if self._stopped:
            raise Stopped
