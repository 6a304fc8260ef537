"""The jobs of the queue, and the worker that does them: any number of processes, on any number of machines.

The queue is Procrastinate's, in the same database. A job is a hint, never a state: it says which application to look
at, and whether its cycle is due is asked again when it begins. So one that is lost, doubled or late does no harm; what
was done is in the ledger, and a cycle goes on from there. An application has one job at work and one waiting at most.
The job of a worker that is not heard of any more is taken out, so that another one does it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ProcrastinateException
from procrastinate.jobs import Status

from provisor.ending import end
from provisor.storage.pool import AWAY, Database
from provisor.storage.queries import queries
from provisor.sync.cycle import Result
from provisor.sync.schedule import POLL_SECONDS, QUARANTINED, Key, Reason, Task, due

#: Seconds between two signs of life of a worker, after which silence it is taken for dead, and between two looks for
#: such ones.
HEARTBEAT: Final = 4.0
DEAD_AFTER: Final = 12.0
LOOK_EVERY: Final = 4.0
#: Seconds within which the queue's own connections must be had.
_CONNECT: Final = 5.0
#: What the queue raises when its database is away.
_INTERRUPTED: Final = (ProcrastinateException, *AWAY)
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
        self._at_once = at_once
        self._crashed: dict[Key, int] = {}
        # What it says is said by ours, without a traceback.
        for name in ("procrastinate", "psycopg.pool"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        self._app = App(
            connector=PsycopgConnector(
                conninfo=dsn,
                min_size=1,
                max_size=6,
                timeout=_CONNECT,
                kwargs={"application_name": "provisor"},
            )
        )
        self._tasks = {
            "cycle": self._app.task(name="cycle", queue="cycles")(self._cycle),
            "leavers": self._app.task(name="leavers", queue="cycles")(self._leavers),
        }

    async def defer(self, task: Task, key: Key) -> None:
        """Queue what is to be done about an application, unless it waits in the queue already."""
        lock = f"{task} {key.application}"
        # Who left is noticed before anything else.
        priority = 1 if task == "leavers" else 0
        deferrer = self._tasks[task].configure(lock=lock, queueing_lock=lock, priority=priority)
        try:
            await deferrer.defer_async(tenant=str(key.tenant), application=str(key.application))
        except AlreadyEnqueued:
            return

    async def run(self, dispatch: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Work, and ``dispatch``, until cancelled. When the database goes away, both begin again when it is back."""
        while True:
            try:
                async with self._app.open_async():
                    tasks = [asyncio.create_task(step) for step in (self._work(), dispatch(), self._take_over())]
                    try:
                        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                        for task in done:
                            task.result()
                    finally:
                        await end(*tasks)
            except _INTERRUPTED as error:
                _LOG.warning("queue_unreachable", error=type(error).__name__)
            await asyncio.sleep(POLL_SECONDS)

    async def _work(self) -> None:
        await self._app.run_worker_async(
            concurrency=self._at_once,
            install_signal_handlers=False,
            fetch_job_polling_interval=POLL_SECONDS,
            # A process that stops ends its cycles at once: what was sent and not recorded yet is read again.
            shutdown_graceful_timeout=0,
            delete_jobs="always",
            update_heartbeat_interval=HEARTBEAT,
            stalled_worker_timeout=DEAD_AFTER,
        )

    async def _take_over(self) -> None:
        """Take the jobs of dead workers out of the queue, again and again: what is still due is queued anew at once,
        or waits there already."""
        manager = self._app.job_manager
        while True:
            for job in await manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER):
                _LOG.warning("job_taken_over", task=job.task_name, application=job.task_kwargs.get("application"))
                await manager.finish_job(job, Status.FAILED, delete_job=True)
            await asyncio.sleep(LOOK_EVERY)

    # ── the tasks ────────────────────────────────────────────────────────────────────────────────────────────

    async def _leavers(self, tenant: str, application: str) -> None:
        try:
            await self._notice(Key(UUID(tenant), UUID(application)))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            _LOG.error("leavers_not_noticed", application=application, error=type(error).__name__, detail=_short(error))
            await asyncio.sleep(QUARANTINED[0])

    async def _cycle(self, tenant: str, application: str) -> None:
        key = Key(UUID(tenant), UUID(application))
        try:
            async with self._database.reading() as tx:
                row = await tx.fetchrow(queries("applications").running, key.application)
            reason = due(row, self._safety) if row is not None else None
            if reason is None:
                return
            _told(row["name"], await self._run_cycle(key, reason))
            self._crashed.pop(key, None)
        except asyncio.CancelledError:
            raise
        except AWAY as error:
            # It comes back, and the cycle with it: that is nothing that the target did.
            _LOG.warning("database_unreachable", application=application, error=type(error).__name__)
            await asyncio.sleep(POLL_SECONDS)
        except Exception as error:
            times = self._crashed[key] = self._crashed.get(key, 0) + 1
            _LOG.error("cycle_failed", application=application, error=type(error).__name__, detail=_short(error))
            await asyncio.sleep(min(2.0**times, QUARANTINED[0]))


def _told(name: str, result: Result) -> None:
    log = _LOG.info if result.status == "done" and not result.failures else _LOG.warning
    log(
        "cycle",
        application=name,
        number=result.cycle.number,
        status=result.status,
        error=result.error,
        counts=dict(result.counts),
        failures=result.failures,
        requests=result.sent,
    )


def _short(error: Exception) -> str:
    return str(error)[:200]
