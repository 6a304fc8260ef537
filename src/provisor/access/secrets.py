"""Secrets at rest: what must be sent on to other systems is encrypted with AES-256-GCM.

The row that a secret belongs to is the associated data, so a ciphertext moved to another row does not open. The key
comes from ``PROVISOR_SECRET_KEY`` or from a 0600 file in the data folder, never from the database.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import stat
from pathlib import Path

from provisor.refusal import Invalid, Unavailable

_VERSION = b"\x01"
_NONCE = 12


class SecretBox:
    """Seals and opens secrets under one key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, secret: str, row: str) -> bytes:
        """The ciphertext of ``secret`` for ``row`` (a text that names table, keys and column)."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + AESGCM(self._key).encrypt(nonce, secret.encode(), row.encode())

    def open(self, sealed: bytes, row: str) -> str:
        """The secret again. Raises Unavailable when key or row are not those it was sealed with."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce, body = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            return AESGCM(self._key).decrypt(nonce, body, row.encode()).decode()
        except (InvalidTag, ValueError):
            raise Unavailable(
                "A stored secret cannot be decrypted with this installation's key: restore the key file that belongs "
                "to this database, or enter the secret again."
            ) from None


def key_from_text(text: str, place: str = "PROVISOR_SECRET_KEY") -> bytes:
    """The key in a setting or file (``place`` says which): 32 bytes in base 64. Raises Invalid."""
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise Invalid(f"{place} must be 32 random bytes in base 64.")
    return key


def key_from_file(path: Path) -> bytes:
    """The key in ``path``; made there (0600) when there is none. Raises Invalid when others could read it.

    The file appears with its key in it or not at all, whoever else is making it and whenever this process ends.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(base64.b64encode(os.urandom(32)).decode())
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Invalid(f"{path} can be read by other users: run chmod 600 on it.")
    return key_from_text(path.read_text().strip(), str(path))
