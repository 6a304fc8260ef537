"""OWASP ASVS 5.0, chapter V10 (OAuth and OIDC), level 2, for what a tenant is there: an authorization server, an OpenID
provider, and with userinfo and the Graph API a resource server. Each requirement is tried, or named with why not.

V10.2 and V10.5 are a relying party's; this provider gives it what it needs for them, which is tried here.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from browser_like import Client
from pair import Pair
from provisor.access.actors import Actor
from provisor.directory import codes, relying_parties
from provisor.directory.edit import edit
from provisor.refusal import Forbidden
from relying_party import LOGOUT, REDIRECT, RelyingParty, World, answer, changed, fetched, follow, got, post

Check = Callable[[World], Awaitable[None]]
CHECKS: dict[str, Check] = {}
#: Requirements of level 2 and below that do not apply, with why not.
ELSEWHERE = {
    "10.1.2": "a client's: the workspace's side of sign-in binds state, nonce and verifier to the browser",
    "10.2.1": "a client's: checked where the workspace is one",
    "10.3.4": "no resource server here asks for more than a token; conditional access is asked before a code is made",
    "10.4.5": "there are no refresh tokens (10.4.4 tries it)",
    "10.4.7": "there is no dynamic registration: the discovery document has no address for it (10.7.1 tries it)",
    "10.4.8": "there are no refresh tokens",
    "10.5.3": "a client's: checked where the workspace is one",
    "10.5.5": "there is no back-channel logout",
    "10.7.3": "no consent is kept: whoever has to give it is asked each time (10.7.1)",
}
#: Of level 2 and below, as the chapter has them.
REQUIREMENTS = [
    *("10.1.1", "10.1.2", "10.2.1", "10.2.2", "10.3.1", "10.3.2", "10.3.3", "10.3.4", "10.4.1", "10.4.2", "10.4.3"),
    *("10.4.4", "10.4.5", "10.4.6", "10.4.7", "10.4.8", "10.4.9", "10.4.10", "10.4.11", "10.5.1", "10.5.2", "10.5.3"),
    *("10.5.4", "10.5.5", "10.6.1", "10.6.2", "10.7.1", "10.7.2", "10.7.3"),
]


def requirement(number: str) -> Callable[[Check], Check]:
    def kept(check: Check) -> Check:
        CHECKS[number] = check
        return check

    return kept


@pytest_asyncio.fixture
async def world(pair: Pair) -> World:
    return await World.make(pair)


async def _token(world: World, party: RelyingParty | None = None) -> dict[str, Any]:
    asking = (party or world.party).ask()
    return await asking.fetch(await asking.code(world.browser))


@requirement("10.1.1")
async def tokens_go_to_whom_they_are_for(world: World) -> None:
    """The browser carries a code and no token; the client gets one token for itself and one for userinfo."""
    asking = world.party.ask()
    found = answer(await asking.carried(world.browser))
    assert found.keys() == {"code", "state", "iss"}
    assert (await asking.fetch(found["code"])).keys() >= {"id_token", "access_token"}
    assert not any("token" in name for name in world.browser.cookies)


@requirement("10.2.2")
async def a_client_can_tell_who_answers(world: World) -> None:
    """Mix-up: the issuer stands in answers and errors, and is the one of discovery and of the ID token."""
    issuer = world.party.configuration["issuer"]
    assert world.party.configuration["authorization_response_iss_parameter_supported"] is True
    assert answer(await world.party.ask().carried(world.browser))["iss"] == issuer
    assert answer(await world.party.ask(prompt="none").carried(Client(world.base)))["iss"] == issuer
    assert (await world.party.ask().who(world.browser))["iss"] == issuer


@requirement("10.3.1")
async def a_token_opens_the_door_it_is_for(world: World) -> None:
    token = await _token(world)
    userinfo = world.party.configuration["userinfo_endpoint"]
    assert (await got(userinfo, token["access_token"]))[0] == 200
    assert (await got(userinfo, token["id_token"]))[0] == 401
    for value in (token["access_token"], token["id_token"]):
        assert (await got(f"{world.base}/v1.0/users", value))[0] == 401


@requirement("10.3.2")
async def userinfo_says_what_the_scope_allows(world: World) -> None:
    for scope, more in (("openid", set()), ("openid email", {"email"}), ("openid profile", {"preferred_username"})):
        world.party.scope = scope
        person = await fetched(world.party.configuration["userinfo_endpoint"], (await _token(world))["access_token"])
        assert person.keys() & {"email", "preferred_username"} == more
        assert person["sub"] == str(world.ada)


@requirement("10.3.3")
async def a_person_is_known_by_what_nobody_else_gets(world: World) -> None:
    """A renamed person is the same, and whoever has the name next is not."""
    token = await _token(world)
    await world.pair.set_user(world.ada, userPrincipalName="lovelace@contoso.com")
    heir = await world.pair.user("ada")
    person = await fetched(world.party.configuration["userinfo_endpoint"], token["access_token"])
    assert person["sub"] == str(world.ada) != str(heir)
    assert person["preferred_username"] == "lovelace@contoso.com"


@requirement("10.4.1")
async def redirect_uris_are_compared_letter_for_letter(world: World) -> None:
    other = await RelyingParty.another(world.pair)
    async with world.pair.edit() as work:
        app = await world.pair.app(work.tx)
        await relying_parties.register(work, app, ["https://elsewhere.example/x"])
    for url in (world.party.ask().url, changed(other.ask().url, redirect_uri="https://elsewhere.example/x")):
        assert (await follow(world.browser, url)).status == 400, "an address counts for the client that registered it"
    for spelling in (REDIRECT + "/", REDIRECT + "?", REDIRECT.upper(), REDIRECT.replace("app.", "")):
        assert (await follow(world.browser, changed(other.ask().url, redirect_uri=spelling))).status == 400


@requirement("10.4.2")
async def a_code_is_used_once_and_a_second_use_ends_the_first(world: World) -> None:
    asking = world.party.ask()
    code = await asking.code(world.browser)
    token = await asking.fetch(code)
    assert (await asking.refused(code))["error"] == "invalid_grant"
    assert (await got(world.party.configuration["userinfo_endpoint"], token["access_token"]))[0] == 401


@requirement("10.4.3")
async def a_code_is_short_lived(world: World) -> None:
    assert codes.COUNTS <= 60
    asking = world.party.ask()
    code = await asking.code(world.browser)
    async with world.pair.house.database.transaction() as tx:
        sql = "update authorization_code set created = now() - interval '61 seconds' where tenant = $1"
        await tx.execute(sql, world.pair.tenant.id)
    assert (await asking.refused(code))["error"] == "invalid_grant"


@requirement("10.4.4")
async def a_client_has_the_grant_that_it_needs(world: World) -> None:
    found = world.party.configuration
    assert set(found["grant_types_supported"]) == {"authorization_code", "client_credentials"}
    form = {"client_id": world.party.client, "client_secret": str(world.party.secret), "scope": "x/.default"}
    for grant in ("client_credentials", "password", "refresh_token", "implicit"):
        more = {"username": "ada@contoso.com", "password": "x", "refresh_token": "x"}
        status, body = await post(found["token_endpoint"], {**form, **more, "grant_type": grant})
        assert status == 400 and body["error"] in ("unauthorized_client", "unsupported_grant_type"), grant
    for kind in ("token", "id_token", "id_token token", "code token", "none"):
        refused = answer(await follow(world.browser, changed(world.party.ask().url, response_type=kind)))
        assert refused["error"] == "unsupported_response_type"
    assert "refresh_token" not in await _token(world)


@requirement("10.4.6")
async def pkce_is_required_of_everybody(world: World) -> None:
    for change in (
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
    ):
        assert answer(await follow(world.browser, changed(world.party.ask().url, **change)))["error"]
    asking = world.party.ask()
    assert (await asking.refused(await asking.code(world.browser), code_verifier=""))["error"] == "invalid_request"
    assert (await asking.refused(await asking.code(world.browser), code_verifier="x" * 43))["error"] == "invalid_grant"


@requirement("10.4.9")
async def whoever_a_token_is_about_can_end_it(world: World) -> None:
    token = await _token(world)
    await world.browser.post(f"{world.start}/account/sign-out-everywhere", {})
    assert (await got(world.party.configuration["userinfo_endpoint"], token["access_token"]))[0] == 401


@requirement("10.4.10")
async def a_confidential_client_is_authenticated(world: World) -> None:
    asking = world.party.ask()
    code = await asking.code(world.browser)
    for secret in ("", "x" * 43, str(world.party.secret)[:-1], str(world.party.secret).lower()):
        assert (await asking.refused(code, client_secret=secret))["error"] == "invalid_client"
    assert (await asking.fetch(code))["id_token"]


@requirement("10.4.11")
async def scopes_are_three_and_nothing_else_is_given(world: World) -> None:
    assert world.party.configuration["scopes_supported"] == ["openid", "profile", "email"]
    world.party.scope = "openid offline_access https://graph.microsoft.com/.default User.Read"
    assert (await _token(world))["scope"] == "openid"


@requirement("10.5.1")
async def a_nonce_comes_back(world: World) -> None:
    asking = world.party.ask()
    assert (await asking.who(world.browser))["nonce"] == asking.nonce
    bare = world.party.ask()
    bare.url = changed(bare.url, nonce=None)
    token = await bare.fetch(await bare.code(world.browser))
    bare.nonce = ""
    assert "nonce" not in await bare.told(token)


@requirement("10.5.2")
async def a_subject_is_never_given_to_somebody_else(world: World) -> None:
    before = (await world.party.ask().who(world.browser))["sub"]
    async with world.pair.edit() as work:
        from provisor.directory import users

        await users.recycle(work, world.ada)
        await users.purge(work, world.ada)
    await world.pair.user("ada")
    assert (await world.party.ask().who(await world.somebody("ada")))["sub"] != before


@requirement("10.5.4")
async def an_id_token_names_its_client_and_no_other(world: World) -> None:
    other = await RelyingParty.another(world.pair)
    for party in (world.party, other):
        assert (await party.ask().who(world.browser))["aud"] == party.client
    assert world.party.client != other.client


@requirement("10.6.1")
async def only_code_is_a_response(world: World) -> None:
    found = world.party.configuration
    assert found["response_types_supported"] == ["code"]
    assert found["response_modes_supported"] == ["query", "form_post"], "in neither is a code left to a fragment"
    for change in (
        {"response_type": "id_token token"},
        {"response_mode": "fragment"},
        {"response_mode": "web_message"},
    ):
        refused = answer(await follow(world.browser, changed(world.party.ask().url, **change)))
        assert refused["error"] in ("unsupported_response_type", "invalid_request")


@requirement("10.6.2")
async def nobody_is_signed_out_by_a_link(world: World) -> None:
    await world.pair.user("grace")
    grace = await world.somebody("grace")
    address = world.party.configuration["end_session_endpoint"] + "?"
    hint = (await _token(world))["id_token"]
    for change in ({}, {"id_token_hint": hint}, {"id_token_hint": "x.y.z"}):
        more = {"client_id": world.party.client, "post_logout_redirect_uri": LOGOUT}
        assert "Sign out of contoso.com?" in (await follow(grace, changed(address, **more, **change))).text
        assert (await grace.get(f"{world.start}/account")).status == 200


@requirement("10.7.1")
async def whoever_cannot_be_known_is_let_on_by_the_person_each_time(world: World) -> None:
    """Clients are registered by administrators and owners, who agree for the tenant; nobody registers themselves."""
    assert "registration_endpoint" not in world.party.configuration
    async with edit(world.pair.house.database, world.pair.tenant, Actor("x", "somebody")) as work:
        with pytest.raises(Forbidden):
            await relying_parties.register(work, await world.pair.app(work.tx), [REDIRECT])
    program = await RelyingParty.register(world.pair, public=True, redirect="http://127.0.0.1/x")
    for _ in range(2):
        page = await program.ask().carried(world.browser)
        assert page.status == 200 and not page.where
    quiet = answer(await program.ask(prompt="none").carried(world.browser), "http://127.0.0.1/x")
    assert quiet["error"] == "consent_required"


@requirement("10.7.2")
async def who_asks_is_told_what_for_and_for_how_long(world: World) -> None:
    program = await RelyingParty.register(world.pair, public=True, redirect="http://127.0.0.1/x")
    text = re.sub(r"<[^>]+>|\s+", " ", (await program.ask().carried(world.browser)).text)
    for part in ("app", "ada@contoso.com", "name and mail address", "for an hour"):
        assert part in text


@pytest.mark.parametrize("number", CHECKS)
async def test_asvs(number: str, world: World) -> None:
    await CHECKS[number](world)


def test_every_requirement_is_tried_or_has_a_reason() -> None:
    assert sorted([*CHECKS, *ELSEWHERE]) == sorted(REQUIREMENTS)
