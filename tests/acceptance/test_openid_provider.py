"""A tenant as an OpenID provider: an application that knows only Authlib asks a real server who somebody is."""

from __future__ import annotations

import html
import re
import time
from asyncio import to_thread
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
import requests

from browser_like import Answered, Client
from in_process import Answer, InProcess
from installation import Installation
from pair import Pair
from provisor import compose
from provisor.access import conditional_access as decisions
from provisor.console.portal import authorize
from provisor.directory import admission, claims, conditional_access, relying_parties
from provisor.directory.admission import PASSKEY, TOTP, Evidence, Outcome, Verdict
from provisor.directory.admission import PASSWORD as WITH_PASSWORD
from provisor.directory.policy_words import Wanted, document
from relying_party import LOGOUT, REDIRECT, RelyingParty, World, answer, changed, fetched, follow, got, post

DOCS = Path(__file__).parents[2] / "docs"


@pytest_asyncio.fixture
async def world(pair: Pair) -> World:
    return await World.make(pair)


# ── who somebody is ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("public", [False, True], ids=["confidential", "public"])
async def test_an_application_learns_who_somebody_is(world: World, public: bool) -> None:
    party = await RelyingParty.register(world.pair, public=True) if public else world.party
    asking = party.ask()
    token = await asking.fetch(await asking.code(world.browser))
    told = await asking.told(token)
    assert told["sub"] == told["oid"] == str(world.ada)
    assert told["tid"] == str(world.pair.tenant.id)
    assert told["preferred_username"] == told["email"] == "ada@contoso.com"
    assert (told["name"], told["given_name"], told["family_name"]) == ("Ada Lovelace", "Ada", "Lovelace")
    assert told["amr"] == ["pwd"] and told["acr"] == claims.ONE_FACTOR
    assert time.time() - 120 < told["auth_time"] <= time.time() + 1
    assert told["nonce"] == asking.nonce and told["sid"]
    person = await fetched(party.configuration["userinfo_endpoint"], token["access_token"])
    assert person == {name: told[name] for name in person}
    assert {"sub", "email", "preferred_username", "name"} <= person.keys()
    assert await world.log() == [("ada@contoso.com", "success", "")]


async def test_only_what_the_scope_says_is_told(world: World) -> None:
    world.party.scope = "openid offline_access unheard-of"
    asking = world.party.ask()
    token = await asking.fetch(await asking.code(world.browser))
    assert token["scope"] == "openid" and "refresh_token" not in token
    for told in (
        await asking.told(token),
        await fetched(world.party.configuration["userinfo_endpoint"], token["access_token"]),
    ):
        assert not {"email", "name", "given_name", "family_name", "preferred_username"} & told.keys()


async def test_whoever_is_not_signed_in_signs_in_first_and_goes_on(world: World) -> None:
    browser, asking = Client(world.base), world.party.ask(login_hint="ada@contoso.com")
    page = await asking.carried(browser)
    assert page.status == 200 and "Sign in to contoso.com" in page.text and 'value="ada@contoso.com"' in page.text
    wanted = await world.signing_in(browser, asking.url)
    assert answer(wanted)["state"] == asking.state
    assert (await asking.told(await asking.fetch(answer(wanted)["code"])))["sub"] == str(world.ada)


async def test_what_is_asked_may_come_as_a_form_of_another_site(world: World) -> None:
    asking = world.party.ask()
    address, _, query = asking.url.partition("?")
    sent = await world.browser._send("POST", address, parse_pairs(query), {"Sec_Fetch_Site": "cross-site"})
    assert sent.status == 303 and sent.where.startswith(f"{world.start}/authorize?")
    assert answer(await follow(world.browser, sent.where))["state"] == asking.state


def parse_pairs(query: str) -> list[tuple[str, str]]:
    return [(name, value) for name, values in parse_qs(query).items() for value in values]


