"""A tenant's OpenID provider as it is attacked: codes that are stolen, shown twice or shown elsewhere; answers that are
to go to others; tokens for one door shown at another; people who have left meanwhile."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import pytest_asyncio
from authlib.integrations.base_client import OAuthError
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from browser_like import Answered, Client
from installation import Installation
from pair import Pair
from provisor.access.signing import SigningKeys
from provisor.console.portal.sign_in import stays
from provisor.directory import claims, codes, relying_parties, users
from relying_party import REDIRECT, RelyingParty, World, answer, changed, follow, got, post

EVIL = "evil.example"


@pytest_asyncio.fixture
async def world(pair: Pair) -> World:
    return await World.make(pair)


def reason(body: dict[str, Any]) -> str:
    return str(body["error_description"])


# ── codes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_code_shown_twice_brings_nothing_and_ends_what_it_brought(world: World) -> None:
    asking = world.party.ask()
    code = await asking.code(world.browser)
    token = await asking.fetch(code)
    address = world.party.configuration["userinfo_endpoint"]
    assert (await got(address, token["access_token"]))[0] == 200
    with pytest.raises(OAuthError, match="used before"):
        await asking.fetch(code)
    status, body = await got(address, token["access_token"])
    assert status == 401 and body["error"] == "invalid_token"


async def test_of_many_at_once_one_gets_something_for_a_code(world: World) -> None:
    asking = world.party.ask()
    code = await asking.code(world.browser)
    found = await asyncio.gather(*(asking.fetch(code) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(one, dict) for one in found) == 1
    assert sum(isinstance(one, OAuthError) and one.error == "invalid_grant" for one in found) == 7


async def test_a_code_counts_for_a_minute_and_its_row_is_gone_when_nothing_needs_it(world: World) -> None:
    asking, database = world.party.ask(), world.pair.house.database

    async def later(seconds: float) -> None:
        async with database.transaction() as tx:
            sql = "update authorization_code set created = created - make_interval(secs => $2) where tenant = $1"
            await tx.execute(sql, world.pair.tenant.id, seconds)

    async def rows() -> int:
        async with database.reading() as tx:
            sql = "select count(*) from authorization_code where tenant = $1"
            return int(await tx.fetchval(sql, world.pair.tenant.id))

    early, late = await asking.code(world.browser), await asking.code(world.browser)
    await later(codes.COUNTS - 5)
    assert (await asking.fetch(early))["id_token"]
    await later(6)
    assert (await asking.refused(late))["error"] == "invalid_grant"
    await later(3600)
    assert await rows() == 2
    await later(121)
    await asking.code(world.browser)
    assert await rows() == 1


async def test_what_a_client_got_before_it_was_deleted_counts_no_more_when_it_is_back(world: World) -> None:
    asking, late = world.party.ask(), world.party.ask()
    token = await asking.fetch(await asking.code(world.browser))
    code = await late.code(world.browser)
    address = world.party.configuration["userinfo_endpoint"]
    assert (await got(address, token["access_token"]))[0] == 200
    async with world.pair.edit() as work:
        await relying_parties.delete(work, await world.pair.app(work.tx))
    back = await RelyingParty.register(world.pair)
    assert back.client == world.party.client
    assert (await late.refused(code, client_secret=str(back.secret)))["error"] == "invalid_grant"
    assert (await got(address, token["access_token"]))[0] == 401


async def test_a_code_needs_its_verifier_and_a_wrong_one_spends_it(world: World) -> None:
    for verifier in ("x" * 43, "", "x" * 42, "x" * 129):
        asking = world.party.ask()
        code = await asking.code(world.browser)
        body = await asking.refused(code, code_verifier=verifier)
        assert body["error"] == ("invalid_request" if not verifier else "invalid_grant")
    wrong = world.party.ask()
    code = await wrong.code(world.browser)
    assert "code_verifier" in reason(await wrong.refused(code, code_verifier="x" * 43))
    assert (await wrong.refused(code))["error"] == "invalid_grant", "it was shown, so that it is known"


async def test_a_code_is_for_whom_it_was_made_and_for_no_other_client(world: World) -> None:
    other = await RelyingParty.another(world.pair)
    asking = world.party.ask()
    code = await asking.code(world.browser)
    body = await asking.refused(code, client_id=other.client, client_secret=str(other.secret))
    assert body["error"] == "invalid_grant"
    assert (await asking.fetch(code))["id_token"], "a stranger cannot spoil what is not theirs"


async def test_a_code_is_for_the_address_it_was_sent_to(world: World) -> None:
    asking = world.party.ask()
    code = await asking.code(world.browser)
    assert (await asking.refused(code, redirect_uri=REDIRECT + "/"))["error"] == "invalid_grant"


async def test_a_code_of_one_tenant_is_nothing_at_another(world: World, standard: Pair) -> None:
    asking = world.party.ask()
    code = await asking.code(world.browser)
    other = await RelyingParty.register(standard)
    stolen = other.ask()
    stolen.verifier = asking.verifier
    assert (await stolen.refused(code))["error"] == "invalid_grant"
    # The client is the other tenant's, too: here it is nobody.
    body = await asking.refused(code, client_id=other.client, client_secret=str(other.secret))
    assert body["error"] == "unauthorized_client"
    address = other.configuration["authorization_endpoint"]
    moved = asking.url.replace(world.party.configuration["authorization_endpoint"], address)
    assert (await follow(world.browser, moved)).status == 400, "at the other tenant this client is not known"


@pytest.mark.parametrize("how", ["disabled", "recycled", "signed out", "signed out everywhere", "idle"])
async def test_whoever_has_left_meanwhile_is_nobody(world: World, how: str) -> None:
    asking = world.party.ask()
    token = await asking.fetch(await asking.code(world.browser))
    code = await asking.code(world.browser)
    address = world.party.configuration["userinfo_endpoint"]
    assert (await got(address, token["access_token"]))[0] == 200
    async with world.pair.edit() as work:
        if how == "disabled":
            await users.change(work, world.ada, {"accountEnabled": False})
        if how == "recycled":
            await users.recycle(work, world.ada)
    if how == "signed out":
        await world.browser.post(f"{world.start}/sign-in/end", {})
    if how == "signed out everywhere":
        await world.browser.post(f"{world.start}/account/sign-out-everywhere", {})
    if how == "idle":
        await world.set_session("seen = now() - interval '31 minutes'")
    assert (await asking.refused(code))["error"] == "invalid_grant"
    status, body = await got(address, token["access_token"])
    assert status == 401 and body["error"] == "invalid_token"
    assert answer(await world.party.ask(prompt="none").carried(world.browser))["error"] == "login_required"


async def test_a_pending_session_brings_no_code(world: World) -> None:
    await world.set_session("pending = true")
    page = await world.party.ask().carried(world.browser)
    assert page.status == 200
    assert "<h1>Add a second factor</h1>" in page.text


# ── PKCE, mix-up, parameters ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "change",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": "s256"},
        {"code_challenge": "short"},
        {"code_challenge": "x" * 44},
    ],
)
@pytest.mark.parametrize("public", [False, True], ids=["confidential", "public"])
async def test_nobody_gets_a_code_without_a_challenge(world: World, change: dict[str, Any], public: bool) -> None:
    party = await RelyingParty.register(world.pair, public=True) if public else world.party
    found = answer(await follow(world.browser, changed(party.ask().url, **change)))
    assert found["error"] == "invalid_request" and "code" not in found and "PKCE" in found["error_description"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post.jwt"}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"prompt": "create"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "1.5"}, "invalid_request"),
        ({"max_age": "9" * 30}, "invalid_request"),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"request_uri": "https://evil.example/x"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"id_token_hint": "x.y.z"}, "invalid_request"),
    ],
    ids=str,
)
async def test_the_application_is_told_what_is_wrong(world: World, change: dict[str, Any], error: str) -> None:
    asking = world.party.ask()
    found = answer(await follow(world.browser, changed(asking.url, **change)))
    assert found["error"] == error and found["error_description"] and "code" not in found
    assert found["state"] == asking.state
    assert found["iss"] == world.party.configuration["issuer"], "who answers is said with errors, too (RFC 9207)"


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
@pytest.mark.parametrize("value", [None, "", "x", "00000000-0000-0000-0000-000000000000", "https://evil.example/"])
async def test_nobody_is_sent_anywhere_when_it_is_not_known_who_asks(world: World, name: str, value: str) -> None:
    page = await follow(world.browser, changed(world.party.ask().url, **{name: value}))
    assert page.status == 400 and not page.where


@pytest.mark.parametrize(
    "name", ["client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "prompt", "x"]
)
async def test_a_parameter_that_is_there_twice_is_refused(world: World, name: str) -> None:
    for value in ("", "x"):
        sent = await follow(world.browser, world.party.ask().url + f"&{name}={value}&{name}={value}")
        if name in ("client_id", "redirect_uri"):
            assert sent.status == 400 and not sent.where
        else:
            assert answer(sent)["error"] == "invalid_request"


@pytest.mark.parametrize("name", ["grant_type", "code", "redirect_uri", "client_id", "code_verifier"])
async def test_a_parameter_that_is_there_twice_is_refused_at_the_token_endpoint(world: World, name: str) -> None:
    asking = world.party.ask()
    code = await asking.code(world.browser)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    form |= {"client_id": world.party.client, "client_secret": str(world.party.secret)}
    form |= {"code_verifier": asking.verifier}
    status, body = await post(world.party.configuration["token_endpoint"], [*form.items(), (name, form[name])])
    assert status == 400 and body["error"] == "invalid_request"


async def test_parameters_that_are_too_long_or_no_text_are_refused(world: World) -> None:
    url = world.party.ask().url
    for more in (f"&x={'y' * 4096}", "&x=%ff", "&x=%00", "".join(f"&x{number}=y" for number in range(200))):
        assert (await follow(world.browser, url + more)).status == 400
        address, _, query = url.partition("?")
        headers = {"Content_Type": "application/x-www-form-urlencoded"}
        assert (await follow_form(world, address, query + more, headers)).status == 400
        assert (await world.browser.get(f"{world.start}/authorize?{urlsplit(url).query}{more}")).status == 400


async def follow_form(world: World, address: str, body: str, headers: dict[str, str]) -> Answered:
    sent = await world.browser._send("POST", address, body.encode(), headers)
    return await follow(world.browser, sent.where) if sent.status == 303 else sent


async def test_the_longest_request_survives_signing_in(world: World) -> None:
    asking = world.party.ask()
    asking.state = "/%" * 500
    url = changed(asking.url, state=asking.state, prompt="login")
    assert 3000 < len(urlsplit(url).query) < 4000
    assert answer(await world.signing_in(world.browser, url, again=True))["state"] == asking.state


# ── where browsers are sent ─────────────────────────────────────────────────────────────────────────────────────────

#: Spellings by which somebody may try to have a browser sent elsewhere, of an address and of a path.
SPELLINGS = [
    f"https://{EVIL}",
    f"http://{EVIL}",
    f"//{EVIL}",
    f"///{EVIL}",
    f"////{EVIL}",
    f"/\\{EVIL}",
    f"\\/{EVIL}",
    f"\\\\{EVIL}",
    f"/\t/{EVIL}",
    f"/\n/{EVIL}",
    f"/\r/{EVIL}",
    f"\t//{EVIL}",
    f" //{EVIL}",
    f"https:{EVIL}",
    f"https:/{EVIL}",
    f"https:///{EVIL}",
    f"https:\\\\{EVIL}",
    f"HtTpS://{EVIL}",
    f"https://app.example.com@{EVIL}/signed-in",
    f"https://app.example.com:x@{EVIL}",
    f"https://{EVIL}/https://app.example.com/signed-in",
    f"https://{EVIL}?https://app.example.com/signed-in",
    f"https://{EVIL}#https://app.example.com/signed-in",
    f"https://app.example.com.{EVIL}/signed-in",
    f"https://app.example.com%2f@{EVIL}",
    f"https://app.example.com%5c@{EVIL}",
    f"https://app.example.com\\@{EVIL}",
    "https://app.example.com/signed-in/..",
    "https://app.example.com/signed-in/../x",
    "https://app.example.com/signed-in%2f..%2fx",
    "https://app.example.com/signed-in?x",
    "https://app.example.com/signed-in#x",
    "https://app.example.com/signed-in\r\nSet-Cookie: x=y",
    "https://app.example.com/signed-in%0d%0aSet-Cookie:%20x=y",
    "https://app.example.com:443/signed-in",
    "https://app。example.com/signed-in",
    "https://аpp.example.com/signed-in",
    "javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    f"/%2f{EVIL}",
    f"/.{EVIL}",
    f"@{EVIL}",
    f".{EVIL}",
]


@pytest.mark.parametrize("spelling", SPELLINGS, ids=ascii)
async def test_no_spelling_sends_a_browser_elsewhere(world: World, spelling: str) -> None:
    page = await follow(world.browser, changed(world.party.ask().url, redirect_uri=spelling))
    assert page.status == 400 and not page.where
    quiet = world.party.ask(prompt="none")
    assert not (await follow(Client(world.base), changed(quiet.url, redirect_uri=spelling))).where
    leaving = changed(
        world.party.configuration["end_session_endpoint"] + "?",
        client_id=world.party.client,
        post_logout_redirect_uri=spelling,
    )
    assert not (await follow(world.browser, leaving)).where
    # The way back after signing in: as it is, and below the portal.
    for wanted in (spelling, world.start + spelling, f"{world.start}/{spelling}"):
        if stays(world.start, wanted):
            assert wanted.startswith(world.start + "/") and "//" not in wanted and "\\" not in wanted
        sent = await world.browser.get(f"{world.start}/sign-in?next={quote(wanted, safe='')}")
        assert sent.status == 303 and sent.where.startswith(f"{world.start}/"), sent.where
        assert EVIL not in urlsplit(sent.where).netloc and "\n" not in sent.where


# ── tokens ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_token_is_for_one_door(world: World, shop: Installation) -> None:
    """An ID token, an access token for userinfo, and a client's token for the Graph API, each at each door."""
    asking = world.party.ask()
    token = await asking.fetch(await asking.code(world.browser))
    words = ("client", "create", "script", "--role", "Global Administrator", "--tenant", world.pair.tenant.name)
    made = await asyncio.to_thread(shop.json, *words)
    form = {"grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default"}
    form |= {"client_id": made["client_id"], "client_secret": made["client_secret"]}
    _, clients = await post(made["token_endpoint"], form)
    doors = {"userinfo": world.party.configuration["userinfo_endpoint"], "graph": f"{world.base}/v1.0/users"}
    tokens = {"id": token["id_token"], "access": token["access_token"], "client": clients["access_token"]}
    taken = {
        (name, door)
        for name, value in tokens.items()
        for door, address in doors.items()
        if (await got(address, value))[0] == 200
    }
    assert taken == {("access", "userinfo"), ("client", "graph")}
    for value in (tokens["access"], tokens["id"]):
        status, _ = await got(f"{world.pair.base}/Users", value)
        assert status in (401, 403), "a workspace takes none of them"


