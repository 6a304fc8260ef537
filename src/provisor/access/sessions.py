"""Sessions of the console, kept in the database, and the one-time links that begin one.

A browser holds 256 random bits, the database their SHA-256. A session ends after half an hour without a request, after
twelve hours in any case, when its owner signs out (here or everywhere), and with whoever it belongs to: each request
reads the person's state together with the session. A realm is a tenant or a workspace; its sessions open nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from provisor.refusal import NotFound
from provisor.storage.pool import Tx
from provisor.storage.queries import queries

QUERIES = queries("access")
IDLE: Final = timedelta(minutes=30)
LONGEST: Final = timedelta(hours=12)
#: Seconds between two notes of a session's use.
SEEN_EVERY: Final = 60


def secret() -> str:
    """256 random bits as text, for a cookie or a link."""
    return secrets.token_urlsafe(32)


def digest(value: str) -> bytes:
    """What is stored and looked up for a secret."""
    return hashlib.sha256(value.encode("utf-8", "replace")).digest()


def csrf(value: str) -> str:
    """The token that forms of the session with this secret carry: only a page of that session can know it."""
    return hmac.new(value.encode(), b"provisor form", hashlib.sha256).hexdigest()


async def open_session(
    tx: Tx, realm: str, subject: str, methods: Collection[str] = (), *, pending: bool = False, age: float = 0.0
) -> str:
    """A new session; returns the secret that the browser keeps. Sessions that have ended are cleared away.

    ``methods`` are those by which ``subject`` has proved who they are, ``age`` seconds ago. A ``pending`` one is not a
    sign-in yet.
    """
    await tx.execute(QUERIES.sessions_prune, LONGEST.total_seconds(), IDLE.total_seconds())
    value = secret()
    await tx.execute(QUERIES.session_open, digest(value), realm, subject, sorted(methods), pending, age)
    return value


async def prove(tx: Tx, value: str, methods: Collection[str], *, pending: bool = False) -> str | None:
    """The session's owner has just proved who they are by ``methods``: its new secret; None when it has ended.

    The secret before is void, so that nobody who had it shares what was proved now.
    """
    fresh = secret()
    found = await tx.fetchval(QUERIES.session_prove, digest(value), digest(fresh), sorted(methods), pending)
    return fresh if found is not None else None


async def seen(tx: Tx, value: str) -> None:
    await tx.execute(QUERIES.session_seen, digest(value))


async def close(tx: Tx, value: str) -> None:
    """Sign out."""
    await tx.execute(QUERIES.session_close, digest(value))


async def close_all(tx: Tx, realm: str, *subjects: str, but: str | None = None) -> None:
    """Sign people out everywhere, except for the session with the secret ``but``; links of theirs are void."""
    await tx.execute(QUERIES.sessions_close, realm, list(subjects), digest(but) if but else None)


@dataclass(frozen=True, slots=True)
class Open:
    """A session of somebody's; ``id`` is no secret. ``here``: the one that asks."""

    id: str
    opened: datetime
    seen: datetime
    methods: Sequence[str]
    here: bool


async def everyone(tx: Tx, realm: str, subject: str, value: str) -> list[Open]:
    """Somebody's sessions, the one that was used last first; ``value`` is the secret of the one that asks."""
    limits = (LONGEST.total_seconds(), IDLE.total_seconds())
    rows = await tx.fetch(QUERIES.sessions_of, realm, subject, *limits, digest(value))
    return [Open(row["hash"].hex(), row["opened"], row["seen"], row["methods"], row["here"]) for row in rows]


async def end(tx: Tx, realm: str, subject: str, identity: str) -> None:
    """End one session of somebody's. Raises NotFound when there is none with this id."""
    known = bytes.fromhex(identity) if re.fullmatch(r"[0-9a-f]{64}", identity) else b""
    if await tx.fetchval(QUERIES.session_end, realm, subject, known) is None:
        raise NotFound("That session has ended already.")


async def notice(tx: Tx, value: str, what: Mapping[str, Any] | None) -> None:
    """What the session's next page says first."""
    await tx.execute(QUERIES.session_notice, digest(value), what)


async def make_link(tx: Tx, realm: str, subject: str, lifetime: timedelta) -> str:
    """A link's secret for somebody, good for one use."""
    value = secret()
    await tx.execute(QUERIES.link_make, digest(value), realm, subject, lifetime.total_seconds())
    return value


async def look_at_link(tx: Tx, realm: str, value: str) -> str | None:
    """Whose link it is, without using it; None when it is void."""
    found: str | None = await tx.fetchval(QUERIES.link_look, digest(value), realm)
    return found


async def use_link(tx: Tx, realm: str, value: str) -> str | None:
    """Whose link it was; None when it is void. From now on it is."""
    found: str | None = await tx.fetchval(QUERIES.link_use, digest(value), realm)
    return found
