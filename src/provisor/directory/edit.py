"""One edit of the directory: a transaction with its tenant, its actor, its audit rows and its entries in the feed.

    async with edit(database, tenant, actor) as work:
        await users.disable(work, user_id)

The feed's numbers are taken at the very end, under the tenant's row lock, so that they are in the order of commits
whatever else runs in the database; nothing slow happens after that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from provisor import audit
from provisor.access.actors import Actor
from provisor.access.roles import require
from provisor.directory import way_in
from provisor.refusal import Conflict
from provisor.storage.pool import Database, Tx
from provisor.storage.queries import queries

QUERIES = queries("directory")


@dataclass(frozen=True, slots=True)
class Tenant:
    id: UUID
    name: str
    domain: str

    @property
    def realm(self) -> str:
        """Whose sessions and links are its people's."""
        return f"tenant/{self.id}"


@dataclass(slots=True)
class Edit:
    """``touched`` are the objects that changed (id → type), ``moved`` the memberships ((group, member) → the member's
    type); ``entries`` the audit rows.

    ``open_before``: somebody is disabled, deleted or loses a role (:meth:`lose`): an administrator must be left, and
    one who gets in when one got in before.
    """

    tx: Tx
    tenant: Tenant
    actor: Actor
    touched: dict[UUID, str] = field(default_factory=dict)
    moved: dict[tuple[UUID, UUID], str] = field(default_factory=dict)
    entries: list[audit.Entry] = field(default_factory=list)
    open_before: bool | None = None

    def require(self, action: str, application: UUID | None = None) -> None:
        require(self.actor, action, application)

    def touch(self, object_type: str, *ids: UUID) -> None:
        """These objects have changed: every application looks at them again."""
        self.touched.update(dict.fromkeys(ids, object_type))

    def move(self, group: UUID, member: UUID, kind: str) -> None:
        """Somebody came into a group or left it, for good or with the recycle bin: the group has changed."""
        self.touch("Group", group)
        self.moved[group, member] = kind

    async def lose(self) -> None:
        """Say, before it is done, that somebody who may be an administrator will not be one any more."""
        if self.open_before is None:
            self.open_before = await way_in.open_to(self.tx, self.tenant.id)

    def record(self, entry: audit.Entry) -> None:
        self.entries.append(entry)

    async def finish(self) -> None:
        await audit.record(self.tx, f"tenant/{self.tenant.name}", self.actor, self.entries)
        if self.open_before is not None:
            # The tenant's row is locked here and in the feed, never before: rows first, the tenant last, for everybody.
            # A statement that also read the administrators would see them as they were before it waited.
            await self.tx.execute(QUERIES.tenant_lock, self.tenant.id)
            if not await self.tx.fetch(QUERIES.administrators, self.tenant.id):
                raise Conflict(
                    "The last enabled Global Administrator can be neither disabled nor deleted, nor lose the role: "
                    "appoint another one first."
                )
            if self.open_before and not await way_in.open_to(self.tx, self.tenant.id):
                raise Conflict(
                    f"With this {way_in.NOBODY}: conditional access keeps the other ones out. Exclude one of them from "
                    "the policy that blocks first."
                )
        if self.touched:
            await self._feed()

    async def _feed(self) -> None:
        await self.tx.execute(
            QUERIES.feed_append,
            self.tenant.id,
            list(self.touched.keys()),
            list(self.touched.values()),
            [group for group, _ in self.moved],
            [member for _, member in self.moved],
            list(self.moved.values()),
        )
        if self.moved:
            # Twice as many as came, so that the table is no longer than what changed lately.
            await self.tx.execute(QUERIES.member_changes_forget, self.tenant.id, 2 * len(self.moved))


@asynccontextmanager
async def edit(database: Database, tenant: Tenant, actor: Actor) -> AsyncIterator[Edit]:
    """An edit that commits when the block ends and leaves nothing behind when it raises."""
    async with database.transaction() as tx:
        work = Edit(tx, tenant, actor)
        yield work
        await work.finish()
