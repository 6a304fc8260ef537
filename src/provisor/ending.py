"""To end tasks for sure.

A driver may answer a cancellation with an error of its own, and ``asyncio.wait_for`` may lose one: a task that lives
through the absence of its database would live through that as well. So they are told again until they have ended.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

_AGAIN: Final = 0.5


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel ``tasks`` and wait until all have ended; how they ended is not told."""
    pending, told = set(tasks), False
    while pending:
        for task in pending:
            task.cancel()
        try:
            done, pending = await asyncio.wait(pending, timeout=_AGAIN)
        except asyncio.CancelledError:
            # Whoever ends this one waits for these as well.
            told = True
            continue
        for task in done:
            # Looked at, so that nobody complains that it was not.
            _ = task.cancelled() or task.exception()
    if told:
        raise asyncio.CancelledError
