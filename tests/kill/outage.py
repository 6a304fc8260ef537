"""PostgreSQL restarted under load: the server runs cycles, SCIM clients read and write, the directory changes.

An operator has four ways to end the embedded server, its keeper starts it again: a fast shutdown, an immediate one, a
kill of its first process, and a kill of one that serves a connection (which makes PostgreSQL restart by itself). While
it is away answers are 503, after a while or at once, and never anything worse; what was acknowledged stays; and the
server goes on afterwards without being started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, takewhile
from typing import Any, Final

import aiohttp
import psutil

from kill.directory import Wrong, patiently
from kill.people import People
from kill.right import verified
from kill.run import Progress, Run, Told, quiet
from pair import Pair
from provisor.storage import keeper

WAYS: Final = ("fast shutdown", "immediate shutdown", "kill of the first process", "kill of a backend")
#: Seconds within which an answer comes: waiting for a lock (30) is the longest that a request does.
HANGS: Final = 35.0
#: Seconds after which PostgreSQL must be back.
_BACK = 60.0
#: Seconds of load before and after each restart.
_LOAD = 1.0
_CLIENTS = 2
#: What a client pauses between two requests, so that nobody is told that there are too many.
_PAUSE = 0.005
_AWAY = 503


@dataclass(slots=True)
class Client:
    """Reads and writes accounts of its own. ``possible``: user name → what its account may say (None: it may not be
    there), one value as soon as the answer is certain."""

    run: Run
    pair: Pair
    name: str
    possible: dict[str, set[str | None]] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    async def work(self, over: asyncio.Event) -> None:
        for number in takewhile(lambda _: not over.is_set(), count()):
            account = f"{self.name}-{number}@partner.example"
            self.run.strangers.add(account)
            await self.create(account)
            for value in range(3):
                await self.rename(account, f"{account} {value}")
                await self.look(account)
            if number % 3 == 0:
                await self.delete(account)
            await self.ask("GET", "/Groups", {200})

    async def create(self, name: str) -> None:
        self.possible[name] = {None}
        answer = await self._written(name, "first", "POST", "/Users", {"userName": name, "displayName": "first"})
        if answer is not None:
            self.ids[name] = answer["id"]

    async def rename(self, name: str, value: str) -> None:
        if name in self.ids:
            operations = [{"op": "replace", "path": "displayName", "value": value}]
            await self._written(name, value, "PATCH", f"/Users/{self.ids[name]}", {"Operations": operations})

    async def delete(self, name: str) -> None:
        if name in self.ids:
            await self._written(name, None, "DELETE", f"/Users/{self.ids[name]}")

    async def _written(self, name: str, value: str | None, method: str, path: str, body: Any = None) -> Any:
        """Write, and keep what is possible then; returns what came back, if anything."""
        self.possible[name].add(value)
        status, content = await self.ask(method, path, {200, 201, 204}, body)
        if status != _AWAY:
            self.possible[name] = {value}
        return content if status != _AWAY else None

    async def look(self, name: str) -> None:
        """What an account says must be possible. A doubt stays: what was read while PostgreSQL is being killed may be
        older than what it has written already, and finds again when it starts."""
        status, found = await self.ask("GET", "/Users", {200}, params={"filter": f'userName eq "{name}"'})
        if status == _AWAY:
            return
        said = [item["displayName"] for item in found["Resources"]]
        value = said[0] if said else None
        if len(said) > 1 or value not in self.possible[name]:
            raise Wrong(f"{name} says {said}, and what was acknowledged is {self.possible[name]}")
        if said:
            self.ids[name] = found["Resources"][0]["id"]

    async def ask(self, method: str, path: str, fine: set[int], body: Any = None, **more: Any) -> tuple[int, Any]:
        """An answer that is ``fine``, or 503. Raises Wrong for all others, and for none."""
        await asyncio.sleep(_PAUSE)
        started = time.monotonic()
        try:
            status, content = await self.pair.call(
                method, path, body, timeout=aiohttp.ClientTimeout(total=2 * HANGS), **more
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Wrong(f"{method} {path} had no answer: {type(error).__name__} {error}") from None
        seconds = time.monotonic() - started
        self.run.counts.answers[status] += 1
        self.run.counts.slowest = max(self.run.counts.slowest, seconds)
        if status not in fine | {_AWAY} or seconds > HANGS:
            raise Wrong(f"{method} {path} was answered {status} after {seconds:.1f} s: {content}")
        return status, content


async def outages(run: Run, restarts: int, progress: Progress = quiet, *, patience: float = 0) -> None:
    """Restart PostgreSQL ``restarts`` times under load. Raises Wrong.

    ``patience``: seconds in which the server's own cycles must go on; with 0 nobody waits for them.
    """
    told = Told(0, "PostgreSQL", run.everybody[0])
    with run.story(told):
        server = run.shop.server
        assert server is not None
        for people in run.everybody:
            await run.switch(people, "On")
        clients = [Client(run, people.pair, f"c{one}") for people in run.everybody for one in range(_CLIENTS)]
        async with _load(run, clients) as alive:
            for number in range(restarts):
                way = WAYS[number % len(WAYS)]
                await _under_load(alive)
                seconds = await _restart(run, way, alive)
                told.lines.append(f"{way}: back after {seconds:.1f} s")
                run.counts.restarts += 1
                progress(run)
            await _under_load(alive)
        if server.poll() is not None:
            raise Wrong(f"the server ended with {server.returncode}")
        for client in clients:
            for name in client.possible:
                await client.look(name)
    for people in run.everybody:
        told = Told(0, "PostgreSQL", people, told.lines)
        with run.story(told):
            await run.converged(told)
            if patience:
                await _goes_on(run, people, patience)
            await run.switch(people, "Off")
    run.head = await verified(run.shop, run.head)


async def _goes_on(run: Run, people: People, patience: float) -> None:
    """The server's own cycles, too, have survived: a change is provisioned by itself."""
    started = time.monotonic()
    await people.do(people.come())
    await run.idle(people, patience)
    run.counts.resumed = max(run.counts.resumed, time.monotonic() - started)
    await run.converged(Told(0, "PostgreSQL", people))


