"""One run: a directory that changes, a target that breaks, workers that die, and what must hold in the end.

Everything is drawn from the seed: who is there, what happens when, which kinds of faults this run has at all (a run
with all of them hides the bugs that need one). The engine is the real one, from intake to the last request; below it
are the ledger in memory, the directory and the service of this package, and time that is counted.

While it runs, every write that reaches the target is watched: nobody who was entitled all along is shut out, nobody who
had left is let in, nothing outside the scope is touched. Then faults stop and time goes on until nothing is due, and
everything is compared: the target is what the directory says, and another cycle writes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from math import inf
from random import Random
from typing import Any

from provisor.connectors.base import Stopped, TargetError
from provisor.expressions import Inputs
from provisor.provisioning.capabilities import Bulk, Capabilities
from provisor.provisioning.guards import Guard
from provisor.provisioning.policies import Policies
from provisor.provisioning.retries import POLICIES, Retries
from provisor.scim.wires import LEAN
from provisor.sync import applying, cycle
from provisor.sync.cycle import Asked, Result
from provisor.sync.helping import help_out
from provisor.sync.job import Job
from provisor.sync.lease import LeaseLost
from provisor.sync.schedule import due
from simulation.directory import Directory, Seen
from simulation.ledgers import InMemory, Ledgers
from simulation.loop import run
from simulation.right import Facts, Violation
from simulation.scenario import EXTERNAL, RULES, Scenario, scenario
from simulation.target import BASE, Faults, Item, Reached, Service

START = datetime(2026, 1, 1, tzinfo=UTC)
#: Seconds for which things break, and after that, for which everything must come right.
TROUBLE, PEACE = 1800.0, 4 * 86400.0
#: The most cycles that it takes when nothing breaks any more.
CYCLES = 200
INTERVAL = timedelta(minutes=30)
APPLICATION = "application"


class Killed(BaseException):
    """The process of a worker is not there any more."""


@dataclass(slots=True)
class Process:
    """A worker as long as it lives; ``paused_until`` holds back whatever it wants to do, ``began`` is when its cycle
    read the directory's head."""

    dead: bool = False
    paused_until: float = 0.0
    began: float = 0.0
    helper: bool = False


