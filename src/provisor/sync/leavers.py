"""The access-debt list: who has left, and where they may still be active.

Somebody is on it from the moment the directory says that they should have no access (disabled, deleted, unassigned, out
of the scope) until an answer of the target, or a look at it, shows that the account is closed. Whether cycles run, fail
or are switched off does not matter: the list is made from the directory's feed and what the ledger knows, without the
target. Who is taken off it by being closed is the ledger's to say, when it records the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from provisor.connectors.base import SourceChange
from provisor.provisioning.change import Known
from provisor.provisioning.scope import evaluate
from provisor.refusal import Invalid
from provisor.storage.pool import Database, Row, Tx
from provisor.storage.queries import queries
from provisor.sync.intake import with_related
from provisor.sync.job import Job

QUERIES = queries("leavers")
SYNC = queries("sync")
PAGE: Final = 1000
#: The most that a list shows.
MOST: Final = 10_000
_FIRST: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Leaver:
    """``name`` is the user principal name as far as it is known; ``account`` the target id, None when not even that is
    known; ``why`` the account is not known to be closed, as a clause."""

    application: UUID
    app: str
    source_id: UUID
    name: str
    account: str | None
    since: datetime
    age: timedelta
    why: str


async def how_many(tx: Tx, tenant: UUID, application: UUID) -> int:
    """Of an application: who left and is not known to have no access any more."""
    count: int = await tx.fetchval(QUERIES.how_many, tenant, application)
    return count


async def notice(database: Database, tenant: UUID, job: Job) -> None:
    """Put on the list whoever left since it was looked at, and take off whoever is back.

    Of several who do this at once only the first goes on: what the others have read may not be so any more, and they
    begin again where it has come to, so that all of them end with a list that is up to the job.
    """
    look = _Look(database, (tenant, UUID(job.application)), job)
    while not await _round(look):
        pass


async def _round(look: _Look) -> bool:
    """Go on from where the list has come to; False when somebody else did so meanwhile."""
    job = look.job
    async with look.database.reading() as tx:
        look.watched = await tx.fetchval(QUERIES.watched, *look.key)
    configured = look.watched == 0
    while not configured and (page := await look.page()):
        # A changed configuration concerns everybody: until they are looked at the mark must not pass it.
        configured = any(change.id == job.application for change in page)
        if configured:
            break
        objects = await with_related(job, [change for change in page if change.object_type != "Application"])
        if not await look.at([change.id for change in objects if change.object_type == "User"], page[-1].seq):
            return False
    if configured:
        return await look.at_everybody(job.as_of)
    return look.watched >= job.as_of or await look.at([], job.as_of)


@dataclass(slots=True)
class _Look:
    """One round; ``watched`` is up to which change it has come."""

    database: Database
    key: tuple[UUID, UUID]
    job: Job
    watched: int = 0

    async def page(self) -> list[SourceChange]:
        # What changed after the job was made is for a job with the rules of then.
        changes = await self.job.source.changes(self.watched, PAGE)
        return [change for change in changes if change.seq <= self.job.as_of]

    async def at_everybody(self, seq: int) -> bool:
        async with self.database.reading() as tx:
            rows = await tx.fetch(QUERIES.since, self.key[0], [self.key[1]])
        changed, after = max((row["at"] for row in rows), default=None), _FIRST
        while True:
            async with self.database.reading() as tx:
                rows = await tx.fetch(QUERIES.accounts, *self.key, after, PAGE)
            if not rows:
                break
            after = rows[-1]["source_id"]
            if not await self.at([str(row["source_id"]) for row in rows], self.watched, changed):
                return False
        return await self.at([], seq)

    async def at(self, ids: Sequence[str], seq: int, changed: datetime | None = None) -> bool:
        """Mark these people, and that it has come to ``seq``; False when somebody else has come further meanwhile.
        ``changed``: when the configuration did, which may be why they leave."""
        job = self.job
        known = await job.ledger.known(ids)
        may_be = [identity for identity, item in known.items() if _may_be_active(item)]
        sources = await job.source.read("User", may_be) if may_be else {}
        gone, back = list[UUID](), list[UUID]()
        for identity in may_be:
            source = sources.get(identity)
            try:
                inside = source is not None and evaluate(source, job.rules.users, all_objects=job.all_objects).inside
            except Invalid:
                # Nobody can tell: the next cycle says so in the log.
                continue
            (back if inside else gone).append(UUID(identity))
        async with self.database.transaction() as tx:
            # As everything that writes many of these rows: the job's row first, or two would wait for each other.
            await tx.fetchrow(SYNC.job_lock, *self.key)
            if await tx.fetchval(QUERIES.watched, *self.key) != self.watched:
                return False
            now = await tx.fetchval("select moment()")
            at = {row["object_id"]: row["at"] for row in await tx.fetch(QUERIES.since, self.key[0], gone)}
            since = [max(at.get(identity, now), changed or at.get(identity, now)) for identity in gone]
            await tx.execute(QUERIES.mark, *self.key, gone, since, back)
            await tx.execute(QUERIES.advance, *self.key, seq)
        self.watched = seq
        return True


def _may_be_active(known: Known) -> bool:
    return known.state == "linked" or known.intent is not None or (known.linked and known.unsettled)


async def open_leavers(
    database: Database, tenant: UUID, applications: Sequence[UUID], *, limit: int = MOST
) -> list[Leaver]:
    """The list of these applications of a tenant, whoever left first on top."""
    async with database.reading() as tx:
        rows = await tx.fetch(QUERIES.open, tenant, list(applications), limit)
    return [
        Leaver(
            application=row["application"],
            app=row["app"],
            source_id=row["source_id"],
            name=row["name"],
            account=row["target_id"],
            since=row["leaving"],
            age=row["age"],
            why=_why(row),
        )
        for row in rows
    ]


def _why(row: Row | dict[str, Any]) -> str:
    reasons = []
    if row["error"]:
        reasons.append(str(row["error"]).rstrip("."))
    if row["provisioning"] == "Off":
        reasons.append("provisioning is Off")
    if row["quarantine"]:
        reasons.append(f"the application is in quarantine: {row['quarantine']}")
    elif row["intent"] is not None and row["state"] == "none":
        reasons.append("an account was to be made and the answer was lost, so it is looked for")
    return "; ".join(reasons) or "it was not tried yet"
