"""A relying party made of Authlib, which knows no more of a tenant than its issuer: discovery, PKCE, code, ID token."""

from __future__ import annotations

import json
import os
import secrets
from asyncio import to_thread
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from browser_like import PASSWORD, Answered, Client, signed_in
from pair import Pair
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.directory import applications, relying_parties

# The test's server speaks plain http, on this machine only.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
#: Nobody listens there: what a browser would carry is read from where it is sent.
REDIRECT = "https://app.example.com/signed-in"
LOGOUT = "https://app.example.com/signed-out"


@dataclass(slots=True)
class RelyingParty:
    """``secret`` is None for a public client; ``configuration`` is what the tenant says of itself."""

    pair: Pair
    client: str
    secret: str | None
    configuration: dict[str, Any]
    redirect: str = REDIRECT
    scope: str = "openid profile email"

    @classmethod
    async def register(cls, pair: Pair, *, public: bool = False, redirect: str = REDIRECT) -> RelyingParty:
        """The application of ``pair`` lets itself be registered."""
        async with pair.edit() as work:
            app = await pair.app(work.tx)
            party, secret = await relying_parties.register(work, app, [redirect], [LOGOUT], public=public)
        return cls(pair, str(party.id), secret, await discovered(pair), redirect)

    @classmethod
    async def another(cls, pair: Pair, name: str = "other", **more: Any) -> RelyingParty:
        """Another application, which is for everybody."""
        async with pair.edit() as work:
            identity = await applications.create(work, name, "scim")
            app = await applications.by_id(work.tx, pair.tenant, identity)
            await applications.save(work, app, applications.with_connection(app, app, scope="all"), "set")
            party, secret = await relying_parties.register(work, app, [REDIRECT], **more)
        return cls(pair, str(party.id), secret, await discovered(pair))

    def session(self, **more: Any) -> OAuth2Session:
        given = {"client_id": self.client, "client_secret": self.secret, "scope": self.scope, **more}
        method = "client_secret_basic" if self.secret else "none"
        made = OAuth2Session(
            redirect_uri=self.redirect, code_challenge_method="S256", token_endpoint_auth_method=method, **given
        )
        made.trust_env = False
        return made

    def ask(self, **more: str) -> Asking:
        """A question that a browser can carry."""
        verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        url, state = self.session().create_authorization_url(
            self.configuration["authorization_endpoint"], code_verifier=verifier, nonce=nonce, **more
        )
        return Asking(self, url, state, verifier, nonce)


