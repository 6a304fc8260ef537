"""ID tokens: whether one was signed by its provider, for us, for this sign-in, and counts now (OpenID Connect Core 1.0
§3.1.3.7).

The algorithm is one of those that need the provider's private key, whatever a header says: ``none`` needs no key, and
the HMAC ones would take the public key for a shared secret. The key is one that the provider publishes for that
algorithm.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from provisor.refusal import Forbidden

#: Algorithm → type of its keys (RFC 7518 §3.1, RFC 8037).
ALGORITHMS: Final[Mapping[str, str]] = {
    "RS256": "RSA",
    "PS256": "RSA",
    "ES256": "EC",
    # One algorithm under two names (RFC 9864).
    "EdDSA": "OKP",
    "Ed25519": "OKP",
}
#: Seconds by which two clocks may differ.
LEEWAY: Final = 60
_LONGEST: Final = 64 * 1024
_LONGEST_SUBJECT: Final = 255
_RSA_BITS: Final = 2048


class UnknownKey(Exception):
    """It names a key that is not among those."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Whose token it must be, for whom, and for which sign-in; ``max_age`` as it was asked for."""

    issuer: str
    client_id: str
    nonce: str = field(repr=False)
    max_age: int | None = None


def verified(token: str, keys: Sequence[Mapping[str, Any]], expected: Expected, now: float) -> dict[str, Any]:
    """The claims of a token. Raises UnknownKey, and Forbidden with what is wrong with it."""
    claims = _signed(token, keys)
    _check_issuer_and_audience(claims, expected)
    _check_times(claims, expected, now)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise Forbidden("The ID token was made for another sign-in (nonce): begin again.")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
        raise Forbidden("The ID token does not say whose it is (sub).")
    return claims


def _signed(token: str, keys: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jws import JWSRegistry

    if len(token) > _LONGEST or not token.isascii():
        raise Forbidden("The ID token cannot be read.")

    def chosen(guest: Any) -> Any:
        return _key(guest.headers(), keys)

    registry = JWSRegistry(algorithms=list(ALGORITHMS))
    try:
        return dict(jwt.decode(token, chosen, algorithms=list(ALGORITHMS), registry=registry).claims)
    except (JoseError, ValueError, TypeError, KeyError):
        raise Forbidden(
            "The ID token's signature is not its provider's, or made in a way that is not taken "
            f"({', '.join(ALGORITHMS)} are)."
        ) from None


def _key(header: Mapping[str, Any], keys: Sequence[Mapping[str, Any]]) -> Any:
    """The published key that a token says it was signed with."""
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    kinds: dict[str, Any] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    algorithm = header.get("alg")
    kind = ALGORITHMS.get(algorithm) if isinstance(algorithm, str) else None
    if kind is None:
        raise ValueError
    named = [key for key in keys if "kid" not in header or key.get("kid") == header["kid"]]
    fitting = [key for key in named if _fits(key, algorithm, kind)]
    if len(fitting) != 1:
        # None, or, without a name, several that it may be.
        raise UnknownKey
    public = {name: value for name, value in fitting[0].items() if name in ("kty", "n", "e", "crv", "x", "y", "kid")}
    return kinds[kind].import_key(public)


def _fits(key: Mapping[str, Any], algorithm: Any, kind: str) -> bool:
    if key.get("kty") != kind or key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm:
        return False
    if kind == "RSA":
        modulus = key.get("n")
        return isinstance(modulus, str) and len(modulus) * 6 >= _RSA_BITS
    return key.get("crv") == {"EC": "P-256", "OKP": "Ed25519"}[kind]


def _check_issuer_and_audience(claims: Mapping[str, Any], expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise Forbidden("The ID token is another provider's (iss).")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if expected.client_id not in audiences:
        raise Forbidden("The ID token was made for another application (aud).")
    party = claims.get("azp")
    if party != expected.client_id and (party is not None or len(audiences) > 1):
        raise Forbidden("The ID token was given to another application (azp).")


def _check_times(claims: Mapping[str, Any], expected: Expected, now: float) -> None:
    if now - LEEWAY >= _moment(claims, "exp"):
        raise Forbidden("The ID token has expired (exp): begin again, or compare the clocks of the servers.")
    earliest = max(_moment(claims, "iat"), _moment(claims, "nbf") if "nbf" in claims else 0)
    if now + LEEWAY < earliest:
        raise Forbidden("The ID token does not count yet (iat, nbf): compare the clocks of the servers.")
    if expected.max_age is not None and now - LEEWAY > _moment(claims, "auth_time") + expected.max_age:
        raise Forbidden("The provider did not ask you again who you are (auth_time), as it was told to.")


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Forbidden(f"The ID token does not say what it must: {name} is missing.")
    return float(value)
