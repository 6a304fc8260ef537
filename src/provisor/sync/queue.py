"""What the queue holds, for whoever looks: which workers are heard of, what they are at, what waits for one.

A process of ``provisor serve`` or ``provisor worker`` has two workers, one for cycles and one for leavers. They serve
the whole installation; of the jobs a tenant sees its own, and how many there are of others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from provisor.storage.pool import Tx
from provisor.storage.queries import queries

QUERIES = queries("sync")
#: Seconds of silence after which a worker is taken for dead.
DEAD_AFTER: Final = 12.0
RUNNING: Final = "running"
WAITING: Final = "waiting"


@dataclass(frozen=True, slots=True)
class Worker:
    """``silent`` seconds have gone by since it was heard of; ``jobs`` are at work there now."""

    number: int
    silent: float
    jobs: int

    @property
    def alive(self) -> bool:
        return self.silent < DEAD_AFTER


@dataclass(frozen=True, slots=True)
class Queued:
    """A job: the ``task`` (cycle, leavers) of an application, ``state`` running or waiting ``since`` a moment.

    ``helpers`` are the processes (machine/process id) that do a large cycle's pages besides its worker.
    """

    task: str
    application: UUID
    name: str
    state: str
    since: datetime | None
    worker: int | None
    helpers: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """``others`` is the number of jobs of other tenants."""

    workers: Sequence[Worker]
    jobs: Sequence[Queued]
    others: int

    @property
    def alive(self) -> int:
        return sum(worker.alive for worker in self.workers)


async def standing(tx: Tx, tenant: UUID) -> Standing:
    """How the queue stands, as ``tenant`` sees it."""
    workers = [Worker(row["id"], row["silent"], row["jobs"]) for row in await tx.fetch(QUERIES.workers)]
    rows = await tx.fetch(QUERIES.queue, str(tenant))
    columns = ("name", "state", "since", "worker_id", "helpers")
    jobs = [Queued(row["task_name"], UUID(row["application"]), *(row[column] for column in columns)) for row in rows]
    return Standing(workers, jobs, await tx.fetchval(QUERIES.queue_of_others, str(tenant)))
