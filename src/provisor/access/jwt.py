"""JSON Web Tokens of a tenant: what those for its clients say, how all are signed, and when they count.

A token says what one of Entra ID's for Microsoft Graph says, so that programs that look into theirs find it there. Its
algorithm is RS256 because it is written here, whatever a header says: one that could choose could choose ``none``, or
take the public key for a shared secret. What a token claims its client may do is never read; the client's role is.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson

from provisor.refusal import Unauthenticated

ALGORITHM: Final = "RS256"
#: Seconds that a token counts.
LIFETIME: Final = 3600
#: Seconds that the clock of the server that signed may be ahead.
LEEWAY: Final = 60
#: Whom tokens are for, at whatever address a client found the server.
AUDIENCE: Final = "https://graph.microsoft.com"
_LONGEST: Final = 4096
#: RFC 7638: a SHA-256.
_KID: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_INVALID: Final = "The access token is not one of this installation's."


@dataclass(frozen=True, slots=True)
class Named:
    """Whom a token names, and the key that it says it was signed with: what to look up, and nothing to believe."""

    kid: str
    tenant: UUID
    client: UUID


def issuer(base: str, tenant: UUID) -> str:
    """Who issues the tokens of ``tenant`` on the server whose address is ``base``."""
    return f"{base}/{tenant}/v2.0"


def claims(base: str, tenant: UUID, client: UUID, role: str, now: float) -> dict[str, Any]:
    """What a token says that ``client`` gets at ``now``."""
    begin = int(now)
    return {
        "aud": AUDIENCE,
        "iss": issuer(base, tenant),
        "iat": begin,
        "nbf": begin,
        "exp": begin + LIFETIME,
        "tid": str(tenant),
        "oid": str(client),
        "sub": str(client),
        "appid": str(client),
        "azp": str(client),
        "idtyp": "app",
        "roles": [role],
        "ver": "2.0",
        "uti": secrets.token_urlsafe(16),
    }


def sign(said: Mapping[str, Any], kid: str, key: Any, kind: str = "JWT") -> str:
    """The token with the claims ``said``; ``key`` is a private key of joserfc, ``kind`` stands in the header."""
    from joserfc import jwt

    return jwt.encode({"typ": kind, "alg": ALGORITHM, "kid": kid}, dict(said), key, algorithms=[ALGORITHM])


def opened(value: str) -> tuple[str, dict[str, Any]]:
    """The id of the key that a token names, and what it says, before anything is checked.

    Raises Unauthenticated for what cannot be a token.
    """
    parts = value.split(".")
    if len(value) > _LONGEST or not value.isascii() or len(parts) != 3:
        raise Unauthenticated(_INVALID)
    try:
        header, said, _ = map(_decoded, parts)
        named = orjson.loads(header), orjson.loads(said)
        if named[0]["alg"] != ALGORITHM or not _KID.fullmatch(named[0]["kid"]) or not isinstance(named[1], dict):
            raise Unauthenticated(_INVALID)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unauthenticated(_INVALID) from None
    return named[0]["kid"], named[1]


def read(value: str) -> Named:
    """Whom a client's token names, before anything is checked. Raises Unauthenticated for what cannot be one."""
    kid, said = opened(value)
    try:
        return Named(kid, UUID(said["tid"]), UUID(said["appid"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unauthenticated(_INVALID) from None


def verify(value: str, key: Mapping[str, Any] | None, base: str, named: Named, now: float) -> None:
    """Check a token that :func:`read` took, with the public ``key`` that it ``named``, when there is such a key.

    Raises Unauthenticated. Only whoever shows what was signed here learns more than that the token is none.
    """
    said = signed(value, key, "JWT")
    if said.get("tid") != str(named.tenant) or said.get("appid") != str(named.client) or said.get("aud") != AUDIENCE:
        raise Unauthenticated(_INVALID)
    if said.get("iss") != issuer(base, named.tenant):
        raise Unauthenticated(
            "The access token was issued under another address of this server: ask for one where it is used, or set "
            "public_url."
        )
    if now >= said.get("exp", 0):
        raise Unauthenticated("The access token has expired.")
    if now + LEEWAY < said.get("nbf", now + LIFETIME):
        raise Unauthenticated("The access token does not count yet: compare the clocks of the servers.")


def signed(value: str, key: Mapping[str, Any] | None, kind: str) -> dict[str, Any]:
    """What a token says that was signed with the other half of ``key`` and is of this ``kind``.

    Raises Unauthenticated. Whom it is for, and whether it still counts, is not looked at.
    """
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import RSAKey

    if key is None:
        raise Unauthenticated(_INVALID)
    try:
        token = jwt.decode(value, RSAKey.import_key(dict(key)), algorithms=[ALGORITHM])
    except (JoseError, ValueError):
        raise Unauthenticated(_INVALID) from None
    if token.header.get("typ") != kind:
        raise Unauthenticated(_INVALID)
    return dict(token.claims)


def _decoded(part: str) -> bytes:
    """The bytes of a part. Raises ValueError unless it is written as it must be: what is decoded leniently can be
    written in several ways, and a token that was changed would count."""
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError from error
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        raise ValueError
    return raw