@dataclass(slots=True)
class World:
    """A run with ``seed``. ``story`` is what happened, one line each, kept when ``telling``."""

    seed: int
    scenario: Scenario | None = None
    telling: bool = False
    story: list[str] = field(default_factory=list)
    cycles: int = 0
    helped: int = 0
    requests: int = 0
    calls: int = 0
    #: What happens to whoever makes a call, and at which one.
    fuses: list[tuple[str, int]] = field(default_factory=list)
    make_ledgers: Callable[[Callable[[], datetime]], Ledgers] = InMemory
    random: Random = field(init=False)
    directory: Directory = field(init=False)
    service: Service = field(init=False)
    ledgers: Ledgers = field(init=False)
    troubled: bool = True
    processes: list[Process] = field(default_factory=list)
    facts: Facts = field(init=False)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.scenario = self.scenario or scenario(self.random)
        self.directory = Directory(Random(self.random.random()), self._told)
        self.service = Service(Random(self.random.random()), self._watch)
        self.service.faults = self.scenario.faults
        self.facts = Facts(self.directory, self.service)

    def run(self) -> None:
        """The whole run. Raises Violation."""
        with self.sharing():
            run(self._run())

    @contextmanager
    def sharing(self) -> Iterator[None]:
        """Small pages are handed out, one at a time, where there are helpers."""
        before = applying.SHARED, applying.PAGE, applying.AT_ONCE
        if self._scenario.helpers:
            applying.SHARED, applying.PAGE, applying.AT_ONCE = self._scenario.alone, 2, 1
        try:
            yield
        finally:
            applying.SHARED, applying.PAGE, applying.AT_ONCE = before

    # ── the engine's surroundings ────────────────────────────────────────────────────────────────────────────

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def moment(self) -> datetime:
        return START + timedelta(seconds=self.now())

    async def _io(self, process: Process, what: str) -> None:
        """A call takes a while, and whoever made it may be paused or dead by then."""
        await asyncio.sleep(self.random.random() * 0.02)
        if self.fuses and self.troubled:
            self._burn(process)
        if process.helper and self.troubled and self.random.random() < self._scenario.unlucky:
            self._strike(process, self.random.choice(["kill", "pause"]))
        if process.paused_until > self.now():
            await asyncio.sleep(process.paused_until - self.now())
        if process.dead:
            raise Killed

    def _around(self, process: Process) -> Callable[[str], Any]:
        rate = self._scenario.database

        @asynccontextmanager
        async def around(name: str) -> AsyncIterator[None]:
            await self._io(process, name)
            if self.troubled and self.random.random() < rate / 2:
                raise ConnectionResetError("the database is away")
            yield
            if name == "open":
                self.opened.set()
            await asyncio.sleep(0)
            if process.dead:
                raise Killed
            if self.troubled and self.random.random() < rate / 2:
                raise ConnectionResetError("the database answered and nobody heard it")

        return around

    @property
    def _scenario(self) -> Scenario:
        assert self.scenario is not None
        return self.scenario

    def ledger_of(self, process: Process) -> Any:
        """The one ledger, as ``process`` reaches it."""
        return self.ledgers.reached(self._around(process))

    @asynccontextmanager
    async def job(self, process: Process) -> AsyncIterator[Job]:
        async def io(what: str) -> None:
            await self._io(process, what)

        source = Seen(self.directory, io)
        process.began = self.now()
        as_of = await source.head()
        most = self._scenario.bulk
        target = Reached(self.service, io, bulk=Bulk(most, 1 << 20) if most else None)
        yield Job(
            application=APPLICATION,
            name="Simulated",
            rules=RULES,
            capabilities=Capabilities(),
            all_objects=False,
            source=source,
            target=target,
            ledger=self.ledger_of(process),
            as_of=as_of,
            inputs=Inputs({}, START, Random(0), domain="contoso.com"),
            guard=Guard(0, 0),
            policies=Policies(drift={"*": "overwrite"}, full_hours=24 if self._scenario.compares else 0),
            retries=Retries(POLICIES["provisor"], self.random.random),
            wire=LEAN,
            address=BASE,
        )
        self.requests += target.requests

    async def cycle(self, process: Process, asked: Asked) -> Result:
        self.cycles += 1
        result = await cycle.run(self.ledger_of(process), lambda: self.job(process), lambda *_: None, asked)
        if self.telling:
            said = f"{result.cycle.kind} {result.status} {dict(result.counts)} {result.error or ''}"
            self._told(f"cycle {result.cycle.number} {said}")
        return result

    # ── what happens ─────────────────────────────────────────────────────────────────────────────────────────

    async def _run(self) -> None:
        self.ledgers = self.make_ledgers(self.moment)
        self._people()
        actors = [self._worker(number) for number in range(self._scenario.workers)]
        actors += [self._helper() for _ in range(self._scenario.helpers)]
        actors += [self._changes(), self._kills(), self._drift(), self._outages()]
        tasks = [asyncio.create_task(actor) for actor in actors]
        try:
            await asyncio.sleep(TROUBLE)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            self.troubled = False
            self._end_processes()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self.service.faults = replace(Faults(), page=self._scenario.faults.page)
        self.service.away_until = self.service.refusing_until = 0.0
        self._told("peace")
        await self._settle()
        compares, ledger = self._scenario.compares, self.ledger_of(Process())
        matched = await ledger.known(sorted(set(self.facts.adoptable.values())))
        self.facts.check(
            await ledger.known(sorted(self.facts.deleted)) if compares else None,
            {found.target_id for found in matched.values() if found.linked and found.target_id},
        )
        await self._again()

    def _people(self) -> None:
        for _ in range(self._scenario.people):
            self.directory.hire(assigned=self.random.random() < 0.85)
        for _ in range(2):
            self.directory.found()
        if self._scenario.strangers:
            people = list(self.directory.people.values())
            taken = people[0].upn
            for body in (
                {"userName": taken, EXTERNAL: "somebody else's", "displayName": "Other", "active": True},
                {"userName": "local@contoso.com", "displayName": "Local", "active": True},
            ):
                item = self.service.add("User", body)
                self.facts.foreign[item.id] = dict(body)
            if len(people) > 2:
                old = self.service.add("User", {"userName": people[1].upn, "displayName": "Old", "active": True})
                self.facts.adoptable[old.id] = people[1].id
        self.facts.entitle(0.0)

    async def _changes(self) -> None:
        for _ in range(self._scenario.changes):
            await asyncio.sleep(self.random.random() * 2 * (TROUBLE * 0.95) / self._scenario.changes)
            self.directory.anything(self._scenario.weights)

    async def _worker(self, number: int) -> None:
        """A process that runs cycles when they are due, is started again when it dies, and survives what breaks."""
        while self.troubled:
            process = Process()
            self.processes.append(process)
            broken = 0
            try:
                while True:
                    await asyncio.sleep(2 + self.random.random() * 6)
                    if process.dead:
                        break
                    reason = due(await self.ledgers.standing(self.directory.seq), INTERVAL)
                    if reason is None:
                        continue
                    try:
                        await self.cycle(process, Asked(backed_off=False, quick=reason == "change"))
                        broken = 0
                    except (OSError, LeaseLost, Stopped) as error:
                        broken += 1
                        self._told(f"worker {number}: {type(error).__name__}")
                        await asyncio.sleep(min(2.0**broken, 60))
            except Killed:
                pass
            self._told(f"worker {number} is started again")

    async def _helper(self) -> None:
        """A process that helps with every cycle that hands out pages."""
        while self.troubled:
            # Whoever helps with nothing has read nothing.
            process = Process(helper=True, began=inf)
            self.processes.append(process)
            with contextlib.suppress(Killed):
                while not process.dead:
                    await self.opened.wait()
                    await asyncio.sleep(self.random.random() * 0.05)
                    self.opened.clear()
                    wanted = await self.ledgers.wanted()
                    if wanted is None:
                        continue
                    try:
                        rows = await help_out(partial(self.job, process), wanted)
                        self.helped += rows or 0
                        self._told(f"helped with {rows} rows")
                    except (OSError, LeaseLost, Stopped, TargetError) as error:
                        self._told(f"help ended: {type(error).__name__}")
                    process.began = inf

    def _end_processes(self) -> None:
        for process in self.processes:
            process.dead = True

    async def _kills(self) -> None:
        """Whoever makes the so-and-so-many-th call from now dies of it, or stands still for a while."""
        events = ["kill"] * self._scenario.crashes + ["pause"] * self._scenario.pauses
        self.random.shuffle(events)
        for event in events:
            await asyncio.sleep(self.random.random() * 2 * TROUBLE / (len(events) + 1))
            self.fuses.append((event, self.calls + self.random.randint(1, 60)))

    def _burn(self, process: Process) -> None:
        self.calls += 1
        for event, call in [fuse for fuse in self.fuses if fuse[1] <= self.calls]:
            self.fuses.remove((event, call))
            self._strike(process, event)

    def _strike(self, process: Process, event: str) -> None:
        who = "helper: " if process.helper else ""
        if event == "kill":
            process.dead = True
            self._told(f"{who}kill")
        else:
            process.paused_until = self.now() + self.random.choice([3.0, 20.0, 60.0])
            self._told(f"{who}pause for {process.paused_until - self.now():.0f} s")

    async def _outages(self) -> None:
        for _ in range(self._scenario.outages + self._scenario.revoked):
            await asyncio.sleep(self.random.random() * TROUBLE / 2)
            until = self.now() + self.random.choice([5.0, 60.0, 400.0])
            if self.random.random() * (self._scenario.outages + self._scenario.revoked) < self._scenario.outages:
                self._told("the target is away")
                self.service.away_until = until
            else:
                self._told("the token is refused")
                self.service.refusing_until = until

    async def _drift(self) -> None:
        """Administrators of the target change and delete things by hand."""
        for _ in range(self._scenario.drift):
            await asyncio.sleep(self.random.random() * 2 * TROUBLE / (self._scenario.drift + 1))
            items = [item for item in self.service.items.values() if item.id not in self.facts.foreign]
            if not items:
                continue
            item, what = self.random.choice(items), self.random.random()
            if what < 0.3 and item.kind == "User":
                item.body = {**item.body, "displayName": f"by hand {self.now():.0f}"}
            elif what < 0.3 and await self._is_linked(item):
                # One that is not linked yet would not be known for ours any more, and rightly so.
                item.body = {**item.body, EXTERNAL: f"by hand {self.now():.0f}"}
            elif what < 0.6 and item.kind == "User":
                item.body = {**item.body, "active": not item.active}
            elif what < 0.75:
                self.service.forget(item)
                self.facts.deleted.add(item.owner or self.facts.adoptable.get(item.id, ""))
            elif item.kind == "User":
                self.facts.led[item.id] = self.random.choice(self.service.accounts()).id
                item.lead(self.facts.led[item.id])
            else:
                item.members ^= {self.random.choice(self.service.accounts()).id} if self.service.accounts() else set()
            self._told(f"by hand: {item.kind} {item.body} {what:.2f}")

    async def _is_linked(self, item: Item) -> bool:
        known = await self.ledgers.reached(lambda name: nullcontext()).known([item.owner] if item.owner else [])
        return any(found.linked for found in known.values())

    async def _settle(self) -> None:
        """Cycles as they come due, until nothing is; then a full comparison, and again until nothing is."""
        process = Process()
        end, cycles, compared = self.now() + PEACE, 0, False
        await asyncio.sleep(20)
        while True:
            row = await self.ledgers.standing(self.directory.seq)
            reason = due(row, timedelta(days=365))
            if reason is not None:
                cycles += 1
                if cycles > CYCLES:
                    raise Violation(f"after {cycles} cycles without faults something is still to be done")
                await self.cycle(process, Asked(backed_off=False, quick=reason == "change"))
                continue
            wait = await self.ledgers.next_try()
            if row["resting"] or row["quarantine"] or row["refused"]:
                await asyncio.sleep(60)
            elif wait is not None and self.now() + wait < end and not (compared and wait > 86400):
                await asyncio.sleep(wait + 0.5)
            elif not compared:
                await asyncio.sleep(25 * 3600)
                compared = True
                result = await self.cycle(process, Asked(backed_off=False))
                if result.cycle.kind == "incremental" and self._scenario.compares:
                    raise Violation("a day later nothing was compared")
            else:
                return

    async def _again(self) -> None:
        writes = self.service.writes
        self._told("once more")
        result = await self.cycle(Process(), Asked())
        if self.service.writes != writes or not result.empty:
            raise Violation(f"another cycle does something: {dict(result.counts)}")

    # ── what is told ─────────────────────────────────────────────────────────────────────────────────────────

    def _told(self, what: str) -> None:
        try:
            now = self.now()
        except RuntimeError:
            now = 0.0
        self.facts.entitle(now)
        if self.telling:
            self.story.append(f"{now:9.2f}  {what}")

    def _watch(self, method: str, item: Item | None, after: Mapping[str, Any]) -> None:
        """A write has reached the target."""
        if self.telling:
            self.story.append(f"{self.now():9.2f}      {method} {item.id if item else ''} {dict(after)}")
        began = min((process.began for process in self.processes if not process.dead), default=0.0)
        self.facts.watch(method, item, after, began if self.troubled else None, self.now())
