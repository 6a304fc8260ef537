"""The jobs of the queue, and the worker that does them: any number of processes, on any number of machines.

The queue is Procrastinate's, in the same database. A job is a hint, never a state: it says which application to look
at, and whether its cycle is due is asked again when it begins. So one that is lost, doubled or late does no harm; what
was done is in the ledger, and a cycle goes on from there. An application has one job at work and one waiting at most.
The job of a worker that is not heard of any more is taken out, so that another one does it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
import structlog
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ProcrastinateException
from procrastinate.jobs import Status

from provisor.ending import end
from provisor.storage.pool import AWAY, Database
from provisor.storage.queries import queries
from provisor.sync.cycle import Result
from provisor.sync.queue import DEAD_AFTER
from provisor.sync.schedule import POLL_SECONDS, QUARANTINED, Key, Reason, Task, due

#: Seconds between two signs of life of a worker, and between two looks for dead ones.
HEARTBEAT: Final = 4.0
LOOK_EVERY: Final = 4.0
#: Seconds within which the queue's own connections must be had.
_CONNECT: Final = 5.0
#: What the queue raises when its database is away.
_INTERRUPTED: Final = (ProcrastinateException, psycopg.Error, *AWAY)
#: The queue's connections: none hangs for ever, whatever is between here and the database.
_CONNECTION: Final = {
    "application_name": "provisor",
    "connect_timeout": 5,
    "options": "-c statement_timeout=30s -c lock_timeout=10s",
    "keepalives_idle": 10,
    "tcp_user_timeout": 10_000,
}
#: Looks for leavers that one process does at a time, beside its cycles.
LEAVERS_AT_ONCE: Final = 4
_LOG = structlog.get_logger("provisor.jobs")

#: Runs one cycle of an application.
RunCycle = Callable[[Key, Reason], Awaitable[Result]]
#: Notices who left an application.
Notice = Callable[[Key], Awaitable[None]]


class Jobs:
    """``dsn`` is libpq's; ``at_once``: how many jobs this process does at a time; ``safety`` as in ``due``."""

    def __init__(
        self, database: Database, dsn: str, run_cycle: RunCycle, notice: Notice, safety: timedelta, at_once: int
    ) -> None:
        self._database = database
        self._run_cycle = run_cycle
        self._notice = notice
        self._safety = safety
        self._at_once = {"cycles": at_once, "leavers": LEAVERS_AT_ONCE}
        #: What failed is not asked for again before then (the loop's clock), and how often it has failed.
        self._not_before: dict[tuple[Task, Key], tuple[float, int]] = {}
        #: The jobs at work here, and the workers of this process; jobs of theirs that nobody works on.
        self._working: set[int] = set()
        self._workers: set[int] = set()
        self._orphans: set[int] = set()
        # What it says is said by ours, without a traceback.
        for name in ("procrastinate", "psycopg.pool"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        self._app = App(
            connector=PsycopgConnector(conninfo=dsn, min_size=1, max_size=8, timeout=_CONNECT, kwargs=_CONNECTION)
        )
        self._tasks = {
            "cycle": self._app.task(name="cycle", queue="cycles", pass_context=True)(self._cycle),
            "leavers": self._app.task(name="leavers", queue="leavers", pass_context=True)(self._leavers),
        }

    async def defer(self, task: Task, key: Key) -> None:
        """Queue what is to be done about an application, unless it waits in the queue already or has just failed."""
        if asyncio.get_running_loop().time() < self._not_before.get((task, key), (0.0, 0))[0]:
            return
        lock = f"{task} {key.application}"
        deferrer = self._tasks[task].configure(lock=lock, queueing_lock=lock)
        try:
            await deferrer.defer_async(tenant=str(key.tenant), application=str(key.application))
        except AlreadyEnqueued:
            return

    async def run(self, *others: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Work, and do what the others do, until cancelled. When the database goes away, all begin again with it."""
        while True:
            try:
                async with self._app.open_async():
                    steps = [
                        self._work("cycles"),
                        self._work("leavers"),
                        self._take_over(),
                        *(other() for other in others),
                    ]
                    tasks = [asyncio.create_task(step) for step in steps]
                    try:
                        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                        for task in done:
                            task.result()
                    finally:
                        await end(*tasks)
            except _INTERRUPTED as error:
                _LOG.warning("queue_unreachable", error=type(error).__name__)
                with suppress(*_INTERRUPTED):
                    # A pool that could not be opened is kept otherwise, and never opened again.
                    await self._app.close_async()
            await asyncio.sleep(POLL_SECONDS)

    async def _work(self, queue: str) -> None:
        await self._app.run_worker_async(
            queues=[queue],
            concurrency=self._at_once[queue],
            install_signal_handlers=False,
            fetch_job_polling_interval=POLL_SECONDS,
            # A process that stops ends its cycles at once: what was sent and not recorded yet is read again.
            shutdown_graceful_timeout=0,
            delete_jobs="always",
            update_heartbeat_interval=HEARTBEAT,
            stalled_worker_timeout=DEAD_AFTER,
        )

    async def _take_over(self) -> None:
        """Take the jobs of dead workers out of the queue, again and again, and those whose end could not be written:
        what is still due is queued anew at once, or waits there already."""
        manager = self._app.job_manager
        while True:
            for job in await manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER):
                _LOG.warning("job_taken_over", task=job.task_name, application=job.task_kwargs.get("application"))
                await self._out(job.id)
            async with self._database.reading() as tx:
                rows = await tx.fetch(queries("sync").jobs_of, list(self._workers))
            left = {int(row["id"]) for row in rows} - self._working
            for number in left & self._orphans:
                await self._out(number)
            self._orphans = left
            await asyncio.sleep(LOOK_EVERY)

    async def _out(self, number: int | None) -> None:
        # Another process may have been first, or the job has ended after all.
        with suppress(ProcrastinateException):
            if number is not None:
                await self._app.job_manager.finish_job_by_id_async(number, Status.FAILED, delete_job=True)

    # ── the tasks ────────────────────────────────────────────────────────────────────────────────────────────

    async def _leavers(self, context: JobContext, tenant: str, application: str) -> None:
        key = Key(UUID(tenant), UUID(application))
        async with self._at_work(context, "leavers", key):
            await self._notice(key)

    async def _cycle(self, context: JobContext, tenant: str, application: str) -> None:
        key = Key(UUID(tenant), UUID(application))
        async with self._at_work(context, "cycle", key):
            async with self._database.reading() as tx:
                row = await tx.fetchrow(queries("applications").running, key.application)
            # One that is held is at work elsewhere, by hand or in a process that has just died: nobody waits for it.
            reason = due(row, self._safety) if row is not None and not row["held"] else None
            if reason is not None:
                await self._run_cycle(key, reason)

    @asynccontextmanager
    async def _at_work(self, context: JobContext, task: Task, key: Key) -> AsyncIterator[None]:
        """Do a job. One that fails is asked for again after a while, and keeps no place until then."""
        number, worker = context.job.id or 0, context.job.worker_id
        self._working.add(number)
        if worker is not None:
            self._workers.add(worker)
        try:
            yield
            self._not_before.pop((task, key), None)
        except AWAY as error:
            # It comes back, and what was to be done with it: that is nothing that the target did.
            _LOG.warning("database_unreachable", application=str(key.application), error=type(error).__name__)
            self._later(task, key, POLL_SECONDS, 0)
        except Exception as error:
            times = self._not_before.get((task, key), (0.0, 0))[1] + 1
            _LOG.error(
                f"{task}_failed",
                application=str(key.application),
                error=type(error).__name__,
                detail=str(error)[:200],
            )
            self._later(task, key, min(2.0**times, QUARANTINED[0]), times)
        finally:
            self._working.discard(number)

    def _later(self, task: Task, key: Key, seconds: float, times: int) -> None:
        self._not_before[task, key] = (asyncio.get_running_loop().time() + seconds, times)
