"""Tenants, their first administrators, and who an actor is.

A tenant owns everything else in the directory. ``create`` makes it with an administrator, because nothing may be done
by nobody.
"""

from __future__ import annotations

import re
from uuid import UUID, uuid4

from provisor import audit
from provisor.access.actors import PROVISOR, Actor
from provisor.access.roles import DIRECTORY_ROLES, require
from provisor.directory import users
from provisor.directory.edit import QUERIES, Edit, Tenant
from provisor.refusal import Conflict, Forbidden, Invalid, NotFound
from provisor.storage.pool import Database, Row, Tx

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


async def create(tx: Tx, actor: Actor, name: str, domain: str, administrator: str) -> Tenant:
    """A tenant ``name`` whose Global Administrator is ``administrator`` (a user principal name)."""
    require(actor, "tenant.write")
    if not _NAME.fullmatch(name):
        raise Invalid(f"{name!r} cannot be a tenant's name: use small letters, digits and hyphens.")
    if not _DOMAIN.fullmatch(domain):
        raise Invalid(f"{domain!r} is not a domain like contoso.com.")
    if await tx.fetchrow(QUERIES.tenant_by_name, name):
        raise Conflict(f"The tenant {name} exists already.")
    tenant = Tenant(uuid4(), name, domain)
    await tx.execute(QUERIES.tenant_insert, tenant.id, tenant.name, tenant.domain)
    work = Edit(tx, tenant, PROVISOR)
    user = await users.create(work, {"userPrincipalName": administrator, "displayName": "Administrator"})
    await give_role(work, user, "Global Administrator")
    work.record(audit.Entry("create", f"tenant {name}", str(tenant.id), after={"domain": domain}))
    await work.finish()
    return tenant


async def get(tx: Tx, name: str) -> Tenant:
    row = await tx.fetchrow(QUERIES.tenant_by_name, name)
    if row is None:
        raise NotFound(f"There is no tenant {name}: provisor tenant create {name} makes it.")
    return Tenant(row["id"], row["name"], row["domain"])


async def by_id(tx: Tx, identity: UUID) -> Tenant:
    row = await tx.fetchrow(QUERIES.tenant_by_id, identity)
    if row is None:
        raise NotFound(f"There is no tenant {identity}.")
    return Tenant(row["id"], row["name"], row["domain"])


async def called(tx: Tx, word: str) -> Tenant:
    """The tenant with this id, name or domain, as addresses name it. Raises NotFound, also when a domain is of several.

    An id is looked at before names, which may look like one.
    """
    word = word.lower()
    found = [Tenant(row["id"], row["name"], row["domain"]) for row in await tx.fetch(QUERIES.tenants_called, word)]
    for exact in ([one for one in found if str(one.id) == word], [one for one in found if one.name == word]):
        if exact:
            return exact[0]
    if len(found) > 1:
        raise NotFound(f"Several tenants have the domain {word}: name one of them by its id or its name.")
    if not found:
        raise NotFound(f"There is no tenant {word}.")
    return found[0]


async def everyone(tx: Tx) -> list[Tenant]:
    return [Tenant(row["id"], row["name"], row["domain"]) for row in await tx.fetch(QUERIES.tenants)]


async def give_role(work: Edit, user: UUID, role: str) -> None:
    work.require("role.write")
    if role not in DIRECTORY_ROLES:
        raise Invalid(f"{role!r} is not a role: {', '.join(DIRECTORY_ROLES)}.")
    await work.tx.execute(QUERIES.role_insert, work.tenant.id, user, role)
    after = {"user": (await users.by_id(work.tx, work.tenant, user)).upn}
    work.record(audit.Entry("give role", f"role {role}", str(user), after=after))


async def take_role(work: Edit, user: UUID, role: str) -> None:
    """Take a directory role away; the last Global Administrator keeps it. Raises NotFound when they do not have it."""
    work.require("role.write")
    await work.lose()
    if await work.tx.fetchval(QUERIES.role_delete, work.tenant.id, user, role) is None:
        raise NotFound(f"They are no {role}.")
    before = {"user": (await users.by_id(work.tx, work.tenant, user)).upn}
    work.record(audit.Entry("take role", f"role {role}", str(user), before=before))


async def role_holders(tx: Tx, tenant: Tenant) -> list[Row]:
    """Who has which role (``id``, ``upn``, ``active``, ``role``)."""
    rows: list[Row] = await tx.fetch(QUERIES.role_holders, tenant.id)
    return rows


async def actor(database: Database, tenant: Tenant, acting_as: str | None) -> Actor:
    """The actor for ``acting_as`` (a user principal name), or the tenant's first administrator."""
    async with database.reading() as tx:
        upn = acting_as or await tx.fetchval(QUERIES.first_administrator, tenant.id)
        if upn is None:
            raise Forbidden(f"The tenant {tenant.name} has no enabled Global Administrator to act as.")
        user = await users.find(tx, tenant, upn)
        if not user.enabled or user.recycled:
            raise Forbidden(f"{user.upn} is disabled or deleted and cannot act.")
        roles = await tx.fetch(QUERIES.roles_of, tenant.id, user.id)
        owned = await tx.fetch(QUERIES.owned_by, tenant.id, user.id)
    return Actor(
        id=str(user.id),
        name=user.upn,
        roles=frozenset(row["role"] for row in roles),
        owns=frozenset(row["application"] for row in owned),
    )


async def head(tx: Tx, tenant: Tenant) -> int:
    """The number of the tenant's latest change."""
    return int(await tx.fetchval(QUERIES.feed_head, tenant.id))


async def size(tx: Tx, tenant: Tenant) -> tuple[int, int]:
    """How many users (without those in the recycle bin) and groups the tenant has."""
    row = await tx.fetchrow(QUERIES.tenant_size, tenant.id)
    return row["users"], row["groups"]
