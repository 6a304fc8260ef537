"""Authorization codes: what the browser carries to a relying party, and what the relying party gets for it, once.

A code is 256 random bits, of which the SHA-256 is kept beside all that it stands for: for whom it was made, which
address it was sent to, who signed in, how and when, and the session that it came from. It counts for a minute, for the
relying party that it was made for, with the verifier of its challenge (RFC 7636), and while that session is there.
Whoever shows it tells the world that it was used, right or wrong: a second try of anybody is none. Shown again after it
was used, it was stolen from one of the two, and the access token that it brought counts no more (RFC 9700 §4.5).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID, uuid4

from provisor.access import sessions
from provisor.access.jwt import LIFETIME
from provisor.directory import users
from provisor.directory.authorization_request import Asked
from provisor.directory.edit import Tenant
from provisor.directory.relying_parties import RelyingParty
from provisor.directory.sign_in import Arrival
from provisor.directory.users import User
from provisor.storage.pool import Row, Tx
from provisor.storage.queries import queries

QUERIES = queries("openid")
#: Seconds that a code counts.
COUNTS: Final = 60
#: Seconds that its row is kept: as long as what it brought may count.
_KEPT: Final = float(LIFETIME + 2 * COUNTS)
_VOID: Final = "The code is not good, or not any more: it is used once, within a minute, by whom it was made for."


@dataclass(frozen=True, slots=True)
class Accounts:
    """What provisioning knows of somebody at a workspace: ids of their ``own`` accounts, and whether the account that
    has their name is another person's (``taken``)."""

    own: tuple[str, ...]
    taken: bool


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code stood for: its ``id`` is that of the access token that it brings.

    ``authenticated``: when ``user`` proved who they are with these ``methods``, in seconds since 1970.
    ``accounts`` are told to workspaces.
    """

    id: UUID
    user: User
    scopes: frozenset[str]
    nonce: str | None
    session: bytes = field(repr=False)
    methods: frozenset[str]
    authenticated: float
    accounts: Accounts | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A code, with what must be the same as when it was asked for, and the issuer that is asked now."""

    code: str = field(repr=False)
    redirect: str
    verifier: str = field(repr=False)
    issuer: str


async def issue(
    tx: Tx, tenant: Tenant, party: RelyingParty, asked: Asked, issuer: str, secret: str, arrival: Arrival
) -> str:
    """A code for ``party``, from the session with this ``secret``, whose arrival this is. Old ones are cleared away."""
    value = sessions.secret()
    authenticated = await clock(tx) - arrival.age
    await tx.execute(
        QUERIES.code_issue,
        tenant.id,
        uuid4(),
        sessions.digest(value),
        party.id,
        asked.redirect,
        issuer,
        sorted(asked.scopes),
        asked.nonce,
        asked.challenge,
        arrival.user.id,
        sessions.digest(secret),
        sorted(arrival.methods),
        _KEPT,
        authenticated,
    )
    return value


async def redeem(tx: Tx, tenant: Tenant, party: RelyingParty, shown: Shown) -> Grant | str:
    """What ``party`` gets for a code; or why it gets nothing, in a sentence, which is no reason to undo this."""
    hashed = sessions.digest(shown.code)
    limits = (sessions.LONGEST.total_seconds(), sessions.IDLE.total_seconds())
    row = await tx.fetchrow(QUERIES.code_redeem, tenant.id, hashed, party.id, float(COUNTS), tenant.realm, *limits)
    if row is None:
        replayed = await tx.fetchval(QUERIES.code_replayed, tenant.id, hashed)
        return _VOID if replayed is None else "The code was used before: what it brought counts no more."
    if row["redirect"] != shown.redirect or row["issuer"] != shown.issuer:
        return "The code was made for another redirect_uri, or at another address of this server."
    if not hmac.compare_digest(challenge_of(shown.verifier), row["challenge"]):
        return "The code_verifier is not that of the code_challenge."
    granted = _granted(row)
    if party.workspace is None:
        return granted
    user = granted.user
    known = await tx.fetchrow(QUERIES.accounts_at, tenant.id, party.workspace, user.id, user.upn)
    return replace(granted, accounts=Accounts(tuple(known["own"]), known["taken"]))


async def clock(tx: Tx) -> float:
    """Now, in seconds since 1970, on the clock by which sessions are dated."""
    return float(await tx.fetchval(QUERIES.clock))


def challenge_of(verifier: str) -> str:
    """The S256 challenge (RFC 7636 §4.2) of a verifier."""
    from joserfc.util import urlsafe_b64encode

    return urlsafe_b64encode(hashlib.sha256(verifier.encode("utf-8", "replace")).digest()).decode()


def _granted(row: Row) -> Grant:
    return Grant(
        id=row["code"],
        user=users.from_row(row),
        scopes=frozenset(row["scopes"]),
        nonce=row["nonce"],
        session=row["session"],
        methods=frozenset(row["methods"]),
        authenticated=row["authenticated"],
    )
