"""The relying party against somebody else's OpenID provider, over real HTTP: it signs in, and is not taken in."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from foreign_provider import KEYS, SECRET, ForeignProvider
from provisor.connectors import openid
from provisor.connectors.openid import Answer, Asked, Identity, Providers, Registration
from provisor.connectors.openid_ways import over_network
from provisor.refusal import Forbidden, Unavailable

BACK = "http://127.0.0.1/t/x/signed-in"


@pytest_asyncio.fixture
async def foreign() -> AsyncIterator[ForeignProvider]:
    async with ForeignProvider.open() as provider:
        provider.register(BACK)
        yield provider


def providers() -> Providers:
    return Providers(over_network())


async def sent(foreign: ForeignProvider, registration: Registration, asked: Asked) -> dict[str, list[str]]:
    """What the browser comes back with."""
    provider = await providers().discovered(foreign.issuer)
    address = openid.authorization_address(provider, registration, asked)
    async with aiohttp.ClientSession() as session, session.get(address, allow_redirects=False) as answer:
        assert answer.status == 302, await answer.text()
        return parse_qs(urlsplit(answer.headers["Location"]).query)


async def walk(foreign: ForeignProvider, secret: str | None = SECRET, max_age: int | None = None) -> Identity:
    registration = Registration(foreign.issuer, "provisor", secret)
    known, asked = providers(), openid.ask(BACK, max_age=max_age)
    came = await sent(foreign, registration, asked)
    assert came["state"] == [asked.state]
    provider = await known.discovered(foreign.issuer)
    return await known.exchanged(provider, registration, asked, openid.returned(provider, came))


@pytest.mark.parametrize("algorithm", KEYS)
async def test_somebody_signs_in_with_each_algorithm_that_is_taken(foreign: ForeignProvider, algorithm: str) -> None:
    foreign.algorithm = algorithm
    found = await walk(foreign)
    assert (found.issuer, found.subject, found.name) == (foreign.issuer, "248289761001", "ada@contoso.com")
    assert found.amr == frozenset() and 0 <= (found.age(time.time()) or 0) < 60


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
async def test_a_client_shows_who_it_is_as_the_provider_takes_it(foreign: ForeignProvider, method: str) -> None:
    foreign.methods = [method]
    foreign.register(BACK, secret="" if method == "none" else SECRET)
    assert (await walk(foreign, None if method == "none" else SECRET)).subject == foreign.subject
    [form] = [values for path, values in foreign.asked if path == "/token"]
    assert ("client_secret" in form) is (method == "client_secret_post") and form["code_verifier"]


async def test_a_code_is_of_no_use_without_its_verifier(foreign: ForeignProvider) -> None:
    registration, asked = Registration(foreign.issuer, "provisor", SECRET), openid.ask(BACK)
    came = await sent(foreign, registration, asked)
    provider = await providers().discovered(foreign.issuer)
    other = Asked(asked.state, asked.nonce, openid.ask(BACK).verifier, BACK)
    with pytest.raises(Forbidden, match="invalid_grant"):
        await providers().exchanged(provider, registration, other, came["code"][0])


async def test_a_code_counts_once(foreign: ForeignProvider) -> None:
    registration, asked = Registration(foreign.issuer, "provisor", SECRET), openid.ask(BACK)
    code = (await sent(foreign, registration, asked))["code"][0]
    provider = await providers().discovered(foreign.issuer)
    await providers().exchanged(provider, registration, asked, code)
    with pytest.raises(Forbidden, match="did not take the code") as refused:
        await providers().exchanged(provider, registration, asked, code)
    assert code not in str(refused.value) and SECRET not in str(refused.value)


#: What is put over the claims of a token → the claim that the refusal names.
SPOILT = {
    "iss": {"iss": "http://127.0.0.1:1"},
    "aud": {"aud": "another"},
    "aud of several": {"aud": ["another", "third"]},
    "azp missing": {"aud": ["provisor", "another"]},
    "azp": {"aud": ["provisor", "another"], "azp": "another"},
    "azp of one": {"azp": "another"},
    "exp": {"exp": 1},
    "exp missing": {"exp": None},
    "exp that is no number": {"exp": True},
    "exp that never comes": {"exp": float("nan")},
    "iat": {"iat": 4_000_000_000},
    "iat missing": {"iat": None},
    "nbf": {"nbf": 4_000_000_000},
    "nonce": {"nonce": "another"},
    "nonce missing": {"nonce": None},
    "sub missing": {"sub": None},
    "sub empty": {"sub": ""},
}


@pytest.mark.parametrize("what", SPOILT)
async def test_a_token_that_says_something_else_is_refused(foreign: ForeignProvider, what: str) -> None:
    foreign.claims = SPOILT[what]
    with pytest.raises(Forbidden, match=what.split()[0]):
        await walk(foreign)


async def test_several_audiences_are_taken_when_the_token_was_given_to_us(foreign: ForeignProvider) -> None:
    foreign.claims = {"aud": ["another", "provisor"], "azp": "provisor"}
    assert (await walk(foreign)).subject == foreign.subject


async def test_clocks_may_differ_by_a_minute_and_no_more(foreign: ForeignProvider) -> None:
    now = int(time.time())
    foreign.claims = {"iat": now + 50, "nbf": now + 50, "exp": now - 50}
    assert (await walk(foreign)).subject == foreign.subject
    foreign.claims = {"exp": now - 70}
    with pytest.raises(Forbidden, match="expired"):
        await walk(foreign)


async def test_who_is_to_be_asked_again_was_asked_again(foreign: ForeignProvider) -> None:
    assert (await walk(foreign, max_age=0)).subject == foreign.subject
    assert [values["max_age"] for path, values in foreign.asked if path == "/authorize"] == ["0"]
    foreign.auth_age = 3600
    with pytest.raises(Forbidden, match="auth_time"):
        await walk(foreign, max_age=0)
    foreign.claims = {"auth_time": None}
    with pytest.raises(Forbidden, match="auth_time"):
        await walk(foreign, max_age=0)


def _unsigned(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "none"}, claims, OctKey.import_key("x"), algorithms=["none"])


def _public_key_as_secret(claims: dict[str, Any]) -> str:
    """By hand: no library makes one any more."""
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "kid": "rs"}, claims)
    )
    signed = hmac.digest(KEYS["RS256"].as_pem(private=False), head + b"." + body, "sha256")
    return b".".join((head, body, base64.urlsafe_b64encode(signed).rstrip(b"="))).decode()


def _other_key(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": "rs"}, claims, RSAKey.generate_key(2048), algorithms=["RS256"])


def _own_key_in_header(claims: dict[str, Any]) -> str:
    key = RSAKey.generate_key(2048)
    header = {"alg": "RS256", "jwk": key.as_dict(private=False)}
    return jwt.encode(header, claims, key, algorithms=["RS256"])


def _key_of_another_algorithm(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS512", "kid": "rs"}, claims, KEYS["RS256"], algorithms=["RS512"])


def _changed(claims: dict[str, Any]) -> str:
    good = jwt.encode({"alg": "RS256", "kid": "rs"}, claims, KEYS["RS256"], algorithms=["RS256"])
    other = jwt.encode({"alg": "RS256", "kid": "rs"}, {**claims, "sub": "x"}, KEYS["RS256"], algorithms=["RS256"])
    return ".".join([*other.split(".")[:2], good.split(".")[2]])


@pytest.mark.parametrize(
    "signed",
    [
        _unsigned,
        _public_key_as_secret,
        _other_key,
        _own_key_in_header,
        _key_of_another_algorithm,
        _changed,
        lambda claims: "a.b",
        lambda claims: "x" * 70_000,
        lambda claims: "ä.b.c",
    ],
)
async def test_a_token_that_is_not_signed_by_the_provider_is_refused(foreign: ForeignProvider, signed: Any) -> None:
    foreign.signed = signed
    with pytest.raises(Forbidden, match=r"signature|signed with a key|cannot be read"):
        await walk(foreign)


async def test_keys_are_read_again_once_for_one_that_is_not_known(foreign: ForeignProvider) -> None:
    known, registration = providers(), Registration(foreign.issuer, "provisor", SECRET)
    provider = await known.discovered(foreign.issuer)
    foreign.keys = [KEYS["RS256"]]
    await known.keys(provider)
    foreign.keys, foreign.algorithm = [KEYS["ES256"]], "ES256"
    for _ in range(3):
        asked = openid.ask(BACK)
        code = openid.returned(provider, await sent(foreign, registration, asked))
        assert (await known.exchanged(provider, registration, asked, code)).subject == foreign.subject
    assert sum(path == "/keys" for path, _ in foreign.asked) == 2
    foreign.algorithm = "RS256"
    asked = openid.ask(BACK)
    code = openid.returned(provider, await sent(foreign, registration, asked))
    with pytest.raises(Forbidden, match="does not publish"):
        await known.exchanged(provider, registration, asked, code)
    assert sum(path == "/keys" for path, _ in foreign.asked) == 3


# ── who answered (mix-up) ───────────────────────────────────────────────────────────────────────────────────────────


async def test_an_answer_that_another_provider_gives_is_refused(foreign: ForeignProvider) -> None:
    provider = await providers().discovered(foreign.issuer)
    for issuers in ([], ["http://evil"], [provider.issuer] * 2):
        with pytest.raises(Forbidden, match="does not come from"):
            openid.returned(provider, {"code": ["x"], "iss": issuers})
    # Another provider's error is not told as this one's.
    with pytest.raises(Forbidden, match="does not come from"):
        openid.returned(provider, {"error": ["access_denied"], "iss": ["http://evil"]})
    foreign.names_itself = False
    silent = await providers().discovered(foreign.issuer)
    assert openid.returned(silent, {"code": ["x"]}) == "x"
    with pytest.raises(Forbidden, match="does not come from"):
        openid.returned(silent, {"code": ["x"], "iss": ["http://evil"]})


@pytest.mark.parametrize("said", [{}, {"code": ["a", "b"]}, {"code": [""]}, {"code": ["x" * 5000]}])
async def test_an_answer_without_one_code_is_refused(foreign: ForeignProvider, said: dict[str, list[str]]) -> None:
    provider = await providers().discovered(foreign.issuer)
    with pytest.raises(Forbidden, match="no code"):
        openid.returned(provider, {**said, "iss": [provider.issuer]})


async def test_an_error_is_told_by_its_name_and_nothing_else(foreign: ForeignProvider) -> None:
    provider = await providers().discovered(foreign.issuer)
    for error, shown in (("access_denied", "access_denied"), ("<script>", "an error")):
        with pytest.raises(Forbidden) as refused:
            openid.returned(provider, {"error": [error], "error_description": ["secret"], "iss": [provider.issuer]})
        assert str(refused.value).endswith(f"it answered {shown}.")


# ── the configuration ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"issuer": "https://login.example.com/common"}, "calls itself"),
        ({"issuer": None}, "calls itself"),
        ({"token_endpoint": None}, "token_endpoint"),
        ({"token_endpoint": "javascript:alert(1)"}, "token_endpoint"),
        ({"authorization_endpoint": "https://user:password@example.com/"}, "authorization_endpoint"),
        ({"authorization_endpoint": "https://example.com/#x"}, "authorization_endpoint"),
        ({"jwks_uri": 7}, "jwks_uri"),
        ({"end_session_endpoint": "javascript:alert(1)"}, "end_session_endpoint"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
    ],
)
async def test_a_configuration_that_cannot_be_used_is_refused(
    foreign: ForeignProvider, said: dict[str, Any], sentence: str
) -> None:
    foreign.configuration = said
    with pytest.raises(Unavailable, match=sentence):
        await providers().discovered(foreign.issuer)


async def test_a_configuration_is_kept_for_minutes(foreign: ForeignProvider) -> None:
    now = 1000.0
    known = Providers(over_network(), lambda: now)
    for _ in range(3):
        await known.discovered(foreign.issuer)
    assert len(foreign.asked) == 1
    now += openid.FRESH + 1
    await known.discovered(foreign.issuer)
    assert len(foreign.asked) == 2


async def test_only_so_many_configurations_are_kept() -> None:
    """Whoever comes names the server as they like, and with it the tenant's issuer."""
    asked: list[str] = []

    async def fetch(method: str, address: str, headers: Any, body: bytes | None) -> Answer:
        issuer = address.removesuffix("/.well-known/openid-configuration")
        asked.append(issuer)
        places = dict.fromkeys(("authorization_endpoint", "token_endpoint", "jwks_uri"), f"{issuer}/x")
        return Answer(200, json.dumps({"issuer": issuer, **places}).encode())

    known = Providers(fetch)
    for number in range(openid.MOST + 5):
        await known.discovered(f"https://host{number}")
    await known.discovered(f"https://host{openid.MOST + 4}")
    assert len(asked) == openid.MOST + 5
    await known.discovered("https://host0")
    assert len(asked) == openid.MOST + 6


async def test_a_provider_elsewhere_is_asked_with_tls_only_and_the_settings_may_say_otherwise() -> None:
    with pytest.raises(Unavailable, match="over https"):
        await providers().discovered("http://login.example.com")
    with pytest.raises(Unavailable, match=r"cannot be asked|did not answer"):
        await Providers(over_network({"no-such-host.invalid"})).discovered("http://no-such-host.invalid")


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (302, {"Location": "http://127.0.0.1:1/"}, ""),
        (404, {}, "{}"),
        (200, {}, "<html>"),
        (200, {}, "[]"),
        (200, {}, '{"issuer": ' + "[" * 100_000),
        (200, {}, '{"x": "' + "x" * 300_000 + '"}'),
    ],
)
async def test_what_is_no_provider_is_refused_with_a_sentence(status: int, headers: dict[str, str], body: str) -> None:
    from aiohttp import web

    from serving import serving

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text=body, headers=headers)

    async with serving(answer) as address:
        with pytest.raises(Unavailable):
            await providers().discovered(address)