async def test_discovery_says_what_there_is(world: World) -> None:
    for word in (str(world.pair.tenant.id), world.pair.tenant.name):
        found = await fetched(f"{world.base}/{word}/v2.0/.well-known/openid-configuration")
        assert found == world.party.configuration
    assert found["issuer"] == f"{world.base}/{world.pair.tenant.id}/v2.0"
    assert found["response_types_supported"] == ["code"]
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["authorization_response_iss_parameter_supported"] is True
    assert found["acr_values_supported"] == list(claims.ACR)
    assert set(found["grant_types_supported"]) == {"authorization_code", "client_credentials"}
    asking = world.party.ask()
    assert set(await asking.who(world.browser)) <= set(found["claims_supported"])


@pytest.mark.parametrize(
    ("methods", "amr", "acr"),
    [
        ([WITH_PASSWORD, TOTP], ["mfa", "otp", "pwd"], claims.TWO_FACTORS),
        ([WITH_PASSWORD, "recovery-code"], ["mfa", "otp", "pwd"], claims.TWO_FACTORS),
        ([PASSKEY], ["mfa", "pop", "user"], claims.PHISHING_RESISTANT),
        (["external"], ["fed"], claims.ONE_FACTOR),
    ],
)
async def test_seed_03_an_application_is_told_how_many_factors_there_were(
    world: World, methods: list[str], amr: list[str], acr: str
) -> None:
    await world.set_session("methods = $2", methods)
    told = await world.party.ask().who(world.browser)
    assert (told["amr"], told["acr"]) == (amr, acr)


async def test_seed_03_a_workspace_asks_its_tenant_with_nothing_to_set_up(world: World) -> None:
    async with world.pair.house.database.transaction() as tx:
        made = await relying_parties.ensure_workspace(tx, world.pair.tenant, "sales")
        assert await relying_parties.ensure_workspace(tx, world.pair.tenant, "sales") == made
    redirect = f"{world.base}/w/sales/signed-in"
    party = RelyingParty(world.pair, str(made.id), None, world.party.configuration, redirect)
    asking = party.ask()
    found = answer(await asking.carried(world.browser), redirect)
    told = await asking.told(await asking.fetch(found["code"]))
    assert told["preferred_username"] == "ada@contoso.com"
    assert await world.log() == [("ada@contoso.com", "success", "")]
    elsewhere = changed(asking.url, redirect_uri=f"{world.base}/w/other/signed-in")
    assert (await follow(world.browser, elsewhere)).status == 400


async def test_a_workspaces_answer_goes_to_the_address_at_which_the_browser_is(world: World) -> None:
    async with world.pair.house.database.transaction() as tx:
        made = await relying_parties.ensure_workspace(tx, world.pair.tenant, "sales")
    here = world.base.replace("127.0.0.1", "localhost")
    party = RelyingParty(world.pair, str(made.id), None, world.party.configuration, f"{world.base}/w/sales/signed-in")
    # The session is that of 127.0.0.1, the question is asked at localhost: an answer to 127.0.0.1 is for another site.
    url = party.ask().url.replace(world.base, here)
    host = urlsplit(here).netloc
    sent = await world.browser.get(url, Host=host)
    assert (await world.browser.get(sent.where, Host=host)).status == 400
    good = changed(url, redirect_uri=f"{here}/w/sales/signed-in")
    sent = await world.browser.get((await world.browser.get(good, Host=host)).where, Host=host)
    found = answer(sent, f"{here}/w/sales/signed-in")
    assert found["iss"] == f"{here}/{world.pair.tenant.id}/v2.0"


# ── asking again ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "wish", [{"prompt": "login"}, {"prompt": "select_account"}, {"max_age": "60"}, {"max_age": "0"}]
)
async def test_a_fresh_sign_in_is_asked_for_once(world: World, wish: dict[str, str]) -> None:
    await world.set_session("authenticated = now() - interval '5 minutes'")
    before, old = dict(world.browser.cookies), time.time()
    asking = world.party.ask(**wish)
    found = answer(await world.signing_in(world.browser, asking.url, again=True))
    assert found["state"] == asking.state
    told = await asking.told(await asking.fetch(found["code"]))
    assert told["auth_time"] >= int(old)
    name = next(name for name in before if not name.endswith("_device"))
    assert world.browser.cookies[name] != before[name], "a session that is proved again is another one"
    stale = Client(world.base, before)
    assert (await stale.get(f"{world.start}/account")).status == 303, "the session before has ended"


