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
        # In time one asks anew, and the others go on with the answer that there is; once that is old they wait: after a
        # pause an old one counts for nobody.
        came = loop.time()
        age = came - self._asked
        if age >= FRESH or (age >= FRESH / 2 and not self._asking.locked()):
            async with self._asking:
                now = loop.time()
                if not self._stopped and self._asked < came and now - self._asked >= FRESH / 2:
                    self._stopped = await self.ledger.stopping(self.epoch)
                    self._asked = now
        if self._stopped and not doubtful:
            raise Stopped
