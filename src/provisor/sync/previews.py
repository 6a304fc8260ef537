"""Dry runs that somebody waits for in a browser: one at a time for each application, in this process.

The plan itself stands in the ledger as any other; here is only whether one is being made, and why one could not be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from provisor.connectors.base import TargetError
from provisor.refusal import Refusal
from provisor.sync.cycle import Result


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


@dataclass(slots=True)
class Previews:
    _latest: dict[UUID, Preview] = field(default_factory=dict)
    _tasks: dict[UUID, asyncio.Task[None]] = field(default_factory=dict)

    def of(self, application: UUID) -> Preview | None:
        """The latest preview of an application; None when there was none in this process."""
        return self._latest.get(application)

    def start(self, application: UUID, work: Coroutine[Any, Any, Result], preview: Preview) -> Preview:
        """Run a dry run that reports to ``preview``; one that is under way for this application goes on instead."""
        running = self._latest.get(application)
        if running is not None and running.running:
            work.close()
            return running
        self._latest[application] = preview
        self._tasks[application] = asyncio.create_task(self._run(application, work, preview))
        return preview

    async def wait(self, application: UUID, seconds: float) -> None:
        """Until the application's dry run has ended, but not longer."""
        task = self._tasks.get(application)
        if task is not None:
            await asyncio.wait({task}, timeout=seconds)

    async def end(self) -> None:
        """End all of them; a dry run has done nothing that would need to be finished."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, application: UUID, work: Coroutine[Any, Any, Result], preview: Preview) -> None:
        try:
            preview.result = await work
        except (TargetError, Refusal) as error:
            preview.error = str(error)
        except Exception as error:
            preview.error = f"The plan could not be made ({type(error).__name__}): the server's log may say more."
            raise
        finally:
            self._tasks.pop(application, None)