async def test_a_max_age_that_is_not_reached_asks_nobody(world: World) -> None:
    assert (await world.party.ask(max_age="3600").who(world.browser))["sub"] == str(world.ada)


async def test_what_says_that_a_sign_in_was_fresh_is_for_one_request_and_cannot_be_made(world: World) -> None:
    await world.set_session("authenticated = now() - interval '5 minutes'")
    asking = world.party.ask(prompt="login")
    sent = await world.browser.get((await world.browser.get(asking.url)).where)
    back = parse_qs(urlsplit(sent.where).query)["next"][0]
    since = parse_qs(urlsplit(back).query)["since"][0]
    # Gone back to without signing in; forged; and taken over into another request.
    other = world.party.ask(prompt="login")
    for url in (changed(back, prompt="login"), changed(asking.url, since="MTIzNA=="), changed(other.url, since=since)):
        answered = await world.browser.get(url)
        while answered.where.startswith(f"{world.start}/authorize"):
            answered = await world.browser.get(answered.where)
        assert answered.where.startswith(f"{world.start}/sign-in?again=1"), answered.where
    assert await world.log() == []


async def test_an_application_can_have_somebody_asked_whether_it_may_know_who_they_are(world: World) -> None:
    for more in ({}, {"response_mode": "form_post"}):
        asking = world.party.ask(prompt="consent", **more)
        page = await asking.carried(world.browser)
        assert page.status == 200 and "Go on to app?" in page.text and "A program on this machine" not in page.text
        assert "access_denied" in page.text, "there is a way back for whoever does not want to"
        sent = await world.browser.post(f"{world.start}/authorize", {"asked": urlsplit(asking.url).query})
        found = carried_in(sent) if more else answer(sent)
        assert (await asking.told(await asking.fetch(found["code"])))["sub"] == str(world.ada)
    await world.set_session("authenticated = now() - interval '5 minutes'")
    both = world.party.ask(prompt="login consent")
    page = await world.signing_in(world.browser, both.url, again=True)
    assert page.status == 200 and "Go on to app?" in page.text, "a fresh sign-in is not agreement"


def carried_in(page: Answered, redirect: str = REDIRECT) -> dict[str, str]:
    """What a form is about to carry to ``redirect``."""
    assert f'<form method="post" action="{redirect}"' in page.text, page.text
    form = page.text.partition(f'action="{redirect}"')[2].partition("</form>")[0]
    return {name: html.unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form)}


async def test_an_answer_comes_as_a_form_when_the_application_wants_it(world: World) -> None:
    """As ASP.NET Core asks unless it is told otherwise."""
    asking = world.party.ask(response_mode="form_post")
    asking.state, asking.url = "<\"&' ü", changed(asking.url, state="<\"&' ü")
    page = await asking.carried(world.browser)
    assert page.status == 200 and "data-carry" in page.text
    assert "form-action *;" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"
    found = carried_in(page)
    assert found.keys() == {"code", "state", "iss"}
    assert (found["state"], found["iss"]) == (asking.state, world.party.configuration["issuer"])
    assert (await asking.told(await asking.fetch(found["code"])))["sub"] == str(world.ada)
    wrong = await follow(world.browser, changed(asking.url, scope="profile"))
    assert carried_in(wrong)["error"] == "invalid_scope" and "data-carry" in wrong.text
    await world.pair.unassign(world.ada)
    refused = await asking.carried(world.browser)
    assert refused.status == 403 and "is not assigned to app" in refused.text and "data-carry" not in refused.text
    assert carried_in(refused)["error"] == "access_denied" and "code" not in carried_in(refused)


