"""The keys that access tokens are signed with: made when one is needed, followed by another after a month.

A key is kept in the database for every process of the installation, its private half sealed. When the next one is
made the private half is gone; the public one stays with the published ones until whatever it signed has expired.
Who cannot open a key, because a backup came without its key file, makes one of their own and spoils nobody else's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import orjson

from provisor.access.jwt import ALGORITHM, LIFETIME
from provisor.access.secrets import SecretBox
from provisor.refusal import Unavailable
from provisor.storage.pool import Database, Row, Tx
from provisor.storage.queries import queries

QUERIES = queries("access")
#: Days that a key signs.
ROTATION: Final = 30
#: Seconds that a key stays published after it was retired. Who signs may have read it a moment before that.
KEPT: Final = 2.0 * LIFETIME
_BITS: Final = 2048


class SigningKeys:
    """The keys of one installation, as one process signs with them."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box
        #: Opening one takes far longer than signing with it.
        self._opened: tuple[str, Any] | None = None

    async def newest(self) -> tuple[str, Any]:
        """The key to sign with now: its id, and a private key of joserfc."""
        async with self._database.reading() as tx:
            rows = await tx.fetch(QUERIES.signing_keys_fresh, ROTATION)
        return await self._usable(rows) or await self._made()

    async def _usable(self, rows: Sequence[Row]) -> tuple[str, Any] | None:
        for row in rows:
            if self._opened is None or self._opened[0] != row["kid"]:
                try:
                    text = self._box.open(row["private"], _row(row["kid"]))
                except Unavailable:
                    continue
                self._opened = row["kid"], await asyncio.to_thread(_imported, text)
            return self._opened
        return None

    async def _made(self) -> tuple[str, Any]:
        """A new key, unless somebody else has just made one."""
        async with self._database.transaction() as tx:
            await tx.execute(QUERIES.signing_key_lock)
            found = await self._usable(await tx.fetch(QUERIES.signing_keys_fresh, ROTATION))
            if found is not None:
                return found
            kid, private, public = await asyncio.to_thread(_generated)
            await tx.execute(QUERIES.signing_key_insert, kid, ALGORITHM, self._box.seal(private, _row(kid)), public)
            await tx.execute(QUERIES.signing_keys_retire, ROTATION)
            await tx.execute(QUERIES.signing_keys_prune, KEPT)
        self._opened = kid, await asyncio.to_thread(_imported, private)
        return self._opened


async def published(tx: Tx) -> list[dict[str, Any]]:
    """The public keys of every token that can still count, as RFC 7517 writes them; newest first."""
    return [row["public"] for row in await tx.fetch(QUERIES.signing_keys_published, KEPT)]


def _row(kid: str) -> str:
    return f"signing_key/{kid}/private"


def _imported(text: str) -> Any:
    from joserfc.jwk import RSAKey

    return RSAKey.import_key(orjson.loads(text))


def _generated() -> tuple[str, str, dict[str, Any]]:
    """The id, the private half as text, and the public half of a new key."""
    from joserfc.jwk import RSAKey

    key = RSAKey.generate_key(_BITS)
    kid = key.thumbprint()
    public = {**key.as_dict(private=False), "kid": kid, "use": "sig", "alg": ALGORITHM}
    return kid, orjson.dumps(key.as_dict(private=True)).decode(), public
