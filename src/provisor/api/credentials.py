"""The access token that a request carries: ``Authorization: Bearer …``, or Basic with the user ``token``."""

from __future__ import annotations

import base64


def access_token(authorization: str | None) -> str | None:
    """The token's text, None when there is no credential that could be one (RFC 6750 §2.1, RFC 7617 §2)."""
    if authorization is None:
        return None
    scheme, _, rest = authorization.strip().partition(" ")
    # The page itself writes "bearer:".
    kind, value = scheme.lower().rstrip(":"), rest.strip()
    if kind == "bearer":
        return value or None
    if kind == "basic":
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            return None
        return password if user == "token" and password else None
    return None
