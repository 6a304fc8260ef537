"""Codes of an authenticator app: time-based one-time passwords (RFC 6238) of six digits, a new one every half minute.

App and server share a key of 160 random bits. A code of the half minute before, or of the next one, is taken too,
because clocks differ; one that was used, and all before it, never again.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import Final
from urllib.parse import quote, urlencode

DIGITS: Final = 6
PERIOD: Final = 30
#: RFC 4226 §4 recommends 160 bits.
_KEY_BYTES: Final = 20
_AROUND: Final = (-1, 0, 1)


def new_key() -> str:
    """A new key in base 32, as people type it into an app."""
    return base64.b32encode(secrets.token_bytes(_KEY_BYTES)).decode()


def spaced(key: str) -> str:
    """The key in groups of four, for reading it off."""
    return " ".join(key[at : at + 4] for at in range(0, len(key), 4))


def uri(key: str, account: str, issuer: str) -> str:
    """The ``otpauth:`` address that apps read from a QR code."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='@')}"
    values = {"secret": key, "issuer": issuer, "algorithm": "SHA1", "digits": DIGITS, "period": PERIOD}
    return f"otpauth://totp/{label}?{urlencode(values, quote_via=quote)}"


def step_of(key: str, code: str, now: float, after: int) -> int | None:
    """The half minute (since 1970) that ``code`` is of, when it is good at ``now`` and later than ``after``."""
    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.twofactor.totp import TOTP

    typed = "".join(code.split())
    if len(typed) != DIGITS or not (typed.isascii() and typed.isdigit()):
        return None
    totp = TOTP(base64.b32decode(key), DIGITS, SHA1(), PERIOD)
    present = int(now // PERIOD)
    # Every candidate is compared, whichever is right, so that the time says nothing of it.
    good = [
        step
        for step in (present + around for around in _AROUND)
        if hmac.compare_digest(totp.generate(step * PERIOD), typed.encode())
    ]
    return next((step for step in good if step > after), None)
