"""Users: create, set, disable and enable, the recycle bin, and deletion for good.

A deleted user stays in the recycle bin, memberships kept, until it is restored or purged; the name is free meanwhile.
The last enabled Global Administrator can neither be disabled nor deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg

from provisor import audit
from provisor.access import sessions
from provisor.directory import attributes
from provisor.directory.edit import QUERIES, Edit, Tenant
from provisor.refusal import Conflict, Invalid, NotFound
from provisor.storage.pool import Row, Tx


@dataclass(frozen=True, slots=True)
class User:
    """``doc`` holds every attribute but accountEnabled and the recycle bin, under provisioning names."""

    id: UUID
    upn: str
    enabled: bool
    deleted: datetime | None
    doc: Mapping[str, Any]

    @property
    def recycled(self) -> bool:
        return self.deleted is not None

    def to_json(self) -> dict[str, Any]:
        return {"objectId": str(self.id), "accountEnabled": self.enabled, "IsSoftDeleted": self.recycled, **self.doc}


@dataclass(frozen=True, slots=True)
class Choice:
    """Which users: with ``text`` in a name of theirs, in the recycle bin or not, and only (en- or) disabled ones."""

    text: str = ""
    recycled: bool = False
    enabled: bool | None = None


EVERYBODY: Final = Choice()


def from_row(row: Row) -> User:
    return User(row["id"], row["upn"], row["enabled"], row["deleted"], row["doc"])


async def find(tx: Tx, tenant: Tenant, name: str) -> User:
    """The user with this user principal name or object id; a living one before a recycled one. Raises NotFound."""
    rows = await tx.fetch(QUERIES.users_by_key, tenant.id, [name.casefold()])
    if not rows and (identity := _uuid(name)):
        rows = await tx.fetch(QUERIES.users_by_id, tenant.id, [identity])
    if not rows:
        raise NotFound(f"There is no user {name} in the tenant {tenant.name}.")
    return from_row(rows[0])


async def by_id(tx: Tx, tenant: Tenant, identity: UUID) -> User:
    """The user with this id, whoever has the name now. Raises NotFound."""
    rows = await tx.fetch(QUERIES.users_by_id, tenant.id, [identity])
    if not rows:
        raise NotFound(f"There is no user {identity} in the tenant {tenant.name}.")
    return from_row(rows[0])


async def find_recycled(tx: Tx, tenant: Tenant, name: str) -> User:
    """The user in the recycle bin with this user principal name or object id. Raises NotFound, or Conflict when
    several have the name."""
    rows = await tx.fetch(QUERIES.users_by_key, tenant.id, [name.casefold()])
    if identity := _uuid(name):
        rows = await tx.fetch(QUERIES.users_by_id, tenant.id, [identity])
    found = [row for row in rows if row["deleted"] is not None]
    if len(found) > 1:
        ids = ", ".join(str(row["id"]) for row in found)
        raise Conflict(f"Several users in the recycle bin are called {name}: use an id ({ids}).")
    if not found:
        raise NotFound(f"{name} is not in the recycle bin.")
    return from_row(found[0])


async def page(tx: Tx, tenant: Tenant, after: tuple[str, UUID], limit: int, chosen: Choice = EVERYBODY) -> list[User]:
    """The chosen users by user principal name, those after one (name and id)."""
    name, identity = after
    values = name.casefold(), identity, limit, chosen.recycled, chosen.text.casefold(), chosen.enabled
    rows = await tx.fetch(QUERIES.users_page, tenant.id, *values)
    return [from_row(row) for row in rows]


async def memberships(tx: Tx, tenant: Tenant, principal: UUID) -> list[Row]:
    """The groups (``id``, ``name``) that a user or group is a direct member of."""
    rows: list[Row] = await tx.fetch(QUERIES.memberships, tenant.id, principal)
    return rows


async def assigned_to(tx: Tx, tenant: Tenant, principal: UUID) -> list[Row]:
    """The applications (``id``, ``name``) that they are assigned to; ``through``: a group, or empty for directly."""
    rows: list[Row] = await tx.fetch(QUERIES.assigned_to, tenant.id, principal)
    return rows


async def create(work: Edit, given: Mapping[str, Any]) -> UUID:
    """A user from ``given`` attributes; userPrincipalName is required, accountEnabled is True unless given."""
    work.require("directory.write")
    doc, enabled = await _parsed(work, given)
    doc = {name: value for name, value in doc.items() if value is not None}
    user = User(uuid4(), doc.get("userPrincipalName") or "", enabled is not False, None, doc)
    await save(work, {user.id: None}, [user])
    return user.id


async def change(work: Edit, identity: UUID, given: Mapping[str, Any]) -> None:
    """Set the ``given`` attributes; an empty value clears one."""
    work.require("directory.write")
    before = await _locked(work, identity)
    doc, enabled = await _parsed(work, given)
    merged = {name: value for name, value in {**before.doc, **doc}.items() if value is not None}
    after = User(
        identity, merged.get("userPrincipalName") or "", before.enabled if enabled is None else enabled, None, merged
    )
    if before.recycled:
        raise Conflict(f"{before.upn} is in the recycle bin: restore the user first.")
    await save(work, {identity: before}, [after])


async def recycle(work: Edit, identity: UUID) -> None:
    """Delete a user into the recycle bin; memberships and assignments are kept for a restore."""
    work.require("directory.write")
    before = await _locked(work, identity)
    if before.recycled:
        raise Conflict(f"{before.upn} is in the recycle bin already.")
    after = User(identity, before.upn, before.enabled, datetime.now(UTC), before.doc)
    await save(work, {identity: before}, [after])


async def restore(work: Edit, identity: UUID) -> None:
    work.require("directory.write")
    before = await _locked(work, identity)
    if not before.recycled:
        raise Conflict(f"{before.upn} is not in the recycle bin.")
    taken = await work.tx.fetch(QUERIES.users_by_key, work.tenant.id, [before.upn.casefold()])
    if any(row["deleted"] is None for row in taken):
        raise Conflict(f"Another user is called {before.upn} now: rename that one first.")
    await save(work, {identity: before}, [User(identity, before.upn, before.enabled, None, before.doc)])


async def purge(work: Edit, identity: UUID) -> None:
    """Delete a user who is in the recycle bin for good: what provisioning made of it is deleted too."""
    work.require("directory.write")
    before = await _locked(work, identity)
    if not before.recycled:
        raise Conflict(f"{before.upn} is not in the recycle bin: delete the user first.")
    await work.lose()
    left = await work.tx.fetch(QUERIES.leave_groups, work.tenant.id, identity)
    reports = await work.tx.fetch(QUERIES.reports_detach, work.tenant.id, str(identity))
    await work.tx.execute(QUERIES.forget_assignments, work.tenant.id, identity)
    await work.tx.execute(QUERIES.forget_owners, work.tenant.id, identity)
    await work.tx.execute(QUERIES.user_purge, work.tenant.id, identity)
    work.touch("User", identity, *(row["id"] for row in reports))
    for row in left:
        work.move(row["group_id"], identity, "User")
    work.record(audit.Entry("purge", f"user {before.upn}", str(identity), before=before.to_json()))


async def save(work: Edit, before: Mapping[UUID, User | None], after: Iterable[User]) -> int:
    """Write users as they should be; ``before`` says what each was (None: new). Returns how many differ."""
    changed = [user for user in after if before[user.id] != user]
    for user in changed:
        check(user)
    if any(user.recycled or not user.enabled for user in changed):
        await work.lose()
    try:
        await work.tx.execute(
            QUERIES.user_upsert,
            work.tenant.id,
            [user.id for user in changed],
            [user.upn for user in changed],
            [user.upn.casefold() for user in changed],
            [str(user.doc.get("displayName") or "").casefold() for user in changed],
            [user.enabled for user in changed],
            [user.deleted for user in changed],
            [dict(user.doc) for user in changed],
        )
    except asyncpg.UniqueViolationError as error:
        # Only the database can say so for certain: another edit may be committing the same name right now.
        raise Conflict(f"Another user has that name already: {_taken(error)}.") from None
    for user in changed:
        work.record(_entry(before[user.id], user))
    work.touch("User", *(user.id for user in changed))
    out = [str(user.id) for user in changed if (user.recycled or not user.enabled) and before[user.id] is not None]
    if out:
        await sessions.close_all(work.tx, work.tenant.realm, *out)
    for user in changed:
        was = before[user.id]
        if was is not None and was.recycled != user.recycled:
            await _move(work, user.id)
    return len(changed)


def check(user: User) -> None:
    """Refuse a name that is none, and being one's own manager. Raises Invalid."""
    local, _, domain = user.upn.partition("@")
    if not local or not domain or any(char.isspace() for char in user.upn) or len(user.upn) > 256:
        raise Invalid(f"{user.upn!r} is not a user principal name like ada@contoso.com.")
    if user.doc.get("manager") == str(user.id):
        raise Invalid(f"{user.upn} cannot be their own manager.")