async def test_an_error_is_described_in_the_signs_that_the_standard_has(world: World) -> None:
    """RFC 6749 §4.1.2.1 and §5.2: nothing but ASCII, no quotation mark, no backslash."""
    await world.pair.user("zoë", assigned=False)
    quiet = world.party.ask(prompt="none")
    found = answer(await quiet.carried(await world.somebody("zoë")))
    assert found["error"] == "access_denied" and "zo?@contoso.com" in found["error_description"]
    asking = world.party.ask()
    status, said = await post(world.party.configuration["token_endpoint"], {"grant_type": 'a"b\\cü\n'})
    assert status == 400 and "a?b?c??" in said["error_description"], said
    refused = await asking.refused("x", client_id='"ü\\')
    assert re.fullmatch(r"[ !#-\[\]-~]+", refused["error_description"])


async def test_with_prompt_none_nobody_is_asked_anything(world: World) -> None:
    quiet = {"prompt": "none"}
    assert (await world.party.ask(**quiet).who(world.browser))["sub"] == str(world.ada)
    assert answer(await world.party.ask(**quiet).carried(Client(world.base)))["error"] == "login_required"
    await world.set_session("authenticated = now() - interval '5 minutes'")
    assert answer(await world.party.ask(**quiet, max_age="60").carried(world.browser))["error"] == "login_required"
    wanting = world.party.ask(**quiet, acr_values=claims.TWO_FACTORS)
    assert answer(await wanting.carried(world.browser))["error"] == "interaction_required"
    await world.pair.unassign(world.ada)
    assert answer(await world.party.ask(**quiet).carried(world.browser))["error"] == "access_denied"
    outcomes = [outcome for _, outcome, _ in await world.log()]
    assert outcomes == ["success", "interrupted", "failure"]


@pytest.mark.parametrize(
    ("wanted", "where"),
    [
        (claims.TWO_FACTORS, "/second-factor?next="),
        (claims.PHISHING_RESISTANT, "/second-factor?need=passkey&next="),
        (f"{claims.ONE_FACTOR} {claims.TWO_FACTORS}", None),
        ("unheard-of", None),
    ],
)
async def test_seed_03_an_application_can_ask_for_more_factors(world: World, wanted: str, where: str | None) -> None:
    asking = world.party.ask(acr_values=wanted)
    sent = await world.browser.get((await world.browser.get(asking.url)).where)
    if where is None:
        assert answer(sent)["code"]
        return
    assert sent.where.startswith(world.start + where)
    await world.set_session("methods = $2", [WITH_PASSWORD, TOTP, PASSKEY])
    back = parse_qs(urlsplit(sent.where).query)["next"][0]
    assert answer(await world.browser.get(back))["state"] == asking.state
    assert [outcome for _, outcome, _ in await world.log()] == ["interrupted", "success"]


async def test_an_id_token_hint_means_a_person(world: World) -> None:
    asking = world.party.ask()
    token = await asking.fetch(await asking.code(world.browser))
    good = world.party.ask(id_token_hint=token["id_token"])
    assert (await good.who(world.browser))["sub"] == str(world.ada)
    await world.pair.user("grace")
    grace = await world.somebody("grace")
    assert answer(await good.carried(grace))["error"] == "login_required"
    bad = world.party.ask(id_token_hint=token["access_token"])
    assert answer(await bad.carried(grace))["error"] == "invalid_request"


# ── who may ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_application_is_for_those_who_are_assigned_to_it(world: World) -> None:
    grace = await world.pair.user("grace", assigned=False)
    browser = await world.somebody("grace")
    page = await world.party.ask().carried(browser)
    assert page.status == 403 and "grace@contoso.com is not assigned to app" in page.text
    assert f'href="{REDIRECT}?error=access_denied' in page.text
    await world.pair.group("Team", grace)
    assert (await world.party.ask().who(browser))["sub"] == str(grace)
    everybody = await RelyingParty.another(world.pair)
    await world.pair.user("linus", assigned=False)
    assert (await everybody.ask().who(await world.somebody("linus")))["preferred_username"] == "linus@contoso.com"
    assert [outcome for _, outcome, _ in await world.log()] == ["failure", "success", "success"]


@pytest.mark.parametrize(
    "how", [("app", "sign-in", "delete", "app"), ("app", "delete", "app", "--force")], ids=" ".join
)
async def test_an_application_that_was_deleted_asks_nobody(world: World, shop: Installation, how: list[str]) -> None:
    asking = world.party.ask()
    token = await asking.fetch(await asking.code(world.browser))
    await to_thread(shop.run, *how, "--tenant", world.pair.tenant.name)
    assert (await world.party.ask().carried(world.browser)).status == 400
    status, _ = await got(world.party.configuration["userinfo_endpoint"], token["access_token"])
    assert status == 401


