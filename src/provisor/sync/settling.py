"""How a page's outcomes become rows: the log, what is known of each object, who is in which group.

Called by the ledger, in its transaction; the fence was checked before.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from provisor.storage.pool import Tx
from provisor.storage.queries import queries
from provisor.sync.records import Cycle, Outcome

QUERIES = queries("sync")


async def write_log(tx: Tx, key: tuple[UUID, UUID], cycle: Cycle, outcomes: Sequence[Outcome], harmed: int) -> int:
    """Returns how many rows of the cycle are done now, whoever did them."""
    await tx.execute(
        QUERIES.change_outcome,
        *key,
        cycle.id,
        [outcome.ordinal for outcome in outcomes],
        [outcome.status for outcome in outcomes],
        [outcome.message for outcome in outcomes],
        [outcome.after.target_id if outcome.after else None for outcome in outcomes],
    )
    return int(await tx.fetchval(QUERIES.cycle_did, *key, cycle.id, len(outcomes), harmed) or 0)


async def write_objects(tx: Tx, key: tuple[UUID, UUID], outcomes: Sequence[Outcome]) -> None:
    kept = [(outcome, outcome.after) for outcome in each_once(outcomes) if outcome.after is not None]
    gone = [outcome.source_id for outcome in outcomes if outcome.after is None]
    released = [outcome.releases for outcome in outcomes if outcome.releases is not None]
    unlinked = [outcome.source_id for outcome, after in kept if not after.linked]
    # A group that was promised may be there, with those who went with its creation.
    promised = {outcome.source_id for outcome, after in kept if after.intent is not None}
    if gone:
        await tx.execute(QUERIES.forget, *key, gone, [outcome.seq for outcome in outcomes if outcome.after is None])
    if kept:
        await tx.execute(
            QUERIES.settle,
            *key,
            [outcome.source_id for outcome, _ in kept],
            # What failed is due again, also when it was looked at although it was not.
            [outcome.seq if outcome.settled else -1 if outcome.due else 0 for outcome, _ in kept],
            [after.target_id for _, after in kept],
            [after.adopted for _, after in kept],
            [after.state for _, after in kept],
            [dict(after.intent) if after.intent is not None else None for _, after in kept],
            [dict(after.last_applied) for _, after in kept],
            [dict(after.kept) for _, after in kept],
            [after.failures for _, after in kept],
            [after.error for _, after in kept],
            [outcome.retry_seconds for outcome, _ in kept],
            [after.unsettled for _, after in kept],
            [after.deleting for _, after in kept],
            [outcome.status == "skipped" for outcome, _ in kept],
        )
    if gone or released:
        # Whatever is left of them has no account any more; last, because the page may have settled them too.
        await tx.execute(QUERIES.release, *key, [*gone, *released])
    if gone or released or unlinked:
        ids = [*gone, *released, *unlinked]
        await tx.execute(QUERIES.forget_member, *key, ids, [item for item in ids if item not in promised])


def each_once(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """One outcome for each object: of several rows about a group's members one that failed, or its wait is lost."""
    found: dict[str, Outcome] = {}
    for outcome in outcomes:
        if outcome.source_id not in found or outcome.retry_seconds is not None:
            found[outcome.source_id] = outcome
    return list(found.values())


async def put_members(tx: Tx, key: tuple[UUID, UUID], rows: Sequence[tuple[str, str, str, bool]]) -> None:
    if rows:
        await tx.execute(
            QUERIES.member_put,
            *key,
            [group for group, _, _, _ in rows],
            [member for _, member, _, _ in rows],
            [target for _, _, target, _ in rows],
            [added for _, _, _, added in rows],
        )


async def drop_members(tx: Tx, key: tuple[UUID, UUID], rows: Sequence[tuple[str, str]]) -> None:
    if rows:
        await tx.execute(QUERIES.member_drop, *key, [group for group, _ in rows], [member for _, member in rows])