def _entry(before: User | None, after: User) -> audit.Entry:
    if before is None:
        return audit.Entry("create", f"user {after.upn}", str(after.id), after=after.to_json())
    old, new = before.to_json(), after.to_json()
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    action = "change"
    if "IsSoftDeleted" in names:
        action = "delete" if after.recycled else "restore"
    return audit.Entry(
        action,
        f"user {after.upn}",
        str(after.id),
        before={name: old.get(name) for name in names},
        after={name: new.get(name) for name in names},
    )


async def _parsed(work: Edit, given: Mapping[str, Any]) -> tuple[dict[str, Any], bool | None]:
    doc = {}
    for name, value in given.items():
        name = attributes.canonical("User", name)
        doc[name] = attributes.parse("User", name, value)
    enabled = doc.pop("accountEnabled", None)
    if doc.get("manager"):
        doc["manager"] = str((await find(work.tx, work.tenant, doc["manager"])).id)
    return doc, enabled


async def _locked(work: Edit, identity: UUID) -> User:
    rows = await work.tx.fetch(QUERIES.users_lock, work.tenant.id, [identity])
    if not rows:
        raise NotFound(f"There is no user {identity} in the tenant {work.tenant.name}.")
    return from_row(rows[0])


async def _move(work: Edit, identity: UUID) -> None:
    """The recycle bin takes somebody out of all groups, and a restore brings them back."""
    for row in await work.tx.fetch(QUERIES.groups_of, work.tenant.id, [identity]):
        work.move(row["group_id"], identity, "User")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _taken(error: asyncpg.UniqueViolationError) -> str:
    """The user principal name in the database's own words: ``Key (tenant, upn_key)=(…, ada@contoso.com) already…``."""
    return str(error.detail or "").partition("=(")[2].partition(")")[0].partition(", ")[2]