LOOPBACK = "http://127.0.0.1/back"


async def test_a_program_on_somebodys_machine_is_let_on_by_them_each_time(world: World) -> None:
    party = await RelyingParty.register(world.pair, public=True, redirect=LOOPBACK)
    party.redirect = LOOPBACK.replace("127.0.0.1", "127.0.0.1:53412")
    for _ in range(2):
        asking = party.ask()
        page = await asking.carried(world.browser)
        assert page.status == 200 and "Go on to app?" in page.text and "ada@contoso.com" in page.text
        query = urlsplit(asking.url).query
        csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
        refused = await world.browser.post(f"{world.start}/authorize", {"asked": query}, csrf="x")
        assert refused.status == 403
        sent = await world.browser.post(f"{world.start}/authorize", {"asked": query}, csrf=csrf)
        assert (await asking.told(await asking.fetch(answer(sent, party.redirect)["code"])))["sub"] == str(world.ada)
        script = await world.browser.post(f"{world.start}/authorize", {"asked": query}, csrf=csrf, HX_Request="true")
        assert script.headers["HX-Redirect"].startswith(party.redirect + "?")
    quiet = answer(await party.ask(prompt="none").carried(world.browser), party.redirect)
    assert quiet["error"] == "consent_required"


async def test_a_page_in_a_browser_may_ask_as_a_public_client(world: World) -> None:
    """CORS: discovery, keys, token and userinfo; nothing of it takes a cookie."""
    asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
    found = world.party.configuration
    for name in ("token_endpoint", "userinfo_endpoint"):
        preflight = await to_thread(requests.options, found[name], headers=asked, timeout=30)
        assert preflight.status_code == 204 and "authorization" in preflight.headers["Access-Control-Allow-Headers"]
    issuer = f"{found['issuer']}/.well-known/openid-configuration"
    for address in (issuer, found["jwks_uri"], found["token_endpoint"], found["userinfo_endpoint"]):
        answered = await to_thread(requests.get, address, headers=asked, timeout=30)
        assert answered.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answered.headers
    sent = await world.browser.get(world.party.ask().url, Origin="https://app.example.com")
    assert "Access-Control-Allow-Origin" not in sent.headers, "whoever is signed in is nobody's to ask about"


# ── signing out ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def _token(world: World) -> str:
    asking = world.party.ask()
    return str((await asking.fetch(await asking.code(world.browser)))["id_token"])


def _logout(world: World, **more: str) -> str:
    return changed(world.party.configuration["end_session_endpoint"] + "?", **more)


async def test_an_application_signs_out_whose_id_token_it_has(world: World) -> None:
    hint = await _token(world)
    sent = await follow(
        world.browser, _logout(world, id_token_hint=hint, post_logout_redirect_uri=LOGOUT, state="a b&c")
    )
    assert answer(sent, LOGOUT) == {"state": "a b&c"}
    assert (await world.browser.get(f"{world.start}/account")).status == 303
    assert answer(await world.party.ask(prompt="none").carried(world.browser))["error"] == "login_required"
    # There is nobody to sign out, and still a way back.
    again = await follow(world.browser, _logout(world, client_id=world.party.client, post_logout_redirect_uri=LOGOUT))
    assert again.status == 303 and again.where == LOGOUT


async def test_whoever_is_signed_in_is_asked_before_an_application_signs_them_out_without_proof(world: World) -> None:
    await world.pair.user("grace")
    grace = await world.somebody("grace")
    hints = {"": "no hint", "x.y.z": "no token", await _token(world): "somebody else's"}
    for hint, why in hints.items():
        given = {"client_id": world.party.client, "post_logout_redirect_uri": LOGOUT, "state": "x"}
        page = await follow(grace, _logout(world, id_token_hint=hint, **given))
        assert page.status == 200 and "Sign out of contoso.com?" in page.text, why
        assert (await grace.get(f"{world.start}/account")).status == 200, why
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    query = urlsplit(_logout(world, **given)).query
    assert (await grace.post(f"{world.start}/sign-out", {"asked": query}, csrf="x")).status == 403
    sent = await grace.post(f"{world.start}/sign-out", {"asked": query}, csrf=csrf)
    assert answer(sent, LOGOUT) == {"state": "x"}
    assert (await grace.get(f"{world.start}/account")).status == 303


