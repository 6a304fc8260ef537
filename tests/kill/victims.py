"""The processes that get killed: the server on a port that stays the same, and workers (``provisor sync``).

``Watch`` sees from the outside, in the ledger, where in its cycle a process is.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import subprocess
import time
from dataclasses import dataclass, field
from typing import Any, Final

from installation import Ended, Installation
from kill.directory import Wrong
from pair import Pair

#: Seconds for whatever a process must have done by then: waiting for a lease of a killed one is the longest of it.
PATIENCE: Final = 60.0
_POLL = 0.002
#: From where a delay is counted.
MARKS: Final = ("lease", "cycle")
#: Ports below those that outgoing connections get: nobody takes it while the server is down.
_PORTS = range(20_000, 30_000)


@dataclass(slots=True)
class Victims:
    """All processes of a run; ``server`` is that of ``shop``."""

    shop: Installation
    port: int = field(default_factory=lambda: _free_port())
    workers: list[subprocess.Popen[str]] = field(default_factory=list)

    async def serve(self) -> None:
        starting = asyncio.create_task(asyncio.to_thread(self.shop.serve, "--port", str(self.port)))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            # Who is told to end ends no process that it does not know yet.
            await starting
            raise

    def worker(self, pair: Pair) -> subprocess.Popen[str]:
        process = self.shop.process(*_sync(pair))
        self.workers.append(process)
        return process

    async def sync(self, pair: Pair, *, own: bool = False) -> Ended:
        """A cycle to its end; in a process of its own or, which is faster, in this one."""
        if not own:
            return await asyncio.to_thread(self.shop.command, *_sync(pair))
        return await self.ended(self.worker(pair))

    async def ended(self, process: subprocess.Popen[str]) -> Ended:
        try:
            out, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise Wrong(f"a worker does not end within {PATIENCE:g} s") from None
        self.workers.remove(process)
        return Ended(process.returncode, out, err)

    async def kill_worker(self, process: subprocess.Popen[str]) -> None:
        process.kill()
        await asyncio.to_thread(process.communicate)
        self.workers.remove(process)

    async def kill_server(self) -> None:
        server = self.shop.server
        assert server is not None and server.stdout is not None
        if server.poll() is not None:
            raise Wrong(f"the server has ended by itself: {server.returncode}")
        server.kill()
        await asyncio.to_thread(server.wait)
        server.stdout.close()
        self.shop.server = None

    def end(self) -> None:
        """Whatever still runs ends with the run; the server is its installation's."""
        for process in self.workers:
            process.kill()
            process.wait()


def _sync(pair: Pair) -> list[str]:
    return ["--tenant", pair.tenant.name, "--json", "sync", "app"]


def nothing_left(ended: Ended) -> bool:
    """Whether a cycle went through and found nothing to do. Raises Wrong when it broke."""
    if "Traceback" in ended.err or not ended.out:
        raise Wrong(f"provisor sync ended with {ended.code}: {ended.err[-2000:]}")
    found = json.loads(ended.out)
    return found["status"] == "done" and not found["counts"] and not found["failures"]


@dataclass(slots=True)
class Watch:
    """Where the cycle of an application is; ``begun`` is where it was when the watch began: epoch and cycles."""

    pair: Pair
    begun: tuple[int, int] = (0, 0)

    async def begin(self) -> None:
        row = await self._row()
        self.begun = (row["epoch"], row["cycles"]) if row else (0, 0)

    async def reached(self, process: subprocess.Popen[str], mark: str) -> None:
        """Returns once the lease is taken or the cycle has begun since the watch began, or the process has ended."""
        deadline = time.monotonic() + PATIENCE
        place, since = ("epoch", self.begun[0]) if mark == "lease" else ("cycles", self.begun[1])
        while process.poll() is None:
            row = await self._row()
            if row is not None and row[place] > since:
                return
            if time.monotonic() > deadline:
                raise Wrong(f"no cycle begins within {PATIENCE:g} s")
            await asyncio.sleep(_POLL)

    async def lengths(self, process: subprocess.Popen[str]) -> dict[str, float]:
        """Seconds from each mark to when the lease is given back."""
        marks = {}
        for mark in MARKS:
            await self.reached(process, mark)
            marks[mark] = time.monotonic()
        while (await self._row())["held"]:  # noqa: ASYNC110 (another process gives it back)
            await asyncio.sleep(_POLL)
        return {mark: time.monotonic() - at for mark, at in marks.items()}

    async def stage(self) -> str:
        """How far whoever was killed had come."""
        row = await self._row()
        if row is None or row["epoch"] == self.begun[0]:
            return "before"
        if not row["held"]:
            return "after"
        if row["cycles"] == self.begun[1]:
            return "beginning"
        if row["status"] != "running":
            return "ending"
        return "applying" if row["sent"] else "planning"

    async def cycles(self) -> int:
        """Cycles since the watch began."""
        row = await self._row()
        return int(row["cycles"]) - self.begun[1] if row else 0

    async def expire(self) -> None:
        """The lease of one that was killed runs out, as it does 15 seconds later."""
        async with self.pair.house.database.transaction() as tx:
            await tx.execute(
                "update sync_job set lease_until = now() - interval '1 second' where application = $1",
                self.pair.application,
            )

    async def _row(self) -> Any:
        async with self.pair.house.database.reading() as tx:
            return await tx.fetchrow(
                """
                select j.epoch, j.cycles, coalesce(j.lease_until > now(), false) as held, c.status,
                       c.done > 0 or exists (select from sync_object o where o.application = $1 and o.unsettled)
                           or exists (select from sync_member m where m.application = $1 and not m.confirmed) as sent
                from sync_job j
                left join sync_cycle c on c.application = $1 and c.mode = 'cycle' and c.number = j.cycles
                where j.application = $1
                """,
                self.pair.application,
            )


def _free_port() -> int:
    for port in random.sample(_PORTS, 100):
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")
