"""The engine's own tables, for one application: what is dirty, what is linked, what was planned and what came of it.

Every write of a cycle names the epoch of its lease and checks it in the same transaction (``lease``). What a cycle
reads and marks before its first request needs no lease, so a dry run can go on beside a cycle.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Literal
from uuid import UUID, uuid4

from provisor.connectors.base import SourceChange
from provisor.provisioning.change import Change, Known
from provisor.provisioning.retries import Standing
from provisor.storage.pool import Database, Row, Tx
from provisor.storage.queries import queries
from provisor.sync import promises
from provisor.sync.lease import Lease
from provisor.sync.records import (
    LATENCY_SPANS,
    Cycle,
    Due,
    JobState,
    Kind,
    Membership,
    Mode,
    Outcome,
    Planned,
    change_from,
    detail_of,
    known_from,
)
from provisor.sync.settling import drop_members, put_members, write_log, write_objects
from provisor.sync.sharing import Shares

QUERIES = queries("sync")
NOTICES = queries("notices")
_FIRST = UUID(int=0)
#: Cycles whose plans and log rows are kept.
CYCLES_KEPT = 1000
DRY_RUNS_KEPT = 20
NOT_SENT = "was planned and not sent"
#: Days for which they are kept unless a setting says otherwise.
LOG_DAYS = 365


async def managed_by(tx: Tx, target_id: str) -> list[str]:
    """The names of the applications that an account with this id is a link of."""
    return [row["name"] for row in await tx.fetch(QUERIES.managed_by, target_id)]


async def stop(tx: Tx, tenant: UUID, application: UUID) -> None:
    """Tell the cycle that runs now, if any, to send nothing more."""
    await tx.execute(QUERIES.stop, tenant, application)


class Ledger(Lease):
    """The rows of one ``application`` of one ``tenant``."""

    def __init__(self, database: Database, tenant: UUID, application: UUID, *, log_days: int = LOG_DAYS) -> None:
        super().__init__(database, (tenant, application))
        self._log_days = log_days

    def shares(self, cycle: Cycle) -> Shares:
        """The pages of a cycle, as others can help with them."""
        return Shares(self._database, self._key, cycle)

    # ── the job ──────────────────────────────────────────────────────────────────────────────────────────────

    async def job(self) -> JobState:
        """The job's state; made when the application has none yet."""
        async with self._database.transaction() as tx:
            row = await tx.fetchrow(QUERIES.job, *self._key)
            if row is None:
                await tx.execute(QUERIES.job_make, *self._key)
                row = await tx.fetchrow(QUERIES.job, *self._key)
        return JobState(
            watermark=row["watermark"],
            initial=row["initial"],
            generation=row["generation"],
            cycles=row["cycles"],
            last_cycle=row["last_cycle"],
            quarantine=row["quarantine"],
            held=bool(row["held"]),
            now=row["now"],
            compared=row["compared"],
            forced=row["forced"],
            restored=row["restored"],
            refused=row["refused"],
        )

    async def restart(self, tx: Tx, *, full: bool) -> None:
        """*Clear current state*: the next cycle is initial and retries everything; ``full`` forgets all links."""
        await tx.execute(QUERIES.job_make, *self._key)
        await tx.execute(QUERIES.job_restart, *self._key, full)
        if full:
            await tx.execute(QUERIES.forget_members, *self._key)
            await tx.execute(QUERIES.forget_links, *self._key)
        else:
            await tx.execute(QUERIES.retry_all, *self._key)

    async def mended(self, tx: Tx) -> None:
        """Whatever the quarantine was for is mended: the next cycle is due."""
        await tx.execute(QUERIES.job_mended, *self._key)

    # ── intake ───────────────────────────────────────────────────────────────────────────────────────────────

    async def mark(self, changes: Sequence[SourceChange], *, watermark: int | None, initial: bool = False) -> None:
        """Mark objects dirty and move the watermark (when given) in one transaction."""
        async with self._database.transaction() as tx:
            await tx.fetchrow(QUERIES.job_lock, *self._key)
            if changes:
                await tx.execute(
                    QUERIES.mark,
                    *self._key,
                    [change.id for change in changes],
                    [change.object_type for change in changes],
                    [change.seq for change in changes],
                )
            if watermark is not None:
                await tx.execute(QUERIES.job_advance, *self._key, watermark, initial)

    async def mark_known(self, seq: int) -> None:
        """Mark everything that the ledger knows dirty, what the source has no more included."""
        async with self._database.transaction() as tx:
            await tx.fetchrow(QUERIES.job_lock, *self._key)
            await tx.execute(QUERIES.mark_known, *self._key, seq)

    # ── what is known ────────────────────────────────────────────────────────────────────────────────────────

    async def due(
        self, object_type: str, after: str | None, limit: int, *, backed_off: bool, everything: bool = False
    ) -> list[Due]:
        """Dirty objects by id; ``backed_off``: also those whose next try is not due yet; ``everything``: clean ones
        too."""
        async with self._database.reading() as tx:
            rows = await tx.fetch(
                QUERIES.due, *self._key, object_type, UUID(after) if after else _FIRST, limit, backed_off, everything
            )
        return [
            Due(known_from(row), row["desired_seq"], row["desired_seq"] > row["applied_seq"], row["references_due"])
            for row in rows
        ]

    async def found_members(self, group: str, found: Mapping[str, str], lost: Sequence[str]) -> None:
        """Members (id → target id) that the target's group had without us, and those it has no more."""
        async with self._database.transaction() as tx:
            if await tx.fetchrow(QUERIES.job_lock, *self._key) is None:
                return
            await put_members(tx, self._key, [(group, member, target, False) for member, target in found.items()])
            await drop_members(tx, self._key, [(group, member) for member in lost])

    async def known(self, ids: Sequence[str]) -> dict[str, Known]:
        async with self._database.reading() as tx:
            rows = await tx.fetch(QUERIES.known, *self._key, list(ids))
        return {str(row["source_id"]): known_from(row) for row in rows}

    async def accounts(self, ids: Collection[str]) -> dict[str, str]:
        """Source id → target id, of those that have an account."""
        async with self._database.reading() as tx:
            rows = await tx.fetch(QUERIES.accounts, *self._key, list(ids))
        return {str(row["source_id"]): row["target_id"] for row in rows}

    async def holders(self, object_type: str, target_ids: Sequence[str]) -> dict[str, Known]:
        """Target id → whose account it is, for those that are somebody's."""
        async with self._database.reading() as tx:
            rows = await tx.fetch(QUERIES.holders, *self._key, object_type, list(target_ids))
        return {row["target_id"]: known_from(row) for row in rows}

    async def in_groups(self, ids: Sequence[str]) -> set[str]:
        """Those of these objects that are (or may be) a member of some group at the target."""
        async with self._database.reading() as tx:
            rows = await tx.fetch(QUERIES.in_groups, *self._key, list(ids))
        return {str(row["member_id"]) for row in rows}

    async def members(self, groups: Sequence[str]) -> dict[str, dict[str, Membership]]:
        """Group → member → membership."""
        async with self._database.reading() as tx:
            rows = await tx.fetch(QUERIES.members, *self._key, list(groups))
        found: dict[str, dict[str, Membership]] = {group: {} for group in groups}
        for row in rows:
            membership = Membership(row["target_id"], row["added"], row["confirmed"])
            found[str(row["group_id"])][str(row["member_id"])] = membership
        return found

    async def joining(self, cycle: Cycle, groups: Sequence[str], most: int) -> dict[str, list[str]]:
        """Group → members whom the plan adds to it, at most so many."""
        async with self._database.reading() as tx:
            rows = await tx.fetch(QUERIES.joining, *self._key, cycle.id, list(groups), most)
        return {str(row["source_id"]): row["members"] for row in rows}

    # ── plan and log ─────────────────────────────────────────────────────────────────────────────────────────

    async def begin(self, kind: Kind, mode: Mode, generation: int, as_of: int) -> Cycle:
        identity = uuid4()
        async with self._database.transaction() as tx:
            number = await tx.fetchval(QUERIES.cycle_begin, *self._key, identity, kind, mode, as_of)
            await tx.execute(QUERIES.changes_prune, *self._key, number - CYCLES_KEPT, DRY_RUNS_KEPT, self._log_days)
        return Cycle(identity, number, kind, mode, generation)

    async def append(self, cycle: Cycle, rows: Sequence[Planned]) -> None:
        """Add rows to the cycle's plan."""
        changes = [row.change for row in rows]
        async with self._database.reading() as tx:
            await tx.execute(
                QUERIES.change_append,
                *self._key,
                cycle.id,
                [row.ordinal for row in rows],
                [change.phase for change in changes],
                [change.action for change in changes],
                [change.object_type for change in changes],
                [change.source_id for change in changes],
                [change.source_name for change in changes],
                [change.target_id for change in changes],
                [change.reason for change in changes],
                [change.seq for change in changes],
                [detail_of(change) for change in changes],
                [change.retry for change in changes],
            )

    async def measure(self) -> None:
        """Tell the database how much a large plan has put into its tables, or it reads all of them for each page."""
        async with self._database.reading() as tx:
            await tx.execute(QUERIES.measure)

    async def planned(self, cycle: Cycle, limit: int) -> AsyncIterator[list[Planned]]:
        """The plan's rows in the order in which they are done, page by page; a page has one phase."""
        phase, ordinal = 0, 0
        while True:
            async with self._database.reading() as tx:
                rows = await tx.fetch(QUERIES.change_page, *self._key, cycle.id, phase, ordinal, limit)
            page = [Planned(row["ordinal"], change_from(row)) for row in rows if row["phase"] == rows[0]["phase"]]
            if not page:
                return
            phase, ordinal = page[-1].change.phase, page[-1].ordinal
            yield page

    async def promise(self, epoch: int, changes: Sequence[Change]) -> None:
        """Durable before the first request of a page is sent: what is created, touched, deleted or adopted."""
        async with self._fenced(epoch) as tx:
            await promises.promise(tx, self._key, changes)

    async def promise_members(self, epoch: int, rows: Sequence[tuple[str, str, str]]) -> None:
        """Durable before members (group, member, target id) are added: they may be in the group from now on."""
        async with self._fenced(epoch) as tx:
            await tx.execute(QUERIES.promise_members, *self._key, *zip(*rows, strict=True))

    async def doubt_members(self, epoch: int, rows: Sequence[tuple[str, str]]) -> None:
        """Durable before members (group, member) are removed: they may be in the group or not from now on."""
        async with self._fenced(epoch) as tx:
            await tx.execute(QUERIES.doubt_members, *self._key, *zip(*rows, strict=True))

    async def doubt(self, epoch: int, changes: Sequence[Change]) -> None:
        """What a worker sent that has lost its lease may have been done after its successor looked: it is looked at
        again. Nothing while the lease is still this worker's."""
        async with self._database.transaction() as tx:
            await tx.fetchrow(QUERIES.job_lock, *self._key)
            await promises.doubt(tx, self._key, await self._past(tx, epoch), changes)

    async def settle(self, epoch: int, cycle: Cycle, outcomes: Sequence[Outcome], *, harmed: int = 0) -> int:
        """Links, log rows and what is done, of one page, in one transaction; ``harmed``: from how many more something
        was taken, which counts also when the cycle does not come to its end. Returns how many rows are done so far,
        whoever did them."""
        async with self._fenced(epoch) as tx:
            done = await write_log(tx, self._key, cycle, outcomes, harmed)
            await write_objects(tx, self._key, outcomes)
            await put_members(tx, self._key, [row for outcome in outcomes for row in outcome.members_put])
            await drop_members(tx, self._key, [row for outcome in outcomes for row in outcome.members_gone])
        return done

    async def open_references(self, epoch: int, cycle: Cycle) -> list[UUID]:
        """Objects whose members or manager the plan changes stay due until :meth:`settle_references`.

        Returns those that were not due before.
        """
        async with self._fenced(epoch) as tx:
            return [row["source_id"] for row in await tx.fetch(QUERIES.references_open, *self._key, cycle.id)]

    async def settle_references(
        self, epoch: int, cycle: Cycle, opened: Sequence[UUID] | None = None, keep_due: Collection[str] = ()
    ) -> None:
        """Whoever had every row of the cycle done is not due any more.

        Of those ``opened`` by it (None: of all), and not ``keep_due``, of which it did a part only.
        """
        async with self._fenced(epoch) as tx:
            kept = list(keep_due)
            await tx.execute(QUERIES.references_settle, *self._key, cycle.id, opened, kept)

    async def applied(self, ids: Sequence[str]) -> dict[str, int]:
        """Source id → up to which number it was brought."""
        async with self._database.reading() as tx:
            rows = await tx.fetch(QUERIES.known, *self._key, list(ids))
        return {str(row["source_id"]): row["applied_seq"] for row in rows}

    async def end(
        self,
        cycle: Cycle,
        *,
        status: str,
        plan_hash: str,
        counts: Mapping[str, int],
        requests: int,
        error: str | None = None,
        epoch: int | None = None,
        quarantine: str | None = None,
        harmed: int = 0,
        released: bool = False,
        finished: bool | None = None,
        rest: float | None = None,
        blameless: bool = False,
    ) -> None:
        """Close a cycle; one that held a lease also says how the job stands now.

        ``harmed``: how many it took something from, ``released``: somebody had said that it may; ``finished``: all that
        was planned was done or tried (None: by ``status``); ``rest``: for so long (seconds) the target wants none;
        ``blameless``: somebody, and not the target, is why it did not go through.
        """
        finished = status == "done" if finished is None else finished
        async with self._database.transaction() as tx:
            values = (status, plan_hash, dict(counts), requests, error, harmed, released)
            await tx.execute(QUERIES.cycle_end, *self._key, cycle.id, *values)
            if epoch is not None:
                await self._check(tx, epoch)
                if not finished:
                    await tx.execute(QUERIES.cycle_left, *self._key, cycle.id, NOT_SENT)
                done = finished and cycle.kind == "initial"
                compared = finished and cycle.kind in ("initial", "full")
                if cycle.kind == "incremental":
                    await tx.execute(QUERIES.job_latency, *self._key, cycle.id, LATENCY_SPANS)
                if finished or quarantine is not None:
                    await tx.execute(NOTICES.changed, *self._key, quarantine, cycle.generation)
                await tx.execute(
                    QUERIES.job_done,
                    *self._key,
                    quarantine,
                    done,
                    cycle.generation,
                    compared,
                    rest,
                    finished,
                    None if blameless else status == "done" or rest is not None,
                )

    async def harm(self) -> tuple[int, int]:
        """How many accounts and groups there are, and how many were harmed in the last 24 hours."""
        async with self._database.reading() as tx:
            row = await tx.fetchrow(QUERIES.harm, *self._key)
        return int(row["accounts"]), int(row["earlier"])

    async def standing(self, fewest: int = 1) -> Standing:
        """How many objects fail, and how many work where ``fewest`` or more fail (else 0)."""
        async with self._database.reading() as tx:
            row = await tx.fetchrow(QUERIES.standing, *self._key, fewest)
        return Standing(row["working"], row["failing"], row["references"])

    async def cycles(self, limit: int = 20, mode: Literal["plan", "cycle"] | None = None) -> list[Row]:
        """The latest cycles, newest first, dry runs (``plan``) among them unless one mode is named."""
        async with self._database.reading() as tx:
            return list(await tx.fetch(QUERIES.cycles, *self._key, limit, mode))

    async def log(self, *, cycle: int | None = None, sources: list[UUID] | None = None, limit: int) -> list[Row]:
        """Log rows, newest cycle first; ``nothing`` only when ``sources`` are named."""
        async with self._database.reading() as tx:
            return list(await tx.fetch(QUERIES.log, *self._key, cycle, sources, limit))

    async def once_called(self, name: str) -> list[UUID]:
        """The users who had this name when something was logged of them, whoever has it now."""
        async with self._database.reading() as tx:
            return [row["source_id"] for row in await tx.fetch(QUERIES.log_names, *self._key, name)]
