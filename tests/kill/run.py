"""Killing at many points of a cycle, round by round.

In each round the directory changes, a cycle begins, and somebody gets SIGKILL at a moment drawn over the length of a
cycle: the worker that runs it, the server that runs it and is its target too, or only the target, under a worker's
cycle; now and then twice. Then it is started again. The lease of one that was killed counts for 15 seconds: mostly the
harness lets it run out at once, sometimes it is waited for. Three cycles later nothing may be left to do, and
everything must be right.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from subprocess import Popen
from typing import Final, Literal, TypeAlias

from installation import Installation, installation
from kill.directory import Wrong
from kill.people import People
from kill.right import ENTERPRISE, differences, verified
from kill.victims import PATIENCE, Victims, Watch, nothing_left
from pair import Pair
from provisor import compose
from provisor.compose import House
from provisor.config import load
from provisor.directory import applications
from provisor.provisioning import edit as mappings
from provisor.storage.queries import queries
from provisor.sync import control
from provisor.sync.schedule import due

KINDS: Final = ("worker", "server", "target")
PROFILES: Final = ("databricks", "standard")
#: Cycles after which nothing may be left to do.
CYCLES: Final = 3
#: Changes, and lines of the server's log, that a story shows: the last ones.
_SHOWN, _LOGGED = 50, 10
#: The share of kills after which the lease is waited for, and of those that come twice.
_WAITED, _TWICE = 0.06, 0.25
#: From where the delay of a kill is counted, and how often: mostly from the cycle, of which the smallest part is long.
_MARKS: Final = {"start": 1, "lease": 2, "cycle": 7}
#: The fewest and most changes of the directory before a cycle.
_CHANGES: Final = (8, 30)
#: Rounds between two initial cycles that compare everything and must find nothing.
_COMPARED_EVERY = 20
#: Seconds in which a process comes to its cycle.
_START = 1.5


#: Called after each round and each restart.
Progress: TypeAlias = "Callable[[Run], None]"


def quiet(_: Run) -> None:
    """Progress that nobody watches."""


@dataclass(slots=True)
class Told:
    """The story of a round, for whoever has to find out what went wrong in it."""

    number: int
    kind: str
    people: People
    lines: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        profile = "databricks" if self.people.pair.workspace.databricks else "standard"
        changes = "".join(f"\n    {line}" for line in self.people.told[-_SHOWN:])
        return f"round {self.number}, {self.kind}, {profile}; changes:{changes}\n  {'; '.join(self.lines)}"


@dataclass(slots=True)
class Counts:
    kills: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    restarts: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    cycles: int = 0
    slowest: float = 0.0
    #: Seconds after which the server's own cycles went on after an outage.
    resumed: float = 0.0

    @property
    def hits(self) -> int:
        """Kills in a running cycle."""
        return self.kills.total() - self.stages["before"] - self.stages["after"]

    def __str__(self) -> str:
        kinds = ", ".join(f"{kind} {number}" for kind, number in sorted(self.kills.items()))
        stages = ", ".join(f"{stage} {number}" for stage, number in sorted(self.stages.items()))
        answers = ", ".join(f"{number} × {status}" for status, number in sorted(self.answers.items()))
        return (
            f"{self.kills.total()} kills ({kinds}), {self.hits} of them hit a running cycle ({stages}); {self.rounds} "
            f"rounds, at most {self.cycles} cycles until nothing was left to do; {self.restarts} restarts of "
            f"PostgreSQL ({answers or 'no requests'}; the slowest {self.slowest:.1f} s), after which the server's own "
            f"cycles went on within {self.resumed:.0f} s"
        )


@dataclass(slots=True)
class Run:
    """One installation with a directory and a workspace of each profile, and what has been done to it."""

    shop: Installation
    house: House
    victims: Victims
    seed: int
    chance: random.Random
    everybody: list[People]
    #: Seconds of an undisturbed cycle from each mark on, by who runs it.
    lengths: dict[str, dict[str, float]]
    #: The share of kills after which the lease is waited for.
    waited: float
    counts: Counts = field(default_factory=Counts)
    #: Accounts that others made, by user name.
    strangers: set[str] = field(default_factory=set)
    head: str | None = None

    @classmethod
    @asynccontextmanager
    async def opened(cls, seed: int, *, waited: float = _WAITED) -> AsyncIterator[Run]:
        """Everything made, filled and provisioned once; all of it gone at the end."""
        with installation() as shop:
            victims = Victims(shop)
            try:
                await asyncio.to_thread(shop.run, "init")
                await victims.serve()
                async with compose.opened(load({"data": shop.folder})) as house:
                    everybody = [await _filled(shop, house, profile, seed) for profile in PROFILES]
                    run = cls(shop, house, victims, seed, random.Random(seed), everybody, {}, waited)
                    try:
                        await run._measure()
                        yield run
                    finally:
                        for people in everybody:
                            await people.pair.close()
            finally:
                victims.end()

    async def kills(self, count: int, progress: Progress = quiet, *, twice: float = _TWICE) -> None:
        """Kill until ``count`` running cycles were hit. Raises Wrong with the round's story.

        ``twice``: the share of rounds with two kills.
        """
        while (left := count - self.counts.hits) > 0:
            number = self.counts.rounds
            people = self.everybody[number % len(self.everybody)]
            told = Told(number, KINDS[number % len(KINDS)], people)
            with self.story(told):
                await self._round(told, 2 if left > 1 and self.chance.random() < twice else 1)
                if number % _COMPARED_EVERY == _COMPARED_EVERY - 1:
                    await self.compare()
            self.counts.rounds += 1
            progress(self)
        await self.compare()

    @contextmanager
    def story(self, told: Told) -> Iterator[None]:
        """Whatever goes wrong inside is raised as Wrong with the story."""
        told.people.told.clear()
        try:
            yield
        except Exception as error:
            logged = "".join(f"\n    {line}" for line in self._complaints())
            raise Wrong(
                f"seed {self.seed}, {told}\n  {type(error).__name__}: {error}\n  the server:{logged}"
            ) from error

    def _complaints(self) -> list[str]:
        """The last lines of the server's log that are no requests."""
        lines = (self.shop.folder.parent / "server.log").read_text(errors="replace").splitlines()
        told = [line[:400] for line in lines if line.startswith("{") and '"event":"request"' not in line]
        return told[-_LOGGED:]

    async def _round(self, told: Told, times: int) -> None:
        people, watch = told.people, Watch(told.people.pair)
        for _ in range(self.chance.randint(*_CHANGES)):
            await people.change()
        if self.chance.random() < 0.1:
            told.lines.append("restarted")
            await people.pair.restart()
        if told.kind == "server":
            await self.switch(people, "On")
        for number in range(times):
            if number:
                # A cycle that had come to its end leaves nothing for the next one to do.
                await self._changes(people, _CHANGES[0])
            await self._kill(told, watch)
        if told.kind == "server":
            await self.idle(people)
        await self.converged(told, own=told.kind == "worker")
        self.counts.cycles = max(self.counts.cycles, await watch.cycles())
        if told.kind == "server":
            await self.switch(people, "Off")
        self.head = await verified(self.shop, self.head)

    async def _kill(self, told: Told, watch: Watch) -> None:
        """Have a cycle begin, kill somebody in it, and start the server again."""
        await watch.begin()
        process = self.shop.server if told.kind == "server" else self.victims.worker(told.people.pair)
        assert process is not None
        (mark,) = self.chance.choices(list(_MARKS), list(_MARKS.values()))
        if told.kind == "server" and mark == "start":
            mark = "lease"
        delay = self.chance.uniform(0, _START if mark == "start" else self.lengths[told.kind][mark])
        if mark != "start":
            await watch.reached(process, mark)
        # The directory does not stand still while a cycle runs.
        meanwhile = asyncio.create_task(self._changes(told.people, self.chance.choice((0, 0, 1, 2))))
        await asyncio.sleep(delay)
        if told.kind == "worker":
            await self.victims.kill_worker(process)
        else:
            await self.victims.kill_server()
        await meanwhile
        stage = await watch.stage()
        told.lines.append(f"killed {delay * 1000:.0f} ms after the {mark}: {stage}")
        self.counts.kills[told.kind] += 1
        self.counts.stages[stage] += 1
        if mark != "start":
            # The machine is not equally fast all the time.
            self.lengths[told.kind][mark] *= 0.85 if stage == "after" else 1.02
        if told.kind == "target":
            await self._outlived(told, process)
        else:
            await self._expire(told, watch)
        # What was done before the last kill is not counted as what it took to mend it.
        await watch.begin()
        if told.kind == "server":
            await self.victims.serve()

    async def _outlived(self, told: Told, worker: Popen[str]) -> None:
        """The worker of a cycle whose target was killed ends by itself; the target comes back before that, or after."""
        soon = self.chance.random() < 0.5
        if soon:
            await self.victims.serve()
        ended = await self.victims.ended(worker)
        told.lines.append(
            f"the target came back {'during' if soon else 'after'} the cycle, which ended with {ended.code}"
        )
        nothing_left(ended)
        if not soon:
            await self.victims.serve()

    async def _expire(self, told: Told, watch: Watch) -> None:
        if self.chance.random() < self.waited:
            told.lines.append("the lease runs out by itself")
        else:
            await watch.expire()

    async def _changes(self, people: People, count: int) -> None:
        for _ in range(count):
            await people.change()

    # ── until all is right ───────────────────────────────────────────────────────────────────────────────────

    async def converged(self, told: Told, *, own: bool = False) -> None:
        """A few cycles later nothing is left to do, and all is right. ``own``: the first in a process of its own."""
        for number in range(CYCLES):
            ended = await self.victims.sync(told.people.pair, own=own and number == 0)
            if nothing_left(ended):
                break
        else:
            raise Wrong(f"after {CYCLES} cycles something is left to do: {ended.out} {ended.err}")
        found = await differences(told.people, self.strangers)
        if found:
            raise Wrong("\n    ".join(["what differs:", *found]))

    async def idle(self, people: People, patience: float = PATIENCE) -> None:
        """Returns once the server has no cycle to run for this application."""
        deadline = time.monotonic() + patience
        while True:
            async with self.house.database.reading() as tx:
                rows = await tx.fetch(queries("applications").running, people.pair.application)
                held = await tx.fetchval(
                    "select lease_until > now() from sync_job where application = $1", people.pair.application
                )
            if not held and not any(due(row, timedelta(minutes=30)) for row in rows):
                return
            if time.monotonic() > deadline:
                raise Wrong(f"after {patience:g} s the server's cycles have not come to an end")
            await asyncio.sleep(0.05)

    async def compare(self) -> None:
        """An initial cycle reads every account, and finds nothing to do."""
        for people in self.everybody:
            await people.pair.restart()
            ended = await self.victims.sync(people.pair)
            if not nothing_left(ended):
                raise Wrong(f"a comparison finds something to do: {ended.out} {ended.err}")

    async def switch(self, people: People, status: Literal["On", "Off"]) -> None:
        async with people.pair.edit() as work:
            await control.switch(work, people.pair.application, status)

    async def _measure(self) -> None:
        """How long a cycle takes that nobody disturbs."""
        for kind, people in zip(("worker", "server"), self.everybody, strict=True):
            watch = Watch(people.pair)
            await self._changes(people, sum(_CHANGES) // 2)
            await watch.begin()
            if kind == "server":
                assert self.shop.server is not None
                await self.switch(people, "On")
                self.lengths[kind] = await watch.lengths(self.shop.server)
                await self.idle(people)
                await self.switch(people, "Off")
            else:
                worker = self.victims.worker(people.pair)
                self.lengths[kind] = await watch.lengths(worker)
                await self.victims.ended(worker)
        self.lengths["target"] = dict(self.lengths["worker"])


async def _filled(shop: Installation, house: House, profile: str, seed: int) -> People:
    """A directory and the workspace that it provisions, managers included where the workspace keeps them."""
    pair = await Pair.make(shop, house, profile=profile)
    async with pair.edit() as work:
        # People come and go here all day long: the guard would hold that, and is tested elsewhere.
        before = await applications.locked(work, pair.application)
        await applications.save(work, before, applications.with_guard(before, percent=0, most=0), "no guard")
    if profile == "standard":
        await pair.mapping(
            lambda document: mappings.add_mapping(document, "User", f"{ENTERPRISE}:manager", attribute="manager")
        )
    people = People(pair, seed)
    await people.fill()
    await pair.sync()
    return people
