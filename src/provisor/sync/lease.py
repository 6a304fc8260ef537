"""The lease of an application's cycle: one worker has it, and writes nothing any more once another one has.

Each lease has a number, its epoch. A transaction that writes asks for it first and holds on to the row until it ends,
so that taking over waits for it. Whoever helps (``sharing``) writes under the epoch of the cycle, as long as it is
heard of.
"""

from __future__ import annotations

import asyncio
import copy
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self
from uuid import UUID

from provisor.storage.pool import Database, Tx
from provisor.storage.queries import queries

QUERIES = queries("sync")
SHARING = queries("sharing")
#: Of an epoch that no lease has.
_NONE = -1


class LeaseLost(Exception):
    """Another worker has taken the cycle over; nothing more may be written or sent by this one."""


def holder() -> str:
    """How this process is known."""
    return f"{socket.gethostname()}/{os.getpid()}"


class Lease:
    """The lease of one application (``key``: tenant and application)."""

    def __init__(self, database: Database, key: tuple[UUID, UUID]) -> None:
        self._database = database
        self._key = key
        self._helper: UUID | None = None
        # One at a time: a process that stands still keeps the others waiting for one transaction, and not for several.
        self._writing = asyncio.Lock()

    def of_helper(self, helper: UUID) -> Self:
        """The same, as a helper has it."""
        found = copy.copy(self)
        found._helper = helper
        return found

    async def take(self, holder: str, seconds: float) -> int | None:
        """A lease and its epoch, or None while another worker holds one."""
        async with self._database.transaction() as tx:
            epoch: int | None = await tx.fetchval(QUERIES.lease_take, *self._key, holder, seconds)
        return epoch

    async def keep(self, epoch: int, seconds: float) -> None:
        async with self._database.transaction() as tx:
            if await tx.fetchval(QUERIES.lease_keep, *self._key, epoch, seconds) is None:
                raise LeaseLost

    async def give_back(self, epoch: int) -> None:
        async with self._database.transaction() as tx:
            await tx.execute(QUERIES.lease_give_back, *self._key, epoch)

    async def stopping(self, epoch: int) -> bool:
        """Whether the cycle that holds this lease was told to stop. Raises LeaseLost when another one holds it."""
        async with self._database.reading() as tx:
            row = await tx.fetchrow(QUERIES.stopping, *self._key, epoch)
            if row is None or not row["mine"] or not await self._heard_of(tx):
                raise LeaseLost
        return bool(row["stopping"])

    @asynccontextmanager
    async def _fenced(self, epoch: int) -> AsyncIterator[Tx]:
        async with self._writing, self._database.transaction() as tx:
            await self._check(tx, epoch)
            yield tx

    async def _check(self, tx: Tx, epoch: int) -> None:
        if await tx.fetchval(QUERIES.fence, *self._key) != epoch or not await self._heard_of(tx):
            raise LeaseLost

    async def _heard_of(self, tx: Tx) -> bool:
        return self._helper is None or await tx.fetchval(SHARING.helper, self._helper) is not None

    async def _past(self, tx: Tx, epoch: int) -> int:
        """The epoch as it counts now: that of a helper that is not heard of any more is nobody's."""
        return epoch if await self._heard_of(tx) else _NONE