async def test_an_id_token_that_has_expired_is_still_a_hint(world: World) -> None:
    from provisor.access.signing import SigningKeys

    kid, key = await SigningKeys(world.pair.house.database, world.pair.house.box).newest()
    said = {"iss": world.party.configuration["issuer"], "aud": world.party.client, "sub": str(world.ada)}
    old = claims.sign({**said, "sid": "x", "exp": int(time.time()) - 60}, kid, key)
    sent = await follow(world.browser, _logout(world, id_token_hint=old, post_logout_redirect_uri=LOGOUT))
    assert sent.where == LOGOUT


async def test_after_signing_out_nobody_is_sent_to_an_address_that_is_not_registered(world: World) -> None:
    hint = await _token(world)
    for more in (
        {"post_logout_redirect_uri": "https://evil.example"},
        {"post_logout_redirect_uri": LOGOUT + "/"},
        {"post_logout_redirect_uri": REDIRECT},
        {"post_logout_redirect_uri": LOGOUT, "client_id": "00000000-0000-0000-0000-000000000000"},
    ):
        page = await follow(world.browser, _logout(world, id_token_hint=hint, **more))
        assert page.status == 400, more
        assert (await world.browser.get(f"{world.start}/account")).status == 200
    page = await follow(world.browser, _logout(world, post_logout_redirect_uri=LOGOUT))
    assert page.status == 400, "without a hint or a client id it is nobody's address"


# ── what conditional access says ────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Door:
    """The provider in this process, so that what admission says can be chosen. ``verdicts``: the next ones."""

    world: World
    app: Any
    verdicts: list[Verdict]
    asked: list[tuple[Any, Evidence]]

    async def get(self, url: str) -> Answer:
        parts = urlsplit(url)
        cookie = "; ".join(f"{name}={value}" for name, value in self.world.browser.cookies.items())
        headers = {"host": urlsplit(self.world.base).netloc, "cookie": cookie}
        return await self.app.ask("GET", f"{parts.path}?{parts.query}", None, headers=headers)

    async def authorize(self, **more: str) -> Answer:
        sent = await self.get(self.world.party.ask(**more).url)
        return await self.get(sent.headers["location"])


@pytest.fixture
def door(world: World, monkeypatch: pytest.MonkeyPatch) -> Door:
    made = Door(world, Pages(world.pair.house), [], [])

    async def admit(tx: Any, tenant: Any, user: Any, resource: Any, evidence: Evidence) -> Verdict:
        made.asked.append((resource, evidence))
        return made.verdicts.pop(0)

    monkeypatch.setattr(admission, "admit", admit)
    return made


class Pages(InProcess):
    def __init__(self, house: Any) -> None:
        self._app = compose.doors(house)


ROW = {"id": "p1", "name": "Managers", "result": "block", "report_only": False}


