"""Notices: somebody hears when an application goes into quarantine, and when it comes out.

A notice is written in the transaction that changes the job, so none is lost and none is told of what was not; it is
delivered by the server, at least once, and tried again for days when nobody takes it. It goes the ways of the
installation, and by mail to whom its application names; those that took it are not told again because another did not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from provisor.connectors.base import Channel, Notice, Undelivered
from provisor.storage.pool import AWAY, Database, Row, Tx
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
#: Makes the way by mail to some addresses, for whom an application names.
Mailer = Callable[[Sequence[str]], Channel]
_LOG = structlog.get_logger("provisor.notices")


@dataclass(frozen=True, slots=True)
class _NoMail:
    """The way to whom an application names, where there is no mail server."""

    name: str = "notification e-mail"

    async def tell(self, notice: Notice) -> None:
        raise Undelivered("the server has no mail server (smtp_url)")


class Notifier:
    """Delivers until it is cancelled; ``mailer`` is None where there is no mail server."""

    def __init__(self, database: Database, channels: Sequence[Channel], mailer: Mailer | None = None) -> None:
        self._database = database
        self._channels = channels
        self._mailer = mailer

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
            claimed = await tx.fetch(QUERIES.claim, CLAIMED, AT_ONCE, bool(self._channels))
        told = 0
        for row in sorted(claimed, key=lambda row: row["id"]):
            notice = Notice(
                str(row["mark"]),
                str(row["tenant"]),
                str(row["application"]),
                row["name"],
                row["kind"],
                row["reason"],
                row["created"],
            )
            told += await self._deliver(row, notice)
        return told

    async def _deliver(self, row: Row, notice: Notice) -> bool:
        told, wrong = list(row["told"]), list[str]()
        for channel in self._ways(row["recipients"]):
            if channel.name in told:
                continue
            try:
                await channel.tell(notice)
            except Exception as error:
                # Whatever is wrong with one channel must not end all telling; what others say may have secrets in it.
                said = str(error) if isinstance(error, Undelivered) else type(error).__name__
                wrong.append(said)
                _LOG.warning("notice_undelivered", application=notice.name, kind=notice.kind, error=said)
            else:
                told.append(channel.name)
        async with self._database.transaction() as tx:
            if wrong:
                again = AGAIN[min(row["tries"], len(AGAIN)) - 1]
                await tx.execute(QUERIES.later, row["id"], again, told, "; ".join(wrong))
            else:
                await tx.execute(QUERIES.delivered, row["id"], told)
        return not wrong

    def _ways(self, recipients: Sequence[str]) -> list[Channel]:
        if not recipients:
            return list(self._channels)
        return [*self._channels, self._mailer(recipients) if self._mailer is not None else _NoMail()]


async def undelivered(tx: Tx, tenant: UUID, application: UUID) -> str:
    """How many of an application's notices did not reach somebody who should hear them, and why; empty when all did."""
    row = await tx.fetchrow(QUERIES.undelivered, tenant, application)
    if not row["number"]:
        return ""
    several = f"{row['number']} notices are" if row["number"] > 1 else "1 notice is"
    return f"{several} not delivered: {row['error']}. It is tried again for {KEPT_DAYS} days."
