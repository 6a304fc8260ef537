"""Applying: the plan's changes become requests, phase by phase and page by page.

Each page: promise what is sent (``preparing``; durable before the first request), send many requests at a time
(``sending``), then write links, outcomes and log rows in one transaction that checks the lease. While one page is being
sent the next ones are prepared and those before are written, so that the target is never waited for alone; but phases
come one after the other, and so do pages that have to do with the same objects. The pages of a large plan are handed
out (``sharing``), to this worker and to others that help it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

from provisor.connectors.base import Stopped, TargetError
from provisor.provisioning.guards import harmed
from provisor.storage.pool import AWAY
from provisor.sync.concurrency import ahead, gather
from provisor.sync.job import Job
from provisor.sync.lease import LeaseLost
from provisor.sync.preparing import Page, prepare
from provisor.sync.records import Cycle, Outcome, Planned
from provisor.sync.sending import Ending, Sender
from provisor.sync.sharing import Shares, Taken, Totals, objects_of

PAGE = 100
#: Pages that are worked on at a time, and the members that one may be about, unless it is a single row.
AT_ONCE = 3
MEMBERS = 5000
#: Rows of a plan that are worth the help of others.
SHARED = 2000
#: Seconds between two looks for a page while there is none to take.
_LOOK = 0.05
#: Called with the number of rows that are done, whoever did them.
Report = Callable[[int], None]


@dataclass(slots=True)
class Done:
    """What came of a plan so far, also when it is not finished.

    * ``harmed``: source ids (of strangers target ids) of those from whom something was taken;
    * ``keep_due``: objects of which the plan did a part only, so that they stay due;
    * ``only_opened``: references that were due before the plan stay due, because it was not made from them;
    * ``requests``: those that others sent who helped.
    """

    keep_due: frozenset[str] = frozenset()
    only_opened: bool = False
    failures: int = 0
    requests: int = 0
    harmed: set[str] = field(default_factory=set)

    def include(self, totals: Totals) -> None:
        """What came of all pages, whoever did them."""
        # Pages of this worker that were not done to their end are in its own count only.
        self.failures = max(self.failures, totals.failures)
        self.requests = totals.requests
        self.harmed |= totals.harmed


async def apply(job: Job, cycle: Cycle, epoch: int, report: Report, done: Done, rows: int) -> None:
    """Do the whole plan of so many ``rows``, keeping count in ``done``.

    Raises TargetError when the target refuses everybody or is not there, Stopped when somebody said so, LeaseLost when
    another worker took over.
    """
    opened = await job.ledger.open_references(epoch, cycle)
    applying = _Applying(job, cycle, epoch, report, done)
    if rows < SHARED or done.keep_due:
        await applying.run(_alone(applying))
    else:
        await _together(applying)
    if applying.ending.stopped:
        raise Stopped
    if applying.ending.failure is not None:
        raise applying.ending.failure
    await job.ledger.settle_references(epoch, cycle, opened if done.only_opened else None, done.keep_due)


async def help_with(job: Job, cycle: Cycle, epoch: int, shares: Shares) -> int:
    """Do pages of a cycle whose lease another worker has, until there are none; returns how many rows.

    Raises LeaseLost when the cycle is another one's by now, or this worker was not heard of. A target that answers this
    worker as if it were not there says nothing about the cycle: whoever holds the lease will see for itself.
    """
    applying = _Applying(job, cycle, epoch, lambda count: None, Done())
    await applying.run(_handed_out(applying, shares, leading=False))
    return applying.count


@dataclass(slots=True)
class _Applying:
    """A plan that is being done; ``running``: the pages that are being sent, with the objects that they are about;
    ``late``: accounts that were made and could not be written down."""

    job: Job
    cycle: Cycle
    epoch: int
    report: Report
    done: Done
    ending: Ending = field(default_factory=Ending)
    late: list[tuple[str, str, str]] = field(default_factory=list)
    count: int = 0
    sent: int = 0
    running: dict[asyncio.Task[None], frozenset[str]] = field(default_factory=dict)

    async def run(self, parts: AsyncIterator[_Part]) -> None:
        """Do all parts that may be done, in their order."""
        try:
            async with asyncio.TaskGroup() as group, contextlib.aclosing(parts):  # type: ignore[type-var]
                async for part in parts:
                    page = await prepare(self.job, self.cycle, self.epoch, part.rows)
                    self.running[group.create_task(self._send(page, part))] = part.objects
        except BaseExceptionGroup as several:
            await _take_back(self.job, self.late)
            raise several.exceptions[0] from None
        except asyncio.CancelledError:
            await _take_back(self.job, self.late)
            raise

    async def room(self, at_most: int, objects: frozenset[str] = frozenset()) -> None:
        """Wait until at most so many pages are being sent, and none about these objects."""
        while len(self.running) > at_most or any(objects & others for others in self.running.values()):
            await asyncio.wait(self.running, return_when=asyncio.FIRST_COMPLETED)
            self.forget()

    def since(self) -> int:
        """Requests that were sent since this was asked last."""
        sent, self.sent = self.job.target.requests - self.sent, self.job.target.requests
        return sent

    def forget(self) -> None:
        for task in [task for task in self.running if task.done()]:
            del self.running[task]

    async def _send(self, page: Page, part: _Part) -> None:
        """Send a page that was prepared, and write what came of it."""
        sender = Sender(self.job, page, self.ending)
        failures, taken = 0, set[str]()
        try:
            settled: list[Outcome] = await gather(sender.do(row) for row in page.rows)
            for row, outcome in zip(page.rows, settled, strict=True):
                outcome.settled = outcome.settled and outcome.source_id not in self.done.keep_due
                failures += outcome.status == "failure"
                if outcome.status == "success":
                    taken.update(harmed(row.change))
            self.done.failures += failures
            more = len(taken - self.done.harmed)
            self.done.harmed |= taken
            finished = await self.job.ledger.settle(self.epoch, self.cycle, settled, harmed=more)
            await part.settled(failures, taken)
        except (LeaseLost, asyncio.CancelledError):
            self.late += sender.made
            with contextlib.suppress(*AWAY):
                await self.job.ledger.doubt(self.epoch, page.sent)
            raise
        self.count += len(page.rows)
        self.report(finished)


@dataclass(slots=True)
class _Part:
    """What is prepared and sent together: a page, or a part ``of`` one that was handed out."""

    rows: list[Planned]
    objects: frozenset[str]
    of: _Page | None = None

    async def settled(self, failures: int, harmed: set[str]) -> None:
        if self.of is not None:
            await self.of.settled(failures, harmed)


@dataclass(slots=True)
class _Page:
    """A page that was handed out; ``open`` counts its parts that are not settled yet."""

    shares: Shares
    taken: Taken
    open: int
    #: Counts the requests of a helper, which nobody else does.
    count: Callable[[], int]
    failures: int = 0
    harmed: set[str] = field(default_factory=set)

    async def settled(self, failures: int, harmed: set[str]) -> None:
        self.open -= 1
        self.failures += failures
        self.harmed |= harmed
        if not self.open:
            await self.shares.done(self.taken, self.failures, self.harmed, self.count())


async def _alone(applying: _Applying) -> AsyncIterator[_Part]:
    phase = 0
    async with contextlib.aclosing(ahead(applying.job.ledger.planned(applying.cycle, PAGE))) as pages:
        async for rows in pages:
            for part in _parts(rows):
                change = part[0].change
                objects = frozenset(objects_of(part))
                await applying.room(0 if change.phase != phase else AT_ONCE - 1, objects)
                if applying.ending.reached:
                    return
                phase = change.phase
                yield _Part(part, objects)


async def _together(applying: _Applying) -> None:
    """Do what is handed out, to this worker or to others, until all of it is done."""
    job, done = applying.job, applying.done
    shares = job.ledger.shares(applying.cycle)
    await shares.open(applying.epoch, job.fingerprint)
    try:
        await applying.run(_handed_out(applying, shares, leading=True))
        await shares.close()
        while await shares.waiting():  # noqa: ASYNC110 (others are waited for, over the database)
            await asyncio.sleep(_LOOK)
        # This worker may have had nothing to send since somebody said so.
        applying.ending.stopped |= await job.ledger.stopping(applying.epoch)
    except BaseException:
        with contextlib.suppress(*AWAY):
            done.include(await shares.totals())
        raise
    else:
        done.include(await shares.totals())
    finally:
        job.governor.shared_by(1)
        with contextlib.suppress(*AWAY):
            await shares.clear()


async def _handed_out(applying: _Applying, shares: Shares, *, leading: bool) -> AsyncIterator[_Part]:
    while True:
        await applying.room(AT_ONCE - 1)
        if applying.ending.reached:
            return
        taken = await shares.take(PAGE)
        if isinstance(taken, Taken):
            applying.job.governor.shared_by(taken.workers)
            parts = list(_parts(taken.rows))
            page = _Page(shares, taken, len(parts), _nothing if leading else applying.since)
            for part in parts:
                objects = frozenset(objects_of(part))
                await applying.room(AT_ONCE - 1, objects)
                yield _Part(part, objects, page)
        elif taken == "closed":
            if leading:
                # Only this worker closes it: somebody else opened their own.
                raise LeaseLost
            return
        elif applying.running:
            await asyncio.wait(applying.running, return_when=asyncio.FIRST_COMPLETED)
            applying.forget()
        elif not leading or await shares.waiting() or taken == "busy":
            await asyncio.sleep(_LOOK)
        elif not await shares.turn():
            return


def _nothing() -> int:
    return 0


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
