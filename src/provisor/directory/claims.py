"""What relying parties are told of a person: the claims of ID tokens and of userinfo, and the tokens themselves.

Subjects are the person's object id, the same for every relying party; Entra ID's ``oid`` and ``tid`` stand beside. The
access token opens userinfo and nothing else: its audience is that address and its type is RFC 9068's, so that the Graph
API does not take it, nor userinfo a client's.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

from provisor.access import jwt, sessions, signing
from provisor.directory import users
from provisor.directory.admission import EXTERNAL, PASSKEY, PASSWORD, RECOVERY_CODE, TOTP, two_factors
from provisor.directory.codes import Grant
from provisor.directory.edit import Tenant
from provisor.directory.relying_parties import RelyingParty
from provisor.directory.users import User
from provisor.refusal import Unauthenticated
from provisor.storage.pool import Tx
from provisor.storage.queries import queries

QUERIES = queries("openid")
#: RFC 8176, and what Entra ID calls a sign-in elsewhere. Where a passkey keeps its key is not known.
_AMR: Final = {
    PASSWORD: ("pwd",),
    TOTP: ("otp",),
    RECOVERY_CODE: ("otp",),
    PASSKEY: ("pop", "user"),
    EXTERNAL: ("fed",),
}
ONE_FACTOR: Final = "urn:provisor:acr:one-factor"
TWO_FACTORS: Final = "urn:provisor:acr:two-factors"
#: OpenID Connect Extended Authentication Profile: resistant to phishing.
PHISHING_RESISTANT: Final = "phr"
#: From the weakest on.
ACR: Final = (ONE_FACTOR, TWO_FACTORS, PHISHING_RESISTANT)
_ACCESS_TOKEN: Final = "at+jwt"
_PROFILE: Final = {"name": "displayName", "given_name": "givenName", "family_name": "surname"}
CLAIMS: Final = (
    "acr amr aud auth_time email exp family_name given_name iat iss name nonce oid preferred_username sid sub tid ver"
).split()
#: For workspaces: which of their accounts are the person's, and whether the one of their name is somebody else's.
ACCOUNTS: Final = "provisor_accounts"
NAME_TAKEN: Final = "provisor_name_taken"
_ENDED: Final = "The access token counts no more: the sign-in that it came from has ended."


def amr(methods: frozenset[str]) -> list[str]:
    """How somebody proved who they are (RFC 8176)."""
    found = {value for method in methods for value in _AMR.get(method, ())}
    return sorted(found | {"mfa"} if two_factors(methods) else found)


def acr(methods: frozenset[str]) -> str:
    """How well somebody proved it, one of :data:`ACR`."""
    if PASSKEY in methods:
        return PHISHING_RESISTANT
    return TWO_FACTORS if two_factors(methods) else ONE_FACTOR


def wanting(methods: frozenset[str], asked: Collection[str]) -> str | None:
    """The weakest level of those asked for that these methods do not reach; None when one is reached, or none is
    known."""
    levels = [ACR.index(value) for value in asked if value in ACR]
    if not levels or ACR.index(acr(methods)) >= min(levels):
        return None
    return ACR[min(levels)]


def person(user: User, scopes: Collection[str]) -> dict[str, Any]:
    """Who ``user`` is, for a relying party that was given these ``scopes``."""
    found: dict[str, Any] = {"sub": str(user.id)}
    if "profile" in scopes:
        found["preferred_username"] = user.upn
        found.update({claim: user.doc[name] for claim, name in _PROFILE.items() if user.doc.get(name)})
    if "email" in scopes and user.doc.get("mail"):
        found["email"] = user.doc["mail"]
    return found


def id_token(tenant: Tenant, party: RelyingParty, grant: Grant, issuer: str, now: float) -> dict[str, Any]:
    """What the ID token says (OpenID Connect Core §2)."""
    said = {
        "iss": issuer,
        "aud": str(party.id),
        "iat": int(now),
        "exp": int(now) + jwt.LIFETIME,
        "auth_time": int(grant.authenticated),
        "amr": amr(grant.methods),
        "acr": acr(grant.methods),
        "sid": hashlib.sha256(b"sid " + grant.session).hexdigest()[:32],
        "tid": str(tenant.id),
        "oid": str(grant.user.id),
        "ver": "2.0",
        **person(grant.user, grant.scopes),
    }
    if grant.accounts is not None:
        said |= {ACCOUNTS: list(grant.accounts.own), NAME_TAKEN: grant.accounts.taken}
    return said if grant.nonce is None else {**said, "nonce": grant.nonce}


def access_token(tenant: Tenant, party: RelyingParty, grant: Grant, base: str, now: float) -> dict[str, Any]:
    """What the access token says (RFC 9068): what it opens is kept with the code that brought it."""
    return {
        "iss": jwt.issuer(base, tenant.id),
        "aud": userinfo(base, tenant),
        "sub": str(grant.user.id),
        "client_id": str(party.id),
        "iat": int(now),
        "exp": int(now) + jwt.LIFETIME,
        "jti": str(grant.id),
        "scope": " ".join(sorted(grant.scopes)),
    }


def sign(said: Mapping[str, Any], kid: str, key: Any, *, access: bool = False) -> str:
    """An ID token, or an access token, with these claims."""
    return jwt.sign(said, kid, key, _ACCESS_TOKEN if access else "JWT")


def userinfo(base: str, tenant: Tenant) -> str:
    """The address of userinfo."""
    return f"{base}/{tenant.id}/openid/userinfo"


async def of_access_token(tx: Tx, tenant: Tenant, base: str, value: str) -> dict[str, Any]:
    """Who an access token tells of, as they are now. Raises Unauthenticated."""
    kid, named = jwt.opened(value)
    limits = (sessions.LONGEST.total_seconds(), sessions.IDLE.total_seconds())
    row = await tx.fetchrow(QUERIES.token_of_code, tenant.id, _id(named), kid, signing.KEPT, tenant.realm, *limits)
    said = jwt.signed(value, row["key"], _ACCESS_TOKEN)
    if said.get("aud") != userinfo(base, tenant) or said.get("iss") != jwt.issuer(base, tenant.id):
        raise Unauthenticated("The access token is not for this address.")
    if time.time() >= said.get("exp", 0):
        raise Unauthenticated("The access token has expired.")
    if row["id"] is None or said.get("sub") != str(row["id"]):
        raise Unauthenticated(_ENDED)
    return {**person(users.from_row(row), row["scopes"]), "oid": str(row["id"]), "tid": str(tenant.id)}


async def hinted(tx: Tx, tenant: Tenant, base: str, value: str) -> tuple[str, str] | None:
    """The relying party (client id) and the subject of an ID token that came from here, expired or not; else None."""
    try:
        kid, _ = jwt.opened(value)
        keys = {key["kid"]: key for key in await signing.published(tx)}
        said = jwt.signed(value, keys.get(kid), "JWT")
    except Unauthenticated:
        return None
    if said.get("iss") != jwt.issuer(base, tenant.id) or "sid" not in said:
        return None
    return str(said.get("aud")), str(said.get("sub"))


def _id(named: Mapping[str, Any]) -> UUID:
    try:
        return UUID(named["jti"])
    except (KeyError, ValueError, TypeError, AttributeError):
        raise Unauthenticated("The access token is not one for userinfo.") from None
