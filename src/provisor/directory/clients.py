"""OAuth 2.0 clients: programs that sign in to a tenant as themselves, and act there with one directory role.

A client has an id and at least one secret (:mod:`password_credentials`). Nobody makes a client that may do what they
may not, nor gets at the secret of one. ``arrive`` reads a token's client together with the key of its
signature and remembers nothing, so that a client that is deleted, and a role that changed, count from the next request.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from provisor import audit
from provisor.access import jwt
from provisor.access.actors import Actor
from provisor.access.roles import DIRECTORY_ROLES, covers
from provisor.access.signing import KEPT
from provisor.directory import password_credentials
from provisor.directory.edit import Edit, Tenant
from provisor.directory.password_credentials import Credential, Made, Wanted
from provisor.refusal import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from provisor.storage.pool import Database, Row, Tx
from provisor.storage.queries import queries

QUERIES = queries("clients")
#: How long the secret before counts after a renewal, unless told otherwise, and at most.
OVERLAP: Final = timedelta(hours=24)
LONGEST_OVERLAP: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A client's secret that was just made: shown once. ``old_until``: when those before end, if any still counts."""

    client: UUID
    name: str
    value: str = field(repr=False)
    old_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """A client that showed its secret."""

    id: UUID
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request of a client. ``stale``: its last use was noted more than a minute ago."""

    tenant: Tenant
    actor: Actor
    stale: bool


class Unknown(Unauthenticated):
    """There is no such client in this tenant."""


async def create(work: Edit, name: str, role: str) -> NewSecret:
    """A client ``name`` that may what ``role`` allows, with its first secret."""
    work.require("client.write")
    if role not in DIRECTORY_ROLES:
        raise Invalid(f"{role!r} is not a role: {', '.join(DIRECTORY_ROLES)}.")
    _require_covers(work.actor, role)
    if not name.strip() or len(name) > 120 or not name.isprintable():
        raise Invalid("A client's name has 1 to 120 characters, all of which can be seen.")
    identity = uuid4()
    row = (work.tenant.id, identity, name, name.casefold(), role)
    if await work.tx.fetchval(QUERIES.client_insert, *row) is None:
        raise Conflict(f"The client {name} exists already: renew its secret, or choose another name.")
    made = await password_credentials.add(work.tx, work.tenant, identity)
    work.record(audit.Entry("create", f"client {name}", str(identity), after={"role": role}))
    return NewSecret(identity, name, made.value)


async def renew(work: Edit, word: str, overlap: timedelta = OVERLAP) -> NewSecret:
    """Another secret for a client (a name or an id); those before count for ``overlap`` more at most."""
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise Invalid(f"The secret before can be kept for 0 to {LONGEST_OVERLAP.days * 24} hours.")
    found = await _found(work, word)
    until = await password_credentials.end(work.tx, work.tenant, found["id"], overlap)
    made = await password_credentials.add(work.tx, work.tenant, found["id"])
    after = {"old secret until": until and until.isoformat()}
    work.record(audit.Entry("renew secret", f"client {found['name']}", str(found["id"]), after=after))
    return NewSecret(found["id"], found["name"], made.value, until)


async def add_secret(work: Edit, word: str, wanted: Wanted) -> Made:
    """One more secret for a client (a name or an id); those that there are count as before."""
    found = await _found(work, word)
    made = await password_credentials.add(work.tx, work.tenant, found["id"], wanted)
    after = made.credential.audited()
    work.record(audit.Entry("add secret", f"client {found['name']}", str(found["id"]), after=after))
    return made


async def remove_secret(work: Edit, word: str, identity: UUID) -> Credential | None:
    """One secret of a client (a name or an id) counts no more, be it the last one; None when it has no such one."""
    found = await _found(work, word)
    gone = await password_credentials.remove(work.tx, work.tenant, found["id"], identity)
    if gone is not None:
        work.record(audit.Entry("remove secret", f"client {found['name']}", str(found["id"]), before=gone.audited()))
    return gone


async def delete(work: Edit, word: str) -> None:
    """End a client (a name or an id): its secrets and all of its tokens are refused from now on."""
    found = await _found(work, word)
    await work.tx.execute(QUERIES.client_delete, work.tenant.id, found["id"])
    work.record(audit.Entry("delete", f"client {found['name']}", str(found["id"]), before={"role": found["role"]}))


async def everyone(tx: Tx, tenant: Tenant) -> list[Row]:
    """The clients by name: ``id``, ``name``, ``role``, ``created``, ``secret_made``, ``old_until``, ``last_used``."""
    rows: list[Row] = await tx.fetch(QUERIES.clients, tenant.id)
    return rows


async def sign_in(tx: Tx, tenant: Tenant, identity: UUID, secret: str) -> Client:
    """The client whose secret this is. Raises Unknown, SecretExpired, and Unauthenticated for a wrong secret."""
    row = await tx.fetchrow(QUERIES.client_sign_in, tenant.id, identity)
    if row is None:
        raise Unknown(f"There is no client {identity} in the tenant {tenant.name}.")
    await password_credentials.check(tx, tenant, identity, secret)
    return Client(identity, row["name"], row["role"])


async def arrive(tx: Tx, base: str, value: str) -> Arrival:
    """Who comes with the access token ``value`` to the server at ``base``. Raises Unauthenticated."""
    named = jwt.read(value)
    row = await tx.fetchrow(QUERIES.arrival, named.kid, named.tenant, named.client, KEPT)
    jwt.verify(value, row["key"], base, named, time.time())
    if row["client"] is None:
        raise Unauthenticated("The client of this access token was deleted.")
    tenant = Tenant(row["tenant"], row["tenant_name"], row["domain"])
    actor = Actor(str(row["client"]), row["name"], frozenset({row["role"]}))
    return Arrival(tenant, actor, row["stale"])


async def used(database: Database, tenant: Tenant, identity: UUID) -> None:
    """Remember that a client is in use."""
    async with database.transaction() as tx:
        await tx.execute(QUERIES.client_used, tenant.id, identity)


async def _found(work: Edit, word: str) -> Any:
    """The client of this name or id, held until the end of the edit, for who may do all that it may."""
    work.require("client.write")
    found = await work.tx.fetchrow(QUERIES.client_lock, work.tenant.id, word.casefold())
    if found is None:
        raise NotFound(f"There is no client {word}.")
    _require_covers(work.actor, found["role"])
    return found


def _require_covers(actor: Actor, role: str) -> None:
    if not covers(actor, role):
        raise Forbidden(f"{actor.name} may not do all that {role} allows, and cannot hand it to a client.")
