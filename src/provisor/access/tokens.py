"""Access tokens of a workspace: ``dapi`` + 32 random bytes in base 62 + a checksum.

The checksum lets a truncated or mistyped token be refused without asking the database. Only the SHA-256 of a token
is stored: 256 random bits need no slow hash. The public ``token_id`` is a random number of its own, not that hash.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib
from dataclasses import dataclass, field

PREFIX = "dapi"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BODY, _CHECK = 43, 6


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made: ``value`` is shown once, ``hash`` is kept."""

    id: str
    hash: bytes
    value: str = field(repr=False)


def make() -> NewToken:
    body = _base62(int.from_bytes(secrets.token_bytes(32), "big"), _BODY)
    value = PREFIX + body + _checksum(body)
    return NewToken(id=secrets.token_hex(32), hash=digest(value), value=value)


def digest(value: str) -> bytes:
    """What is stored and looked up for a token's value."""
    return hashlib.sha256(value.encode()).digest()


def well_formed(value: str) -> bool:
    """Whether ``value`` can be a token at all; False costs no database."""
    body, check = value[len(PREFIX) : len(PREFIX) + _BODY], value[len(PREFIX) + _BODY :]
    return value.startswith(PREFIX) and value.isascii() and len(body) == _BODY and check == _checksum(body)


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii", "replace")), _CHECK)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
