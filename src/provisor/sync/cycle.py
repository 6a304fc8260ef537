"""One cycle, or the dry run of one: lease, intake, probe, plan, apply, end.

A dry run takes no lease and sends nothing but GET; the cycle after it plans the same from the same state. The lease
is kept by a heartbeat; when it is lost, everything under way is cancelled, and the fence keeps what is left from being
written.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from provisor.connectors.base import SourceChange, Stopped, TargetError
from provisor.provisioning.guards import verdict
from provisor.provisioning.plan import Plan
from provisor.provisioning.retries import LONGEST_REST
from provisor.provisioning.retries import verdict as failing
from provisor.provisioning.schema import OBJECT_TYPES
from provisor.sync.answers import probe
from provisor.sync.applying import Done, apply
from provisor.sync.intake import intake
from provisor.sync.job import Job
from provisor.sync.lease import LeaseLost, holder
from provisor.sync.ledger import Ledger
from provisor.sync.planning import Only, Planning, plan_objects
from provisor.sync.records import Cycle, JobState, Kind, Mode
from provisor.sync.references import plan_references
from provisor.sync.revert import plan_revert
from provisor.sync.stopping import Stop
from provisor.sync.telling import told

LEASE_SECONDS = 15.0
BEAT_SECONDS = 4.0
WAIT_SECONDS = 0.5
#: Rows of a plan that change what the database knows of its tables.
_MANY = 1000

MOVED = "source or target moved since the plan was made, so nothing was sent: make another plan"
STOP = "an administrator stopped it; what was not sent is done by the next cycle"
#: Called with the stage (planning, applying), how much is done and of how much (None while it is not known).
Report = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a cycle or a dry run.

    * ``counts`` by action, ``kinds`` by action and object type;
    * ``requests``: writes that the plan takes; ``sent``: every request, reads and the probe included;
    * ``status``: planned, done, or quarantined with ``error`` (the target refuses or is not there, the guard holds the
      plan, or too many objects fail), failed, or stopped by an administrator;
    * ``held``: why the guard holds it, or would; ``rest``: it ended because the target wants to be left in peace.
    """

    cycle: Cycle
    status: Literal["planned", "done", "quarantined", "failed", "stopped"]
    hash: str
    counts: Mapping[str, int]
    kinds: Mapping[str, int]
    requests: int
    sent: int
    seconds: float
    failures: int = 0
    error: str | None = None
    empty: bool = True
    held: str | None = None
    rest: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody, or the clock, asks of a cycle.

    * ``backed_off``: also those whose next try is not due yet;
    * ``release``: how the hash of the plan begins that the guard lets through;
    * ``promised``: the hash of the only plan that may be done;
    * ``only``: these and nobody else, on demand; ``full``: every account is compared; ``revert``: the number of a cycle
      that is undone;
    * ``quick``: something changed, and what the last cycle proved of the target is taken as proven.
    """

    backed_off: bool = True
    release: str | None = None
    promised: str | None = None
    only: Only | None = None
    full: bool = False
    revert: int | None = None
    quick: bool = False

    @property
    def keep_due(self) -> frozenset[str]:
        """Groups of which only some members are looked at: what else there is to do for them stays due."""
        return frozenset(self.only.groups) if self.only is not None and self.only.members is not None else frozenset()

    @property
    def order(self) -> tuple[str, Mapping[str, Any]] | None:
        """What somebody has to answer for, for the audit log; None for what cycles do by themselves."""
        if self.only is not None:
            return "provision on demand", {"users": list(self.only.users), "groups": list(self.only.groups)}
        if self.revert is not None:
            return "revert cycle", {"cycle": self.revert, "hash": self.promised}
        if self.promised is not None:
            return "approve plan", {"hash": self.promised, "released": self.release is not None}
        return ("release plan", {"hash": self.release}) if self.release is not None else None

    @property
    def kind(self) -> Kind | None:
        """The kind of cycle that is asked for; None for the one that it is time for."""
        if self.revert is not None:
            return "revert"
        return "on demand" if self.only is not None else "full" if self.full else None


@dataclass(slots=True)
class _Run:
    """What is true so far of a cycle that may end at any point."""

    cycle: Cycle
    plan: Plan = field(default_factory=Plan)
    failures: int = 0
    helped: int = 0
    comparing: bool = False
    #: The initial cycle that is due puts right all that differs.
    forced: bool = False
    proven: bool = False
    held: str | None = None
    harmed: set[str] = field(default_factory=set)
    released: bool = False
    restored: datetime | None = None


async def dry_run(job: Job, report: Report, asked: Asked | None = None, *, everything: bool = False) -> Result:
    """What the next cycle, or one of which this is ``asked``, would do. Raises TargetError when the target cannot be
    asked.

    ``everything``: as if all were to be looked at again, which is what a job with rules that are not saved yet needs.
    """
    started = _seconds()
    asked = asked or Asked()
    kind: Kind | None = "initial" if everything else asked.kind
    run = await _begin(job, "plan" if kind is None else "draft", kind)
    try:
        await _plan(job, run, asked, report, everything=everything)
        run.held = await _verdict(job, run)
    except TargetError as error:
        await _end(job, run, "failed", error=str(error))
        raise
    await _end(job, run, "planned", error=_sentence(job, run, asked) if run.held is not None else None)
    return _result(job, run, "planned", started)


async def run(
    ledger: Ledger,
    load: Callable[[], AbstractAsyncContextManager[Job]],
    report: Report,
    asked: Asked,
    *,
    waiting: Callable[[], None] = lambda: None,
) -> Result:
    """A cycle, now; waits for one that is running (``waiting`` is called once then).

    ``load`` makes the job, once the lease is held: whatever was configured while it was waited for counts.
    """
    epoch = await _lease(ledger, waiting)
    try:
        async with load() as job:
            return await _kept(ledger, epoch, _cycle(job, epoch, report, asked))
    finally:
        await ledger.give_back(epoch)


async def _cycle(job: Job, epoch: int, report: Report, asked: Asked) -> Result:
    started = _seconds()
    run = await _begin(job, "cycle", asked.kind, asked.only, quick=asked.quick)
    with told(run.cycle) as tell:
        result = await _through(job, run, epoch, report, asked, started)
        tell(result)
        return result


async def _through(job: Job, run: _Run, epoch: int, report: Report, asked: Asked, started: float) -> Result:
    """A cycle that was begun, to its end."""
    job.target.before_each(Stop(job.ledger, epoch).check)
    try:
        await _plan(job, run, asked, report)
        if asked.promised is not None and run.plan.hash != asked.promised:
            await _end(job, run, "failed", error=MOVED, epoch=epoch)
            return _result(job, run, "failed", started, error=MOVED)
        run.held = await _verdict(job, run)
        released = asked.release is not None and run.plan.hash.startswith(asked.release)
        run.released = run.held is not None and released
        if run.held is not None and not run.released:
            error = _sentence(job, run, asked)
            await _end(job, run, "quarantined", error=error, epoch=epoch)
            return _result(job, run, "quarantined", started, error=error)
        rows = sum(run.plan.counts.values())
        if rows > _MANY:
            await job.ledger.measure()
        done = Done(keep_due=asked.keep_due, only_opened=asked.revert is not None, harmed=run.harmed)
        try:
            await apply(job, run.cycle, epoch, lambda count: report("applying", count, max(count, rows)), done, rows)
        finally:
            run.failures, run.helped = done.failures, done.requests
        too_many = failing(job.retries.policy, await job.ledger.standing(job.retries.policy.failures))
        if too_many is not None:
            error = f"{too_many} It is tried less often until fewer do; provisor log {job.name} names them."
            await _end(job, run, "quarantined", error=error, epoch=epoch, finished=True)
            return _result(job, run, "quarantined", started, error=error)
    except Stopped:
        await _end(job, run, "stopped", error=STOP, epoch=epoch)
        return _result(job, run, "stopped", started, error=STOP)
    except TargetError as error:
        wanted_rest = error.rest is not None
        status: Literal["quarantined", "failed"] = "quarantined" if error.hopeless and not wanted_rest else "failed"
        await _end(job, run, status, error=str(error), epoch=epoch, rest=error.rest)
        return replace(_result(job, run, status, started, error=str(error)), rest=error.rest)
    except Exception as error:
        with contextlib.suppress(LeaseLost):
            await _end(job, run, "failed", error=f"{type(error).__name__}", epoch=epoch)
        raise
    await _end(job, run, "done", epoch=epoch)
    return _result(job, run, "done", started)


async def _begin(job: Job, mode: Mode, asked: Kind | None, only: Only | None = None, *, quick: bool = False) -> _Run:
    """A cycle of the kind that is ``asked`` for, or of the kind that it is time for."""
    state = await intake(job)
    if only is not None:
        wanted = [(kind, item) for kind in OBJECT_TYPES for item in only.ids(kind)]
        await job.ledger.mark([SourceChange(item, kind, job.as_of) for kind, item in wanted], watermark=None)
    kind: Kind = asked or ("initial" if state.initial else "full" if _compare(job, state) else "incremental")
    if state.restored is not None and asked is None:
        # The ledger is as old as the backup: nothing that it knows is taken for granted.
        kind = "full"
    cycle = await job.ledger.begin(kind, mode, state.generation, job.as_of)
    comparing = kind == "full" or (kind == "initial" and not (state.forced and asked is None))
    proven = quick and kind == "incremental" and state.quarantine is None and not state.refused
    forced = state.initial and state.forced
    return _Run(cycle, comparing=comparing, forced=forced, proven=proven, restored=state.restored)


def _compare(job: Job, state: JobState) -> bool:
    """Whether it is time to read every account again."""
    hours = job.policies.full_hours
    if not hours:
        return False
    return state.compared is None or state.now - state.compared > timedelta(hours=hours)


async def _plan(job: Job, run: _Run, asked: Asked, report: Report, *, everything: bool = False) -> None:
    kind = run.cycle.kind
    run.plan.about(f"{job.address} {job.wire.name}")
    run.plan.members_at_creation = job.wire.members_at_creation and job.governor.members_at_creation
    planning = Planning(
        job, run.cycle, kind == "initial", asked.backed_off, lambda done: report("planning", done, None), run.plan
    )
    planning.comparing, planning.only, planning.proven = run.comparing, asked.only, run.proven
    planning.comparing |= asked.only is not None and not asked.only.demanded and not run.forced
    planning.trusting = run.proven
    planning.everything = everything or kind == "full"
    if asked.revert is not None:
        await probe(job.target, job.rules, job.wire)
        await plan_revert(planning, asked.revert)
        return
    await plan_objects(planning)
    await plan_references(planning)


async def _verdict(job: Job, run: _Run) -> str | None:
    if run.restored is not None and run.plan.writes:
        return f"it is the first after a restore from the backup of {run.restored:%Y-%m-%d %H:%M} UTC"
    if not run.plan.harmed:
        return None
    accounts, earlier = await job.ledger.harm()
    return verdict(job.guard, len(run.plan.harmed), earlier, accounts)


def _sentence(job: Job, run: _Run, asked: Asked) -> str:
    """What to do about a plan that the guard holds, by how it was asked for."""
    who = "The guard against accidental deletion holds" if run.restored is None else "A restore holds"
    said = f"{who} the plan: {run.held}. Nothing was sent. "
    if asked.promised is not None or asked.revert is not None:
        return f"{said}If it is meant: provisor apply FILE --release"
    if asked.only is not None:
        return f"{said}If it is meant, plan and release it: provisor plan {job.name} -o FILE"
    release = f"provisor sync {job.name} --release {run.plan.hash[:12]}"
    return f"{said}provisor plan {job.name} shows it; if it is meant: {release}"


async def _end(
    job: Job,
    run: _Run,
    status: str,
    *,
    error: str | None = None,
    epoch: int | None = None,
    finished: bool | None = None,
    rest: float | None = None,
) -> None:
    await job.ledger.end(
        run.cycle,
        status=status,
        plan_hash=run.plan.hash,
        counts=run.plan.counts,
        requests=job.target.requests + run.helped,
        error=error,
        epoch=epoch,
        quarantine=error if status == "quarantined" else None,
        harmed=len(run.harmed),
        released=run.released,
        finished=finished,
        rest=min(rest, LONGEST_REST) if rest is not None else None,
        blameless=status == "stopped" or error == MOVED,
    )


def _result(job: Job, run: _Run, status: Any, started: float, error: str | None = None) -> Result:
    return Result(
        cycle=run.cycle,
        status=status,
        hash=run.plan.hash,
        counts=dict(run.plan.counts),
        kinds=dict(run.plan.kinds),
        requests=run.plan.writes,
        sent=job.target.requests + run.helped,
        seconds=_seconds() - started,
        failures=run.failures,
        error=error,
        empty=run.plan.empty,
        held=run.held,
    )


def _seconds() -> float:
    return asyncio.get_running_loop().time()


async def _lease(ledger: Ledger, waiting: Callable[[], None]) -> int:
    await ledger.job()
    told = False
    while (epoch := await ledger.take(holder(), LEASE_SECONDS)) is None:
        if not told:
            waiting()
            told = True
        await asyncio.sleep(WAIT_SECONDS)
    return epoch


async def _kept(ledger: Ledger, epoch: int, work: Coroutine[Any, Any, Result]) -> Result:
    """Do ``work`` while a heartbeat keeps the lease; whichever breaks first ends the other."""
    main = asyncio.create_task(work)
    beat = asyncio.create_task(_beat(ledger, epoch))
    try:
        await asyncio.wait({main, beat}, return_when=asyncio.FIRST_COMPLETED)
        if not main.done():
            beat.result()
        return await main
    finally:
        for task in (main, beat):
            task.cancel()
        await asyncio.gather(main, beat, return_exceptions=True)


async def _beat(ledger: Ledger, epoch: int) -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        await ledger.keep(epoch, LEASE_SECONDS)
