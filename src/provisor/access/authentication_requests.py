"""Sign-ins that a browser is away for, at an OpenID provider: what must be known of each when it comes back.

A row is for one browser, by a secret that only its cookie has, and for one answer, by the ``state`` that went along: an
answer that somebody else began to ask for (login CSRF), that comes a second time (replay), or that comes for another
realm finds nothing. A row whose state does not fit stays, so that nobody spoils a sign-in by sending a browser here
with a made-up one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from provisor.access.sessions import digest, secret
from provisor.storage.pool import Tx
from provisor.storage.queries import queries

QUERIES = queries("access")
#: Seconds for which somebody may be away.
LIFETIME: Final = 600


@dataclass(frozen=True, slots=True)
class Away:
    """``destination`` is where to go on to; ``subject`` is whoever is signed in here already and wants to be known as
    somebody there, empty for a sign-in. The rest is the relying party's, as it asked."""

    state: str
    issuer: str
    client: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str
    destination: str = ""
    subject: str = ""
    max_age: int | None = None


async def keep(tx: Tx, realm: str, away: Away) -> str:
    """Write it down; returns the secret for the browser. Those whose time is over are cleared away."""
    await tx.execute(QUERIES.authentication_requests_prune)
    value = secret()
    await tx.execute(
        QUERIES.authentication_request_keep,
        digest(value),
        realm,
        away.state,
        away.issuer,
        away.client,
        away.nonce,
        away.verifier,
        away.redirect_uri,
        away.destination,
        away.subject,
        away.max_age,
        LIFETIME,
    )
    return value


async def take(tx: Tx, realm: str, value: str, state: str) -> Away | None:
    """What was kept for the browser with this secret and this state; None when there is nothing. It is gone then."""
    row = await tx.fetchrow(QUERIES.authentication_request_take, digest(value), realm, state)
    return Away(**dict(row)) if row else None
