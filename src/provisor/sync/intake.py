"""Intake: the source's feed becomes dirty objects, page by page, each page in one transaction with the watermark.

What is queued is who, never what. When the application itself changed (mappings, scope, a restart), or was never looked
at, everything the source has is marked; only then does the watermark move, so that an interrupted intake starts again.
"""

from __future__ import annotations

from provisor.connectors.base import SourceChange
from provisor.sync.job import Job
from provisor.sync.records import JobState

PAGE = 1000


async def intake(job: Job) -> JobState:
    """Bring the ledger up to the source as it was when the job was made; returns where the job stands then."""
    state = await job.ledger.job()
    if state.watermark == 0:
        await _mark_everything(job, job.as_of)
        return await job.ledger.job()
    watermark, configured = state.watermark, False
    while page := [change for change in await job.source.changes(watermark, PAGE) if change.seq <= job.as_of]:
        watermark = page[-1].seq
        configured = configured or any(change.id == job.application for change in page)
        objects = [change for change in page if change.object_type != "Application"]
        objects = await with_related(job, objects)
        # A changed configuration marks everything below: until then the watermark must not pass it.
        await job.ledger.mark(objects, watermark=None if configured else watermark)
    if configured:
        await _mark_everything(job, job.as_of)
    return await job.ledger.job()


async def with_related(job: Job, objects: list[SourceChange]) -> list[SourceChange]:
    """``objects``, and whom a change of the groups among them concerns; each once, at its last change."""
    groups = {change.id: change.seq for change in objects if change.object_type == "Group"}
    found = {change.id: change for change in objects}
    for item in await job.source.related(list(groups)):
        # Of several groups that changed the last counts for whoever is above or below any of them.
        related = _change(item, max(groups.values()))
        if related.id not in found or found[related.id].seq < related.seq:
            found[related.id] = related
    return list(found.values())


async def _mark_everything(job: Job, seq: int) -> None:
    after: str | None = None
    while page := await job.source.everything(after, PAGE):
        await job.ledger.mark([_change(item, seq) for item in page], watermark=None)
        after = page[-1][0]
    # Also what the source has no more: a person who was deleted while nobody looked still has an account.
    await job.ledger.mark_known(seq)
    await job.ledger.mark([], watermark=seq, initial=True)


def _change(item: tuple[str, str], seq: int) -> SourceChange:
    identity, object_type = item
    return SourceChange(identity, "User" if object_type == "User" else "Group", seq)
