"""Notices: somebody hears when an application goes into quarantine, and when it comes out.

A notice is written in the transaction that changes the job, so none is lost and none is told of what was not; it is
delivered by the server, at least once, and tried again for days when nobody takes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from provisor.connectors.base import Channel, Notice, Undelivered
from provisor.storage.pool import AWAY, Database
from provisor.storage.queries import queries

QUERIES = queries("notices")
POLL_SECONDS: Final = 2.0
#: Seconds for which a notice is whoever's claimed it, and how many are claimed at a time.
CLAIMED: Final = 120.0
AT_ONCE: Final = 20
#: Seconds until the next try, by how many there were; the last for all later ones.
AGAIN: Final = (60.0, 300.0, 1800.0, 7200.0, 21600.0)
#: Days after which a notice is dropped, delivered or not.
KEPT_DAYS: Final = 7
_LOG = structlog.get_logger("provisor.notices")


class Notifier:
    """Delivers until it is cancelled."""

    def __init__(self, database: Database, channels: Sequence[Channel]) -> None:
        self._database = database
        self._channels = channels

    async def run(self) -> None:
        while True:
            try:
                await self.deliver()
            except AWAY as error:
                _LOG.warning("database_unreachable", error=type(error).__name__)
            await asyncio.sleep(POLL_SECONDS)

    async def deliver(self) -> int:
        """Deliver what is due now; returns how many were."""
        async with self._database.transaction() as tx:
            await tx.execute(QUERIES.prune, KEPT_DAYS)
            if not self._channels:
                return 0
            rows = sorted(await tx.fetch(QUERIES.claim, CLAIMED, AT_ONCE), key=lambda row: row["id"])
        told = 0
        for row in rows:
            notice = Notice(
                str(row["mark"]),
                str(row["tenant"]),
                str(row["application"]),
                row["name"],
                row["kind"],
                row["reason"],
                row["created"],
            )
            told += await self._deliver(row["id"], notice, row["tries"])
        return told

    async def _deliver(self, number: int, notice: Notice, tries: int) -> bool:
        try:
            for channel in self._channels:
                await channel.tell(notice)
        except Exception as error:
            # Whatever is wrong with one channel must not end all telling; only what we say ourselves is logged whole.
            said = str(error) if isinstance(error, Undelivered) else type(error).__name__
            _LOG.warning("notice_undelivered", application=notice.name, kind=notice.kind, error=said)
            async with self._database.transaction() as tx:
                await tx.execute(QUERIES.later, number, AGAIN[min(tries, len(AGAIN)) - 1])
            return False
        async with self._database.transaction() as tx:
            await tx.execute(QUERIES.delivered, number)
        return True
