"""Applying: the plan's changes become requests, phase by phase and page by page.

Each page: promise what is sent (``preparing``; durable before the first request), send many requests at a time
(``sending``), then write links, outcomes and log rows in one transaction that checks the lease. While one page is being
sent the next ones are prepared and those before are written, so that the target is never waited for alone; but phases
come one after the other, and so do pages that have to do with the same objects.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from provisor.connectors.base import Stopped, TargetError
from provisor.provisioning.guards import harmed
from provisor.storage.pool import AWAY
from provisor.sync.concurrency import ahead, gather
from provisor.sync.job import Job
from provisor.sync.ledger import LeaseLost
from provisor.sync.preparing import Page, prepare
from provisor.sync.records import Cycle, Outcome, Planned
from provisor.sync.sending import Ending, Sender

PAGE = 100
#: Pages that are worked on at a time, and the members that one may be about, unless it is a single row.
AT_ONCE = 3
MEMBERS = 5000
#: Called with the number of rows that are done.
Report = Callable[[int], None]


@dataclass(slots=True)
class Done:
    """What came of a plan so far, also when it is not finished.

    * ``harmed``: source ids (of strangers target ids) of those from whom something was taken;
    * ``keep_due``: objects of which the plan did a part only, so that they stay due;
    * ``only_opened``: references that were due before the plan stay due, because it was not made from them.
    """

    keep_due: frozenset[str] = frozenset()
    only_opened: bool = False
    failures: int = 0
    harmed: set[str] = field(default_factory=set)


async def apply(job: Job, cycle: Cycle, epoch: int, report: Report, done: Done) -> None:
    """Do the whole plan, keeping count in ``done``.

    Raises TargetError when the target refuses everybody or is not there, Stopped when somebody said so, LeaseLost when
    another worker took over.
    """
    opened = await job.ledger.open_references(epoch, cycle)
    ending = Ending()
    late: list[tuple[str, str, str]] = []
    try:
        async with asyncio.TaskGroup() as group:
            await _pages(_Applying(job, cycle, epoch, report, done, ending, late, group))
    except BaseExceptionGroup as several:
        await _take_back(job, late)
        raise several.exceptions[0] from None
    except asyncio.CancelledError:
        await _take_back(job, late)
        raise
    if ending.stopped:
        raise Stopped
    if ending.failure is not None:
        raise ending.failure
    await job.ledger.settle_references(epoch, cycle, opened if done.only_opened else None, done.keep_due)


@dataclass(slots=True)
class _Applying:
    """A plan that is being done; ``running``: the pages that are being sent, with the objects that they are about;
    ``late``: accounts that were made and could not be written down."""

    job: Job
    cycle: Cycle
    epoch: int
    report: Report
    done: Done
    ending: Ending
    late: list[tuple[str, str, str]]
    group: asyncio.TaskGroup
    count: int = 0
    running: dict[asyncio.Task[None], frozenset[str]] = field(default_factory=dict)

    async def room(self, phase_ends: bool, objects: frozenset[str]) -> None:
        """Wait until a page about these objects may be sent."""
        while self.running and (
            phase_ends or len(self.running) >= AT_ONCE or any(objects & others for others in self.running.values())
        ):
            await asyncio.wait(self.running, return_when=asyncio.FIRST_COMPLETED)
            for task in [task for task in self.running if task.done()]:
                del self.running[task]

    async def send(self, page: Page) -> None:
        """Send a page that was prepared, and write what came of it."""
        sender = Sender(self.job, page, self.ending)
        try:
            settled: list[Outcome] = await gather(sender.do(row) for row in page.rows)
            for row, outcome in zip(page.rows, settled, strict=True):
                outcome.settled = outcome.settled and outcome.source_id not in self.done.keep_due
                self.done.failures += outcome.status == "failure"
                if outcome.status == "success":
                    self.done.harmed.update(harmed(row.change))
            await self.job.ledger.settle(self.epoch, self.cycle, settled, harmed=len(self.done.harmed))
        except (LeaseLost, asyncio.CancelledError):
            self.late += sender.made
            with contextlib.suppress(*AWAY):
                await self.job.ledger.doubt(self.epoch, page.sent)
            raise
        self.count += len(page.rows)
        self.report(self.count)


async def _pages(applying: _Applying) -> None:
    phase = 0
    async with contextlib.aclosing(ahead(applying.job.ledger.planned(applying.cycle, PAGE))) as pages:
        async for rows in pages:
            for part in _parts(rows):
                change = part[0].change
                objects = frozenset(_objects(part))
                await applying.room(change.phase != phase, objects)
                if applying.ending.reached:
                    return
                phase = change.phase
                page = await prepare(applying.job, applying.epoch, part)
                applying.running[applying.group.create_task(applying.send(page))] = objects


async def _take_back(job: Job, late: list[tuple[str, str, str]]) -> None:
    """Delete accounts that were made after another worker had taken over, and whose people have one from that worker.

    This one was paused between its last look at the lease and the request. Nobody knows of these accounts but who made
    them, and the other worker may have changed its own so that the names did not collide.
    """
    if not late:
        return
    with contextlib.suppress(*AWAY):
        accounts = await job.ledger.accounts([source_id for _, source_id, _ in late])
        job.target.before_each(_unchecked)
        for object_type, source_id, made in late:
            # It may have been found meanwhile, and be somebody else's.
            if accounts.get(source_id, made) != made and not await job.ledger.holders(object_type, [made]):
                with contextlib.suppress(TargetError):
                    await job.target.send(job.wire.delete(object_type, made))


async def _unchecked(_: bool) -> None:
    """The lease is lost, and what is taken back is no longer under it."""


def _objects(rows: list[Planned]) -> Iterator[str]:
    """The source ids that these rows are about."""
    for row in rows:
        yield row.change.source_id
        if row.change.releases is not None:
            yield row.change.releases


def _parts(rows: list[Planned]) -> Iterator[list[Planned]]:
    """The rows in order, cut where there are too many members for one statement."""
    part: list[Planned] = []
    members = 0
    for row in rows:
        members += len(row.change.members)
        if part and members > MEMBERS:
            yield part
            part, members = [], len(row.change.members)
        part.append(row)
    if part:
        yield part
