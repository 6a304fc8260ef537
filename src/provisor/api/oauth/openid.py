"""OpenID Connect beside OAuth: what a code is exchanged for, userinfo, and what discovery says of all of it."""

from __future__ import annotations

import time
from typing import Any

from starlette.requests import Request

from provisor.access import jwt
from provisor.api.oauth import asking
from provisor.api.oauth.asking import Asking, Exchange
from provisor.api.oauth.refusals import Refused, plain
from provisor.directory import claims, codes, relying_parties
from provisor.directory.authorization_request import MODES, PROMPTS, SCOPES
from provisor.directory.codes import Shown
from provisor.directory.edit import Tenant
from provisor.directory.password_credentials import SecretExpired
from provisor.directory.relying_parties import RelyingParty
from provisor.refusal import NotFound, Unauthenticated
from provisor.storage.pool import Database, Tx


async def party(tx: Tx, tenant: Tenant, asked: Asking) -> RelyingParty:
    """The relying party that asks. Raises Refused."""
    try:
        found = await relying_parties.find(tx, tenant, asked.client)
        await relying_parties.check_secret(tx, tenant, found, asked.secret)
    except NotFound:
        raise asking.unknown_client(asked.client) from None
    except SecretExpired as error:
        raise asking.wrong_secret(7000222, str(error), basic=asked.basic) from None
    except Unauthenticated as error:
        if not asked.secret:
            raise asking.wrong_secret(7000218, "A client_secret is needed.", basic=asked.basic) from None
        raise asking.wrong_secret(7000215, str(error), basic=asked.basic) from None
    return found


async def no_client(tx: Tx, tenant: Tenant, asked: Asking) -> Refused:
    """Why what asks for a token of its own gets none: it is nothing, or an application, which has no role."""
    try:
        found = await party(tx, tenant, asked)
    except Refused as refused:
        return refused
    sentence = (
        f"{plain(found.name)} is an application: with its secrets it learns who somebody is, and it has no directory "
        "role to act with. A program that acts as itself is a client: provisor client create makes one."
    )
    return Refused(501051, "unauthorized_client", sentence)


async def exchanged(
    database: Database, key: tuple[str, Any], tenant: Tenant, party: RelyingParty, exchange: Exchange, base: str
) -> dict[str, Any]:
    """The tokens for a code; ``key`` signs them. Raises Refused, and what was tried is remembered."""
    issuer = jwt.issuer(base, tenant.id)
    shown = Shown(exchange.code, exchange.redirect, exchange.verifier, issuer)
    async with database.transaction() as tx:
        grant = await codes.redeem(tx, tenant, party, shown)
    if isinstance(grant, str):
        raise Refused(70000, "invalid_grant", grant)
    now = time.time()
    return {
        "token_type": "Bearer",
        "expires_in": jwt.LIFETIME - 1,
        "scope": " ".join(sorted(grant.scopes)),
        "access_token": claims.sign(claims.access_token(tenant, party, grant, base, now), *key, access=True),
        "id_token": claims.sign(claims.id_token(tenant, party, grant, issuer, now), *key),
    }


async def userinfo(tx: Tx, tenant: Tenant, request: Request, base: str) -> dict[str, Any]:
    """Who the access token in the header tells of (OpenID Connect Core §5.3). Raises Refused (RFC 6750 §3)."""
    scheme, _, value = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not value.strip():
        sentence = "There is no access token: send Authorization: Bearer with one."
        raise Refused(50000, "invalid_request", sentence, 401, {"WWW-Authenticate": "Bearer"})
    try:
        return await claims.of_access_token(tx, tenant, base, value.strip())
    except Unauthenticated as error:
        challenge = f'Bearer error="invalid_token", error_description="{error}"'
        raise Refused(50000, "invalid_token", str(error), 401, {"WWW-Authenticate": challenge}) from None


def configuration(base: str, tenant: Tenant) -> dict[str, Any]:
    """OpenID Connect Discovery 1.0 §3, RFC 8414, RFC 9207."""
    start = f"{base}/{tenant.id}"
    of_clients = jwt.claims(base, tenant.id, tenant.id, "", 0)
    return {
        "issuer": jwt.issuer(base, tenant.id),
        "authorization_endpoint": f"{start}/oauth2/v2.0/authorize",
        "token_endpoint": f"{start}/oauth2/v2.0/token",
        "userinfo_endpoint": claims.userinfo(base, tenant),
        "end_session_endpoint": f"{start}/oauth2/v2.0/logout",
        "jwks_uri": f"{start}/discovery/v2.0/keys",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": list(MODES),
        "grant_types_supported": list(asking.GRANTS),
        "prompt_values_supported": list(PROMPTS),
        "acr_values_supported": list(claims.ACR),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [jwt.ALGORITHM],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "claims_supported": sorted({*claims.CLAIMS, *of_clients}),
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }
