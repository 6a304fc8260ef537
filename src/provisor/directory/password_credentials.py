"""The secrets that clients and applications show at the token endpoint.

Whoever has a client id may have several at once, each for its time: that is how one secret takes over from another
while both count. A secret has 256 random bits, of which only the SHA-256 is kept, and the first characters, by which
people tell one from another; it is shown once, when it is made. Who may make one is asked by :mod:`clients` and
:mod:`relying_parties`, which hold whose it is meanwhile.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from provisor.directory.edit import Tenant
from provisor.refusal import Conflict, Invalid, Unauthenticated
from provisor.storage.pool import Row, Tx
from provisor.storage.queries import queries

QUERIES = queries("credentials")
#: Of one client or application: each is compared with what is shown.
MOST: Final = 50
_LONGEST_NAME: Final = 120
_HINT: Final = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a secret is to be: ``name`` for people, from when (None: now) and until when (None: no end) it counts."""

    name: str | None = None
    starts: datetime | None = None
    ends: datetime | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret, without itself. ``hint`` is how it begins; what was made before hints were kept has none."""

    id: UUID
    name: str | None
    hint: str | None
    starts: datetime
    ends: datetime | None

    def audited(self) -> dict[str, Any]:
        return {"keyId": str(self.id), "name": self.name, "until": self.ends and self.ends.isoformat()}


@dataclass(frozen=True, slots=True)
class Made:
    """A secret that was just made, with ``value`` to be shown once."""

    credential: Credential
    value: str = field(repr=False)


class SecretExpired(Unauthenticated):
    """It is a secret of this client, and its time is over."""


async def add(tx: Tx, tenant: Tenant, client: UUID, wanted: Wanted = Wanted()) -> Made:
    """One more secret of a client or an application. Raises Invalid, and Conflict when there are too many."""
    _check(wanted)
    if len(await of(tx, tenant, client)) >= MOST:
        raise Conflict(f"There are {MOST} secrets already: remove those that are not needed any more.")
    value = secrets.token_urlsafe(32)
    row = (tenant.id, client, uuid4(), wanted.name, value[:_HINT], digest(value), wanted.starts, wanted.ends)
    return Made(_from_row(await tx.fetchrow(QUERIES.credential_add, *row)), value)


async def remove(tx: Tx, tenant: Tenant, client: UUID, identity: UUID) -> Credential | None:
    """End one of them at once; None when there is no such one."""
    row = await tx.fetchrow(QUERIES.credential_remove, tenant.id, client, identity)
    return _from_row(row) if row else None


async def end(tx: Tx, tenant: Tenant, client: UUID, overlap: timedelta = timedelta()) -> datetime | None:
    """Let all that count end after ``overlap`` at the latest; until when one of them still counts, if any does."""
    rows = await tx.fetch(QUERIES.credentials_end, tenant.id, client, overlap.total_seconds())
    return max((row["ends"] for row in rows), default=None)


async def of(tx: Tx, tenant: Tenant, client: UUID) -> list[Credential]:
    """In the order in which they were made, those whose time is over too."""
    return [_from_row(row) for row in await tx.fetch(QUERIES.credentials, tenant.id, client)]


async def everyone(tx: Tx, tenant: Tenant) -> dict[UUID, list[Credential]]:
    """The same of all clients and applications that have any."""
    found: dict[UUID, list[Credential]] = {}
    for row in await tx.fetch(QUERIES.credentials, tenant.id, None):
        found.setdefault(row["client"], []).append(_from_row(row))
    return found


async def check(tx: Tx, tenant: Tenant, client: UUID, secret: str) -> None:
    """Raises SecretExpired, or Unauthenticated, unless ``secret`` is one of the client's and counts now."""
    shown = digest(secret)
    rows = await tx.fetch(QUERIES.credentials_shown, tenant.id, client)
    row = next((row for row in rows if hmac.compare_digest(shown, row["hash"])), None)
    if row is None:
        raise Unauthenticated(f"The secret is not that of the client {client}.")
    if row["ended"]:
        raise SecretExpired(f"This secret of the client {client} counts no more: its time is over.")
    if not row["begun"]:
        raise Unauthenticated(f"This secret of the client {client} does not count yet: its time has not begun.")


def digest(secret: str) -> bytes:
    """What is stored of a secret: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _check(wanted: Wanted) -> None:
    name = wanted.name
    if name is not None and (len(name) > _LONGEST_NAME or not name.isprintable()):
        raise Invalid(f"The name of a secret has at most {_LONGEST_NAME} characters, all of which can be seen.")
    now = datetime.now(UTC)
    if wanted.ends is not None and wanted.ends <= max(now, wanted.starts or now):
        raise Invalid("A secret must end after it starts, and not in the past.")


def _from_row(row: Row) -> Credential:
    return Credential(row["id"], row["name"], row["hint"], row["starts"], row["ends"])
