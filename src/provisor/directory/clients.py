"""OAuth 2.0 clients: programs that sign in to a tenant as themselves, and act there with one directory role.

A client has an id and a secret of 256 random bits, of which only the SHA-256 is kept. Nobody makes a client that may do
what they may not, nor gets at the secret of one. ``arrive`` reads a token's client together with the key of its
signature and remembers nothing, so that a client that is deleted, and a role that changed, count from the next request.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
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
from provisor.directory.edit import Edit, Tenant
from provisor.refusal import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from provisor.storage.pool import Database, Row, Tx
from provisor.storage.queries import queries

QUERIES = queries("clients")
#: How long the secret before counts after a renewal, unless told otherwise, and at most.
OVERLAP: Final = timedelta(hours=24)
LONGEST_OVERLAP: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A client's secret that was just made: shown once. ``old_until``: when the one before ends, if it still counts."""

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


class SecretExpired(Unauthenticated):
    """It is the secret before the one that counts, and its time is over."""


async def create(work: Edit, name: str, role: str) -> NewSecret:
    """A client ``name`` that may what ``role`` allows, with its first secret."""
    work.require("client.write")
    if role not in DIRECTORY_ROLES:
        raise Invalid(f"{role!r} is not a role: {', '.join(DIRECTORY_ROLES)}.")
    _require_covers(work.actor, role)
    if not name.strip() or len(name) > 120 or not name.isprintable():
        raise Invalid("A client's name has 1 to 120 characters, all of which can be seen.")
    identity, value = uuid4(), secrets.token_urlsafe(32)
    row = (work.tenant.id, identity, name, name.casefold(), role, digest(value))
    if await work.tx.fetchval(QUERIES.client_insert, *row) is None:
        raise Conflict(f"The client {name} exists already: renew its secret, or choose another name.")
    work.record(audit.Entry("create", f"client {name}", str(identity), after={"role": role}))
    return NewSecret(identity, name, value)


async def renew(work: Edit, word: str, overlap: timedelta = OVERLAP) -> NewSecret:
    """Another secret for a client (a name or an id); the one before counts for ``overlap`` more, any older one not."""
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise Invalid(f"The secret before can be kept for 0 to {LONGEST_OVERLAP.days * 24} hours.")
    found = await _found(work, word)
    value = secrets.token_urlsafe(32)
    row = (work.tenant.id, found["id"], digest(value), overlap.total_seconds())
    until: datetime | None = await work.tx.fetchval(QUERIES.client_renew, *row)
    after = {"old secret until": until and until.isoformat()}
    work.record(audit.Entry("renew secret", f"client {found['name']}", str(found["id"]), after=after))
    return NewSecret(found["id"], found["name"], value, until)


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
    shown = digest(secret)
    if hmac.compare_digest(shown, row["secret"]):
        return Client(identity, row["name"], row["role"])
    if row["old_secret"] is None or not hmac.compare_digest(shown, row["old_secret"]):
        raise Unauthenticated(f"The secret is not that of the client {identity}.")
    if not row["old_counts"]:
        raise SecretExpired(f"This secret of the client {identity} was renewed, and its time is over.")
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


def digest(secret: str) -> bytes:
    """What is stored of a secret: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


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
