"""Who is assigned to an application, and who owns it.

Assigning a group assigns its direct members. Each assignment touches the objects whose scope it may change. The admin
whose token an application uses must not be provisioned by it: assigning that person is refused unless forced.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from provisor import audit
from provisor.directory import users
from provisor.directory.applications import QUERIES, Application
from provisor.directory.edit import QUERIES as DIRECTORY
from provisor.directory.edit import Edit, Tenant
from provisor.directory.groups import Group
from provisor.directory.users import User
from provisor.refusal import Conflict
from provisor.storage.pool import Row, Tx


async def assign(work: Edit, app: Application, principals: Sequence[User | Group], *, force: bool = False) -> int:
    """Assign users and groups; returns how many were not assigned before."""
    work.require("provisioning.write", app.id)
    await _lock(work, principals)
    owner = app.target_capabilities.owner_name
    if owner and not force:
        await _refuse_the_owner(work, app, principals, owner)
    rows = await work.tx.fetch(
        QUERIES.assign, work.tenant.id, app.id, [item.id for item in principals], [kind(item) for item in principals]
    )
    await _changed(work, app, principals, {row["principal_id"] for row in rows}, "assign")
    return len(rows)


async def unassign(work: Edit, app: Application, principals: Sequence[User | Group]) -> int:
    """Take assignments away; returns how many there were."""
    work.require("provisioning.write", app.id)
    await _lock(work, principals)
    rows = await work.tx.fetch(QUERIES.unassign, work.tenant.id, app.id, [item.id for item in principals])
    await _changed(work, app, principals, {row["principal_id"] for row in rows}, "unassign")
    return len(rows)


async def assignments(tx: Tx, tenant: Tenant, app: Application) -> list[Row]:
    """What is assigned (``principal_id``, ``principal_type``, ``name``, ``created``)."""
    rows: list[Row] = await tx.fetch(QUERIES.assignments, tenant.id, app.id)
    return rows


async def page(
    tx: Tx, tenant: Tenant, app: Application, after: tuple[str, str, UUID], text: str, limit: int
) -> list[Row]:
    """What is assigned, from ``after`` (type, name in small letters, id) on, with ``text`` in a name; as
    :func:`assignments`, and ``display``, ``key``, ``enabled``, ``recycled``, ``members`` of a group."""
    rows: list[Row] = await tx.fetch(QUERIES.assigned_page, tenant.id, app.id, *after, text.lower(), limit)
    return rows


async def count(tx: Tx, tenant: Tenant, app: Application) -> tuple[int, int]:
    """How many users and groups are assigned."""
    row = await tx.fetchrow(QUERIES.assigned_count, tenant.id, app.id)
    return row["users"], row["groups"]


async def candidates(tx: Tx, tenant: Tenant, app: Application, text: str, limit: int) -> list[Row]:
    """Who is not assigned and has ``text`` in a name (``id``, ``type``, ``name``, ``display``, ``enabled``)."""
    rows: list[Row] = await tx.fetch(QUERIES.unassigned, tenant.id, app.id, text.casefold(), limit)
    return rows


async def principals(tx: Tx, tenant: Tenant, ids: Sequence[UUID]) -> list[User | Group]:
    """The users and groups with these ids, those that are not there any more left out."""
    people = await tx.fetch(DIRECTORY.users_by_id, tenant.id, list(ids))
    rooms = await tx.fetch(DIRECTORY.groups_by_id, tenant.id, list(ids))
    return [*map(users.from_row, people), *(Group(row["id"], row["doc"]) for row in rooms)]


async def add_owner(work: Edit, app: Application, user: User) -> bool:
    """Whether they were none before."""
    work.require("owner.write", app.id)
    added = await work.tx.fetchval(QUERIES.owner_add, work.tenant.id, app.id, user.id)
    if added is not None:
        work.record(audit.Entry("add owner", f"application {app.name}", str(app.id), after={"owner": user.upn}))
    return added is not None


async def remove_owner(work: Edit, app: Application, user: User) -> bool:
    """Whether they were one."""
    work.require("owner.write", app.id)
    removed = await work.tx.fetchval(QUERIES.owner_remove, work.tenant.id, app.id, user.id)
    if removed is not None:
        work.record(audit.Entry("remove owner", f"application {app.name}", str(app.id), before={"owner": user.upn}))
    return removed is not None


async def owners(tx: Tx, tenant: Tenant, app: Application) -> list[Row]:
    """The owners (``id``, ``upn``), those in the recycle bin too."""
    rows: list[Row] = await tx.fetch(QUERIES.owners, tenant.id, app.id)
    return rows


def kind(principal: User | Group) -> str:
    return "User" if isinstance(principal, User) else "Group"


async def _lock(work: Edit, principals: Sequence[User | Group]) -> None:
    """Nobody joins these groups before this edit is done: whoever is in one must be touched with it."""
    groups = [item.id for item in principals if isinstance(item, Group)]
    await work.tx.execute(DIRECTORY.groups_lock, work.tenant.id, groups)


async def _changed(
    work: Edit, app: Application, principals: Sequence[User | Group], ids: set[UUID], action: str
) -> None:
    for item in principals:
        if item.id in ids:
            work.touch(kind(item), item.id)
            name = item.upn if isinstance(item, User) else item.name
            after = {kind(item).lower(): name}
            work.record(audit.Entry(action, f"application {app.name}", str(app.id), after=after))
    groups = [item.id for item in principals if isinstance(item, Group) and item.id in ids]
    for row in await work.tx.fetch(DIRECTORY.members_of, work.tenant.id, groups):
        work.touch(row["member_type"], row["member_id"])


async def _refuse_the_owner(work: Edit, app: Application, principals: Sequence[User | Group], owner: str) -> None:
    groups = [item.id for item in principals if isinstance(item, Group)]
    through = {
        row["name"].casefold(): row["group_id"]
        for row in await work.tx.fetch(DIRECTORY.members_of, work.tenant.id, groups)
    }
    direct = {item.upn.casefold() for item in principals if isinstance(item, User)}
    if owner.casefold() in direct or owner.casefold() in through:
        raise Conflict(
            f"{owner} owns the secret token of {app.name} and must not be provisioned by it: use the token of an admin "
            "who is not assigned. (provisor app assign --force assigns all the same.)"
        )