async def test_userinfo_takes_no_token_that_was_not_made_for_it(world: World, standard: Pair) -> None:
    asking = world.party.ask()
    good = (await asking.fetch(await asking.code(world.browser)))["access_token"]
    address = world.party.configuration["userinfo_endpoint"]
    kid, key = await SigningKeys(world.pair.house.database, world.pair.house.box).newest()
    _, found = await got(world.party.configuration["jwks_uri"])
    public = next(one for one in found["keys"] if one["kid"] == kid)
    said = jwt.decode(good, RSAKey.import_key(public), algorithms=["RS256"])

    def signed(change: dict[str, Any], kind: str = "at+jwt", with_key: Any = key, algorithm: str = "RS256") -> str:
        header = {"typ": kind, "alg": algorithm, "kid": kid}
        return jwt.encode(header, {**said.claims, **change}, with_key, algorithms=[algorithm])

    assert (await got(address, signed({})))[0] == 200
    other = await RelyingParty.register(standard)
    forged = {
        "another tenant's address": signed({"aud": other.configuration["userinfo_endpoint"]}),
        "another audience": signed({"aud": "https://graph.microsoft.com"}),
        "an audience of several": signed({"aud": [said.claims["aud"], "x"]}),
        "another issuer": signed({"iss": other.configuration["issuer"]}),
        "expired": signed({"exp": said.claims["iat"] - 1}),
        "another person": signed({"sub": "00000000-0000-0000-0000-000000000000"}),
        "another code": signed({"jti": "00000000-0000-0000-0000-000000000000"}),
        "no id": signed({"jti": None}),
        "another kind": signed({}, "JWT"),
        "somebody's own key": signed({}, with_key=RSAKey.generate_key(2048)),
        "the public key as a shared secret": signed(
            {}, with_key=OctKey.import_key(json.dumps(public)), algorithm="HS256"
        ),
        "no signature": good.rpartition(".")[0] + ".",
        "none": base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=") + "." + good.split(".")[1] + ".",
        "no token": "x",
        "empty": "",
    }
    for why, value in forged.items():
        status, body = await got(address, value)
        assert status == 401, why
        assert body["error"] in ("invalid_token", "invalid_request"), why
    assert (await got(other.configuration["userinfo_endpoint"], good))[0] == 401, "at another tenant"


