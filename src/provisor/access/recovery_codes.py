"""Recovery codes: for whoever has lost their app and their passkeys; ten at a time, each good once.

A code is 120 random bits, so its SHA-256 is kept and no slow hash is needed (OWASP ASVS 5.0, 6.5.2, asks for 112).
Nobody mistakes a letter for a digit: codes are in Crockford's base 32, read whatever the case and the hyphens.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

HOW_MANY: Final = 10
_SIGNS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH: Final = 24
_MISREAD: Final = str.maketrans("oil", "011")


def fresh() -> list[str]:
    """Ten new codes like ``7k3m-x2p9-0ahw-v5rd-8mtz-q4cn``."""
    return [_code() for _ in range(HOW_MANY)]


def digest(code: str) -> bytes:
    """What is stored and looked up for a code as somebody types it."""
    return hashlib.sha256(_plain(code).encode("utf-8", "replace")).digest()


def looks_like_one(text: str) -> bool:
    """Whether this was meant to be a recovery code, and not one of an app."""
    return len(_plain(text)) == _LENGTH


def _code() -> str:
    text = "".join(secrets.choice(_SIGNS) for _ in range(_LENGTH))
    return "-".join(text[at : at + 4] for at in range(0, _LENGTH, 4))


def _plain(code: str) -> str:
    return "".join(code.replace("-", "").split()).casefold().translate(_MISREAD)
