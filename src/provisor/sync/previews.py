"""Dry runs that somebody waits for in a browser, in this process: one for each question, one at a time.

A question (``key``) is an application, or an application, a slash and the mark of edits that are not saved. What
comes out stands in the ledger; here is only whether it is being made, and why it could not be.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from provisor.connectors.base import TargetError
from provisor.refusal import Refusal
from provisor.sync.cycle import Result

#: Previews that are kept in mind.
REMEMBERED: Final = 200
_LOG = structlog.get_logger("provisor.previews")


@dataclass(slots=True)
class Preview:
    """``done``: objects planned so far; ``result`` or ``error`` when it has ended."""

    done: int = 0
    result: Result | None = None
    error: str | None = None

    @property
    def running(self) -> bool:
        return self.result is None and self.error is None

    def report(self, stage: str, done: int, total: int | None) -> None:
        self.done = done


#: Makes a dry run that reports to the preview.
Work = Callable[[Preview], Awaitable[Result]]


@dataclass(slots=True)
class Previews:
    _latest: dict[str, Preview] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _turns: dict[str, asyncio.Lock] = field(default_factory=dict)

    def of(self, key: str) -> Preview | None:
        """The latest preview of a question; None when there was none in this process, or it was long ago."""
        return self._latest.get(key)

    def start(self, key: str, work: Work) -> Preview:
        """Begin a dry run that reports to the preview it is given; one that is under way for the key goes on."""
        running = self._latest.get(key)
        if running is not None and running.running:
            return running
        self._latest.pop(key, None)
        while len(self._latest) >= REMEMBERED:
            self._latest.pop(next(iter(self._latest)))
        preview = self._latest[key] = Preview()
        self._tasks[key] = asyncio.create_task(self._run(key, work, preview))
        return preview

    def forget(self, key: str) -> None:
        """What came of a question is of no interest any more, unless it is still being made."""
        latest = self._latest.get(key)
        if latest is not None and not latest.running:
            self._latest.pop(key)

    async def wait(self, key: str, seconds: float) -> None:
        """Until the question's dry run has ended, but not longer."""
        task = self._tasks.get(key)
        if task is not None:
            await asyncio.wait({task}, timeout=seconds)

    async def end(self) -> None:
        """End all of them; a dry run has done nothing that would need to be finished."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, key: str, work: Work, preview: Preview) -> None:
        # One at a time for each application: what is asked of its target is much.
        turn = self._turns.setdefault(key.partition("/")[0], asyncio.Lock())
        try:
            async with turn:
                preview.result = await work(preview)
        except (TargetError, Refusal) as error:
            preview.error = str(error)
        except Exception as error:
            # The message of an exception may hold values of a person: the places where it passed do not.
            places = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
            _LOG.error("preview failed", error=type(error).__name__, places=places)
            preview.error = "The plan could not be made: something went wrong here, the server's log says where."
        finally:
            self._tasks.pop(key, None)