@dataclass(slots=True)
class Asking:
    party: RelyingParty
    url: str
    state: str
    verifier: str
    nonce: str

    async def carried(self, browser: Client) -> Answered:
        """Where a browser gets to that carries the question: a page of the portal, or an answer for the party."""
        return await follow(browser, self.url)

    async def code(self, browser: Client) -> str:
        """The code that a signed-in browser brings, after what the standards want looked at."""
        found = answer(await self.carried(browser))
        assert found["state"] == self.state
        assert found["iss"] == self.party.configuration["issuer"]
        return found["code"]

    async def fetch(self, code: str) -> dict[str, Any]:
        """The tokens for a code, as Authlib fetches them. Raises what Authlib raises."""
        endpoint = self.party.configuration["token_endpoint"]
        with self.party.session() as session:
            token = await to_thread(session.fetch_token, endpoint, code=code, code_verifier=self.verifier)
        return dict(token)

    async def refused(self, code: str, **more: str) -> dict[str, Any]:
        """What the token endpoint refuses a code with."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.party.redirect, **more}
        form = {"client_id": self.party.client, "code_verifier": self.verifier, **form}
        if self.party.secret and "client_secret" not in form:
            form["client_secret"] = self.party.secret
        status, body = await post(self.party.configuration["token_endpoint"], form)
        assert status in (400, 401), body
        assert "id_token" not in body and "access_token" not in body
        return body

    async def told(self, token: dict[str, Any]) -> dict[str, Any]:
        """What the ID token says, as Authlib reads it."""
        keys = KeySet.import_key_set(await fetched(self.party.configuration["jwks_uri"]))
        read = jwt.decode(token["id_token"], keys, algorithms=["RS256"])
        wanted = {"iss": {"values": [self.party.configuration["issuer"]]}, "aud": {"values": [self.party.client]}}
        claims = CodeIDToken(read.claims, read.header, wanted, {"nonce": self.nonce, "client_id": self.party.client})
        claims.validate()
        return dict(claims)

    async def who(self, browser: Client) -> dict[str, Any]:
        """The whole way for somebody who is signed in."""
        return await self.told(await self.fetch(await self.code(browser)))


@dataclass(slots=True)
class World:
    """A tenant and an application that asks who somebody is. ``ada`` is assigned to it, and signed in with
    ``browser``."""

    pair: Pair
    party: RelyingParty
    ada: UUID
    browser: Client

    @classmethod
    async def make(cls, pair: Pair) -> World:
        ada = await pair.user("ada", displayName="Ada Lovelace", surname="Lovelace")
        made = cls(pair, await RelyingParty.register(pair), ada, Client(""))
        made.browser = await made.somebody("ada")
        return made

    @property
    def base(self) -> str:
        return self.pair.base.partition("/w/")[0]

    @property
    def start(self) -> str:
        return f"/t/{self.pair.tenant.name}"

    async def somebody(self, name: str) -> Client:
        """Whoever has this name, signed in with a browser of their own."""
        link = await compose.set_up_link(self.pair.house, self.pair.tenant, PROVISOR, f"{name}@contoso.com")
        return await signed_in(self.base, link)

    async def set_session(self, sql: str, *values: object) -> None:
        """Change every session of the tenant."""
        async with self.pair.house.database.transaction() as tx:
            await tx.execute(f"update session set {sql} where realm = $1", self.pair.tenant.realm, *values)

    async def log(self) -> list[tuple[str, str, str]]:
        """Who was let on to something but the portal: name, outcome, reason."""
        async with self.pair.house.database.reading() as tx:
            rows = await tx.fetch(
                "select upn, outcome, reason from sign_in where tenant = $1 and resource <> 'portal' order by id",
                self.pair.tenant.id,
            )
        return [(row["upn"], row["outcome"], row["reason"]) for row in rows]

    async def signing_in(self, browser: Client, url: str, name: str = "ada", *, again: bool = False) -> Answered:
        """Sign in where a question leads to, and go on."""
        sent = await browser.get(url)
        while not sent.where.startswith(f"{self.start}/sign-in"):
            assert sent.status == 303, sent.text
            sent = await browser.get(sent.where)
        query = parse_qs(urlsplit(sent.where).query)
        assert ("again" in query) is again
        page = await browser.get(sent.where)
        csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
        fields = {"name": f"{name}@contoso.com", "password": PASSWORD, "next": query["next"][0]}
        done = await browser.post(f"{self.start}/sign-in", fields, csrf=csrf)
        assert done.status == 303, done.text
        return await follow(browser, done.where)


async def follow(browser: Client, url: str) -> Answered:
    """Follow redirects as long as they are the portal's own."""
    answered = await browser.get(url)
    for _ in range(6):
        where = answered.where
        if answered.status != 303 or not where.startswith("/t/"):
            return answered
        answered = await browser.get(where)
    raise AssertionError(f"a browser goes around in circles: {answered.where}")


def answer(answered: Answered, redirect: str = REDIRECT) -> dict[str, str]:
    """The parameters of an answer, which goes to ``redirect``."""
    assert answered.status == 303, (answered.status, answered.text[:2000])
    assert answered.where.startswith(redirect + "?"), answered.where
    found = parse_qs(urlsplit(answered.where).query, strict_parsing=True, keep_blank_values=True)
    assert all(len(values) == 1 for values in found.values())
    return {name: values[0] for name, values in found.items()}


def changed(url: str, **more: str | None) -> str:
    """``url`` with other parameters; None takes one out."""
    parts = urlsplit(url)
    values = {**{name: found[0] for name, found in parse_qs(parts.query).items()}, **more}
    return parts._replace(
        query=urlencode({name: value for name, value in values.items() if value is not None})
    ).geturl()


async def discovered(pair: Pair) -> dict[str, Any]:
    base = pair.base.partition("/w/")[0]
    found: dict[str, Any] = await fetched(f"{base}/{pair.tenant.id}/v2.0/.well-known/openid-configuration")
    return found


async def fetched(url: str, token: str | None = None) -> Any:
    """What a server answers with 200."""
    status, body = await got(url, token)
    assert status == 200, body
    return body


async def got(url: str, token: str | None = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    found = await to_thread(requests.get, url, headers=headers, timeout=30)
    return found.status_code, _body(found)


async def post(url: str, form: Any, **headers: str) -> tuple[int, Any]:
    found = await to_thread(requests.post, url, data=form, headers=headers, timeout=30)
    return found.status_code, _body(found)


def _body(found: requests.Response) -> Any:
    try:
        return found.json()
    except json.JSONDecodeError:
        return found.text
