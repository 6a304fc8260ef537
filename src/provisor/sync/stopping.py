"""*Stop* means stop: a cycle asks before each request whether somebody told it to send nothing more.

What was not sent stays due; what was sent is recorded; the next cycle goes on from there.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
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
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def check(self, doubtful: bool) -> None:
        """Raises Stopped once somebody has said so, LeaseLost when another worker has taken over.

        What may have been done already (``doubtful``) is asked to its end: without an answer nobody would know of it.
        """
        loop = asyncio.get_running_loop()
        # One asks, the others wait for that answer: after a pause an old one counts for nobody.
        async with self._asking:
            if not self._stopped and loop.time() - self._asked >= FRESH:
                self._stopped = await self.ledger.stopping(self.epoch)
                self._asked = loop.time()
        if self._stopped and not doubtful:
            raise Stopped