# ── clients ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_confidential_client_shows_its_secret_and_a_public_one_has_none(world: World) -> None:
    asking = world.party.ask()
    code = await asking.code(world.browser)
    for secret in ("", "x" * 43):
        assert (await asking.refused(code, client_secret=secret))["error"] == "invalid_client"
    assert (await asking.fetch(code))["id_token"], "who has no secret spends no code"
    public = (await RelyingParty.register(world.pair, public=True)).ask()
    code = await public.code(world.browser)
    assert (await public.refused(code, client_secret="x" * 43))["error"] == "invalid_client"
    assert (await public.fetch(code))["id_token"]


async def test_wrong_secrets_are_slowed_down_and_the_right_one_is_taken_meanwhile(world: World) -> None:
    asking = world.party.ask()
    code = await asking.code(world.browser)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "client_id": world.party.client}
    form |= {"client_secret": "x" * 43, "code_verifier": asking.verifier}
    found = [(await post(world.party.configuration["token_endpoint"], form))[0] for _ in range(13)]
    assert found[:10] == [401] * 10 and found[-1] == 429
    assert (await asking.fetch(code))["id_token"]


async def test_each_grant_is_for_its_own_kind_of_client(world: World, shop: Installation) -> None:
    party, endpoint = world.party, world.party.configuration["token_endpoint"]
    form = {"grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default"}
    status, body = await post(endpoint, {**form, "client_id": party.client, "client_secret": str(party.secret)})
    assert status == 400 and body["error"] == "unauthorized_client"
    words = ("client", "create", "script", "--role", "Global Reader", "--tenant", world.pair.tenant.name)
    made = await asyncio.to_thread(shop.json, *words)
    asking = party.ask()
    code = await asking.code(world.browser)
    body = await asking.refused(code, client_id=made["client_id"], client_secret=made["client_secret"])
    assert body["error"] == "unauthorized_client"
    for grant in ("password", "implicit", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"):
        status, body = await post(endpoint, {**form, "grant_type": grant, "client_id": party.client})
        assert status == 400 and body["error"] == "unsupported_grant_type"


async def test_no_secret_stands_in_a_log(world: World, shop: Installation) -> None:
    asking = world.party.ask()
    code = await asking.code(world.browser)
    token = await asking.fetch(code)
    await asking.refused(code, client_secret="x" * 43)
    async with world.pair.house.database.reading() as tx:
        rows = await tx.fetch("select * from audit where realm = $1", f"tenant/{world.pair.tenant.name}")
        kept = await tx.fetch("select * from authorization_code where tenant = $1", world.pair.tenant.id)
    said = (shop.folder.parent / "server.log").read_text() + str(rows) + str(kept)
    for secret in (code, asking.verifier, str(world.party.secret), token["id_token"], token["access_token"]):
        assert secret not in said


def test_a_challenge_is_that_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    assert codes.challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == (
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )
    assert (
        claims.wanting(frozenset({"password"}), [claims.TWO_FACTORS, claims.PHISHING_RESISTANT]) == claims.TWO_FACTORS
    )
