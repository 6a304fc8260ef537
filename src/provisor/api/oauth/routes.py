"""The addresses at which clients sign in and learn how: token, userinfo, OpenID configuration, keys, and a cloud's
metadata.

``{tenant}`` is a tenant's id, name or domain; what is answered names it by its id. A wrong secret is looked at however
often there was one before: only wrong ones are told to wait, so that nobody locks a client out.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from provisor.access import jwt, signing
from provisor.access.limits import Allowance, Exceeded, Limits, place
from provisor.access.secrets import SecretBox
from provisor.access.signing import SigningKeys
from provisor.api.oauth import asking, openid
from provisor.api.oauth.asking import Asking
from provisor.api.oauth.refusals import Refused, again, expected, plain, response
from provisor.directory import clients, tenants
from provisor.directory.clients import Client, Unknown
from provisor.directory.edit import Tenant
from provisor.directory.password_credentials import SecretExpired
from provisor.refusal import NotFound, Unauthenticated
from provisor.storage.pool import AWAY, Database, Tx

#: Wrong secrets of one client from one address at once, and after how many seconds there may be another.
_WRONG_AT_ONCE: Final = 10
_WRONG_SECONDS: Final = 6.0
_LONGEST_TENANT: Final = 253
#: A page of anywhere may ask: no cookie counts here, so that it can do no more than any program.
_ANYWHERE: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "authorization, content-type",
    "Access-Control-Expose-Headers": "www-authenticate, retry-after",
    "Access-Control-Max-Age": "3600",
}
_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
log = structlog.get_logger(__name__)


def routes(database: Database, box: SecretBox, limits: Limits, base: Callable[[Request], str]) -> list[BaseRoute]:
    """The routes. ``base`` is the server's address as a request's sender knows it."""
    desk = _Desk(database, SigningKeys(database, box), Allowance(_WRONG_AT_ONCE, _WRONG_SECONDS), base)

    def counted(
        handler: Callable[[Request], Awaitable[dict[str, Any]]], *, pages: bool = True
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            if pages and request.method == "OPTIONS" and "access-control-request-method" in request.headers:
                return Response(status_code=204, headers=_ANYWHERE)
            found = await answered(request)
            found.headers.update(_ANYWHERE if pages else {})
            return found

        async def answered(request: Request) -> Response:
            try:
                with limits.admitted(b"oauth " + _address(request)):
                    return JSONResponse(await handler(request), headers={"Cache-Control": "no-store"})
            except Refused as refused:
                return response(request, refused)
            except Exceeded as error:
                sentence = "There are too many requests from this address: wait for the seconds in Retry-After."
                return response(request, again(50196, sentence, 429, error.retry_after))
            except Exception as error:
                found = expected(error)
                if found is None:
                    raise
                return response(request, found)

        return answer

    return [
        Route("/metadata/endpoints", counted(desk.metadata, pages=False)),
        Route("/{tenant}/oauth2/v2.0/token", counted(desk.token), methods=_METHODS),
        Route("/{tenant}/v2.0/.well-known/openid-configuration", counted(desk.configuration)),
        Route("/{tenant}/discovery/v2.0/keys", counted(desk.keys)),
        Route("/{tenant}/openid/userinfo", counted(desk.userinfo), methods=["GET", "POST", "OPTIONS"]),
    ]


class _Desk:
    def __init__(
        self, database: Database, keys: SigningKeys, failures: Allowance, base: Callable[[Request], str]
    ) -> None:
        self._database = database
        self._keys = keys
        self._failures = failures
        self._base = base

    async def token(self, request: Request) -> dict[str, Any]:
        if request.method != "POST":
            raise Refused(900561, "invalid_request", "Tokens are asked for with POST.", 405, {"Allow": "POST"})
        asked = await asking.read(request)
        async with self._database.reading() as tx:
            tenant = await _tenant(tx, request)
            with self._counted(asked, request, tenant):
                if asked.exchange is not None:
                    party = await openid.party(tx, tenant, asked)
                else:
                    client = await _client(tx, tenant, asked)
        key = await self._keys.newest()
        if asked.exchange is not None:
            return await openid.exchanged(self._database, key, tenant, party, asked.exchange, self._base(request))
        said = jwt.claims(self._base(request), tenant.id, client.id, client.role, time.time())
        with contextlib.suppress(*AWAY):
            await clients.used(self._database, tenant, client.id)
        return {
            "token_type": "Bearer",
            # A second less, for the way.
            "expires_in": jwt.LIFETIME - 1,
            "ext_expires_in": jwt.LIFETIME - 1,
            "access_token": jwt.sign(said, *key),
        }

    @contextlib.contextmanager
    def _counted(self, asked: Asking, request: Request, tenant: Tenant) -> Iterator[None]:
        """Who is refused too often is told how long to wait."""
        try:
            yield
        except Refused as refused:
            who = _address(request)
            if refused.error == "invalid_client":
                who += b" " + asked.identity.bytes
            wait = self._failures.spend(who)
            if wait:
                raise again(
                    50196, "That was wrong too often: wait for the seconds in Retry-After.", 429, wait
                ) from None
            log.warning("client.refused", tenant=str(tenant.id), client=plain(asked.client), code=refused.code)
            raise

    async def userinfo(self, request: Request) -> dict[str, Any]:
        async with self._database.reading() as tx:
            return await openid.userinfo(tx, await _tenant(tx, request), request, self._base(request))

    async def configuration(self, request: Request) -> dict[str, Any]:
        async with self._database.reading() as tx:
            tenant = await _tenant(tx, request)
        return openid.configuration(self._base(request), tenant)

    async def keys(self, request: Request) -> dict[str, Any]:
        async with self._database.reading() as tx:
            await _tenant(tx, request)
            return {"keys": await signing.published(tx)}

    async def metadata(self, request: Request) -> dict[str, Any]:
        """What Terraform asks a cloud for: where to sign in, and where Microsoft Graph is."""
        base = self._base(request)
        return {
            "name": "Provisor",
            "portal": base,
            "resourceManager": base,
            "microsoftGraphResourceId": base,
            "authentication": {
                "loginEndpoint": base,
                "audiences": [base],
                "tenant": "common",
                "identityProvider": "AAD",
            },
            "suffixes": {},
        }


async def _client(tx: Tx, tenant: Tenant, asked: Asking) -> Client:
    """Raises Refused."""
    try:
        return await clients.sign_in(tx, tenant, asked.identity, asked.secret)
    except Unknown:
        raise await openid.no_client(tx, tenant, asked) from None
    except Unauthenticated as error:
        code = 7000222 if isinstance(error, SecretExpired) else 7000215
        raise asking.wrong_secret(code, str(error), basic=asked.basic) from None


async def _tenant(tx: Tx, request: Request) -> Tenant:
    word = request.path_params["tenant"]
    if len(word) <= _LONGEST_TENANT:
        with contextlib.suppress(NotFound):
            return await tenants.called(tx, word)
    sentence = f"There is no tenant {plain(word)}, or several have that domain: name it by its id."
    raise Refused(90002, "invalid_request", sentence)


def _address(request: Request) -> bytes:
    return place(request.client.host if request.client else "").encode()
