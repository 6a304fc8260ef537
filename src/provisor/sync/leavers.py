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

from provisor.provisioning.change import Known
from provisor.provisioning.scope import evaluate
from provisor.refusal import Invalid
from provisor.storage.pool import Database, Row
from provisor.storage.queries import queries
from provisor.sync.intake import with_related
from provisor.sync.job import Job

QUERIES = queries("leavers")
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


async def notice(database: Database, tenant: UUID, job: Job) -> None:
    """Put on the list whoever left since it was looked at, and take off whoever is back."""
    key = (tenant, UUID(job.application))
    async with database.reading() as tx:
        watched: int = await tx.fetchval(QUERIES.watched, *key)
    configured = watched == 0
    while not configured and (page := await job.source.changes(watched, PAGE)):
        configured = any(change.id == job.application for change in page)
        objects = await with_related(job, [change for change in page if change.object_type != "Application"])
        await _look(database, key, job, [change.id for change in objects if change.object_type == "User"])
        watched = page[-1].seq
    if configured:
        watched = max(watched, job.as_of)
        await _look_at_everybody(database, key, job)
    async with database.transaction() as tx:
        await tx.execute(QUERIES.advance, *key, watched)


async def _look_at_everybody(database: Database, key: tuple[UUID, UUID], job: Job) -> None:
    after = _FIRST
    while True:
        async with database.reading() as tx:
            rows = await tx.fetch(QUERIES.accounts, *key, after, PAGE)
        if not rows:
            return
        after = rows[-1]["source_id"]
        await _look(database, key, job, [str(row["source_id"]) for row in rows])


async def _look(database: Database, key: tuple[UUID, UUID], job: Job, ids: Sequence[str]) -> None:
    known = await job.ledger.known(ids)
    open_ = [identity for identity, item in known.items() if _may_be_active(item)]
    if not open_:
        return
    sources = await job.source.read("User", open_)
    gone, back = list[UUID](), list[UUID]()
    for identity in open_:
        source = sources.get(identity)
        try:
            inside = source is not None and evaluate(source, job.rules.users, all_objects=job.all_objects).inside
        except Invalid:
            # Nobody can tell: the next cycle says so in the log.
            continue
        (back if inside else gone).append(UUID(identity))
    async with database.transaction() as tx:
        at = {row["object_id"]: row["at"] for row in await tx.fetch(QUERIES.since, key[0], gone)}
        now = await tx.fetchval("select moment()") if gone else None
        await tx.execute(QUERIES.mark, *key, gone, [at.get(identity, now) for identity in gone], back)


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
    if row["failures"] and row["error"]:
        reasons.append(str(row["error"]).rstrip("."))
    if row["provisioning"] == "Off":
        reasons.append("provisioning is Off")
    if row["quarantine"]:
        reasons.append(f"the application is in quarantine: {row['quarantine']}")
    elif row["intent"] is not None and row["state"] == "none":
        reasons.append("an account was to be made and the answer was lost, so it is looked for")
    return "; ".join(reasons) or "it was not tried yet"