@asynccontextmanager
async def _load(run: Run, clients: list[Client]) -> AsyncIterator[Callable[[], None]]:
    """Clients and changes of the directory at work; what is given raises what has gone wrong with one of them."""
    over = asyncio.Event()
    tasks = [asyncio.create_task(client.work(over)) for client in clients]
    tasks += [asyncio.create_task(_changing(people, over)) for people in run.everybody]
    tasks += [asyncio.create_task(_healthy(run, over))]

    def alive() -> None:
        for task in tasks:
            if task.done():
                task.result()

    try:
        yield alive
        # What is under way comes to its end: of a change that was cancelled nobody would know whether it was made.
        over.set()
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _changing(people: People, over: asyncio.Event) -> None:
    while not over.is_set():
        await people.change()
        await asyncio.sleep(0.05)


async def _healthy(run: Run, over: asyncio.Event) -> None:
    """The process says that it lives all the time, and whether its database answers."""
    async with aiohttp.ClientSession(run.shop.url) as session:
        while not over.is_set():
            for path, fine in (("/healthz", {200}), ("/readyz", {200, _AWAY})):
                async with session.get(path) as response:
                    if response.status not in fine:
                        raise Wrong(f"GET {path} was answered {response.status}")
            await asyncio.sleep(0.05)


async def _under_load(alive: Callable[[], None]) -> None:
    deadline = time.monotonic() + _LOAD
    while time.monotonic() < deadline:
        alive()
        await asyncio.sleep(0.05)
    alive()


async def _restart(run: Run, way: str, alive: Callable[[], None]) -> float:
    """End the embedded server in one of the ways; returns how many seconds it is away."""
    postmaster = keeper.server(run.shop.folder)
    assert postmaster is not None
    started = time.monotonic()
    before = await _started(run)
    if way == "kill of a backend":
        await _kill_a_backend(run)
    else:
        number = {"fast shutdown": signal.SIGINT, "immediate shutdown": signal.SIGQUIT}.get(way, signal.SIGKILL)
        postmaster.send_signal(number)
    while await _started(run) == before:
        alive()
        if time.monotonic() - started > _BACK:
            raise Wrong(f"after a {way} PostgreSQL is not back within {_BACK:g} s")
        await asyncio.sleep(0.05)
    return time.monotonic() - started


async def _started(run: Run) -> Any:
    """When the server, or after the kill of a backend the whole of its memory, was started."""

    async def ask() -> Any:
        async with run.house.database.reading() as tx:
            row = await tx.fetchrow("select pg_postmaster_start_time(), (select stats_reset from pg_stat_wal)")
            return tuple(row)

    return await patiently(ask)


async def _kill_a_backend(run: Run) -> None:
    async with run.house.database.reading() as tx:
        number = await tx.fetchval(
            "select pid from pg_stat_activity where application_name = 'provisor' and pid <> pg_backend_pid() limit 1"
        )
    with contextlib.suppress(psutil.Error):
        psutil.Process(number).kill()
