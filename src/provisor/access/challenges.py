"""What a browser has been asked and has not answered yet, kept on the server.

It belongs to the secret that the browser holds (its session's, or one made for a sign-in), has a purpose, and is good
for some minutes and one right answer. Asking again for the same purpose voids what was asked before.
"""

from __future__ import annotations

from typing import Final

from provisor.access.sessions import digest
from provisor.storage.pool import Tx
from provisor.storage.queries import queries

QUERIES = queries("factors")
#: Seconds to answer a passkey's challenge.
PASSKEY_SECONDS: Final = 300
#: Seconds to enter the first code of an authenticator app.
APP_SECONDS: Final = 600


async def ask(tx: Tx, holder: str, purpose: str, value: bytes, seconds: float) -> None:
    """Remember ``value`` for the browser with the secret ``holder``."""
    await tx.execute(QUERIES.challenge_put, digest(holder), purpose, value, seconds)


async def look(tx: Tx, holder: str, purpose: str) -> bytes | None:
    """What was asked, without using it up; None when nothing was, or too long ago."""
    found: bytes | None = await tx.fetchval(QUERIES.challenge_look, digest(holder), purpose)
    return found


async def take(tx: Tx, holder: str, purpose: str) -> bytes | None:
    """What was asked, once; None when nothing was, too long ago, or it has been answered."""
    found: bytes | None = await tx.fetchval(QUERIES.challenge_take, digest(holder), purpose)
    return found