@pytest.mark.parametrize(
    ("outcome", "where", "error", "kept"),
    [
        (Outcome.BLOCKED, None, "access_denied", "failure"),
        (Outcome.FACTOR, "/second-factor?next=", "interaction_required", "interrupted"),
        (Outcome.PASSKEY, "/second-factor?need=passkey&next=", "interaction_required", "interrupted"),
        (Outcome.FRESH, "/sign-in?again=1&next=", "login_required", "interrupted"),
    ],
)
async def test_seed_03_what_a_policy_wants_is_asked_for_and_logged(
    door: Door, outcome: Outcome, where: str | None, error: str, kept: str
) -> None:
    world, verdict = door.world, Verdict(outcome, "Managers need more.", (ROW,))
    door.verdicts += [verdict, verdict]
    sent = await door.authorize()
    if where is None:
        assert sent.status == 403 and b"Managers need more." in sent.body
    else:
        assert sent.status == 303 and sent.headers["location"].startswith(world.start + where)
    silent = (await door.authorize(prompt="none")).headers["location"]
    assert parse_qs(urlsplit(silent).query)["error"] == [error]
    (resource, evidence), _ = door.asked
    assert (resource.id, resource.name) == (str(world.pair.application), "app")
    assert evidence.methods == {"password", "link"} and evidence.address == "127.0.0.1" and 0 <= evidence.age < 60
    assert await world.log() == [("ada@contoso.com", kept, "Managers need more.")] * 2
    async with world.pair.house.database.reading() as tx:
        sql = "select policies from sign_in where tenant = $1 and resource <> 'portal'"
        assert [row["policies"] for row in await tx.fetch(sql, world.pair.tenant.id)] == [[ROW], [ROW]]


async def test_a_policy_that_wants_every_sign_in_fresh_gets_one_and_no_circle(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, fresh = door.world, Verdict(Outcome.FRESH, "Each time afresh.", (ROW,))
    door.verdicts += [fresh, fresh, Verdict(Outcome.GRANTED)]
    first = (await door.authorize()).headers["location"]
    back = parse_qs(urlsplit(first).query)["next"][0]
    # Not signed in since: asked again.
    assert (await door.get(back)).headers["location"].startswith(f"{world.start}/sign-in?again=1")
    await world.set_session("authenticated = clock_timestamp()")
    assert parse_qs(urlsplit((await door.get(back)).headers["location"]).query)["code"]
    assert [evidence.age > 0 for _, evidence in door.asked] == [True, True, False]
    # An address that is kept says nothing any more after a while.
    monkeypatch.setattr(authorize, "_FRESH", 0.0)
    door.verdicts += [fresh]
    assert (await door.get(back)).headers["location"].startswith(f"{world.start}/sign-in?again=1")
    assert [outcome for _, outcome, _ in await world.log()] == ["interrupted", "interrupted", "success", "interrupted"]


async def test_what_keeps_somebody_from_the_portal_keeps_them_from_applications(world: World) -> None:
    """The session that lets somebody on to an application is the portal's."""
    async with world.pair.edit() as work:
        wanted = Wanted("No portal", state="on", users=("ada@contoso.com",), apps=("portal",), require="block")
        await conditional_access.create_policy(work, await document(work.tx, world.pair.tenant, wanted))
    page = await follow(world.browser, world.party.ask().url)
    assert page.status == 200 and "Sign in to contoso.com" in page.text
    assert "error=login_required" in (await follow(world.browser, world.party.ask(prompt="none").url)).where
    assert "counts on the way to an application" in (DOCS / "howto/conditional-access.md").read_text()


@pytest.mark.parametrize(("require", "where"), [("passkey", "need=passkey&"), ("mfa", "")])
async def test_a_fresh_sign_in_is_no_way_around_what_else_is_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch, require: str, where: str
) -> None:
    """The address to come back to says that one did sign in afresh; it says nothing of a second factor."""
    async with world.pair.edit() as work:
        for name, more in (("Each time", {"every": "every-time"}), ("More", {"require": require})):
            wanted = Wanted(name, state="on", users=("ada@contoso.com",), apps=("app",), **more)
            await conditional_access.create_policy(work, await document(work.tx, world.pair.tenant, wanted))
    # As if five minutes had gone by with each request.
    monkeypatch.setattr(decisions, "EVERY_TIME", 0.0)
    door = Door(world, Pages(world.pair.house), [], [])
    first = (await door.authorize()).headers["location"]
    assert first.startswith(f"{world.start}/sign-in?again=1")
    back = parse_qs(urlsplit(first).query)["next"][0]
    await world.set_session("authenticated = clock_timestamp()")
    sent = (await door.get(back)).headers["location"]
    assert sent.startswith(f"{world.start}/second-factor?{where}next="), sent
    await world.set_session("methods = $2", [WITH_PASSWORD, PASSKEY])
    assert parse_qs(urlsplit((await door.get(back)).headers["location"]).query)["code"]
