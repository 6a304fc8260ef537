"""One history, again and again, each time with one call failing: the first, the second, and so on to the last.

Chance finds what needs several faults; this finds the one place that was forgotten.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from simulation.scenario import Scenario
from simulation.world import Killed, Process, World

Fault = Literal["refused", "unheard", "killed"]
STEADY: Final = Scenario(people=3, changes=7, compares=False)
#: The history makes more calls than this.
CALLS: Final = 150


@dataclass(slots=True)
class Failing(World):
    """The ``point``-th call of the run fails: it is *refused* before anything is done, its answer is *unheard*, or
    whoever made it is *killed*. ``points`` counts them."""

    fault: Fault | None = None
    point: int = 0
    points: int = 0

    def _hits(self) -> bool:
        if self.troubled:
            self.points += 1
        return self.troubled and self.points == self.point

    def _around(self, process: Process) -> Callable[[str], Any]:
        @asynccontextmanager
        async def around(name: str) -> AsyncIterator[None]:
            await World._io(self, process, name)
            hit = self._hits()
            if hit and self.fault == "refused":
                raise ConnectionResetError("the database is away")
            yield
            if hit and self.fault == "killed":
                process.dead = True
            if process.dead:
                raise Killed
            if hit:
                raise ConnectionResetError("the database answered and nobody heard it")

        return around

    async def _io(self, process: Process, what: str) -> None:
        await World._io(self, process, what)
        if not self._hits():
            return
        if self.fault == "killed":
            process.dead = True
            raise Killed
        raise ConnectionResetError(f"{what} failed")
