"""An application that knows npm's openid-client asks a tenant who somebody is."""

from __future__ import annotations

import html
import re
import time
from asyncio import to_thread
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import pytest_asyncio
from node_programs import Program, Told, needs_node, running
from openid_house import ADMIN, Realm, along

from browser_like import Client
from installation import Installation

pytestmark = needs_node
REDIRECT = "https://app.example.com/signed-in"
LOGOUT = "https://app.example.com/signed-out?why=asked"


@dataclass(slots=True)
class Party:
    """The application, and the browser of somebody who is signed in to the tenant."""

    realm: Realm
    program: Program
    browser: Client
    made: dict[str, Any]

    async def do(self, what: str, **given: Any) -> dict[str, Any]:
        return await to_thread(self.program.do, what, **given)

    async def told(self, what: str, **given: Any) -> dict[str, Any]:
        """What the library makes of a refusal."""
        with pytest.raises(Told) as found:
            await self.do(what, **given)
        said: dict[str, Any] = found.value.said
        return said

    async def discover(self, way: str = "client_secret_basic", **more: Any) -> dict[str, Any]:
        given = {"issuer": self.made["issuer"], "id": self.made["clientId"], "secret": self.made.get("secret"), **more}
        return await self.do("discover", way=way, **given)

    async def ask(self, **more: str) -> dict[str, Any]:
        return await self.do("ask", **{"redirect_uri": REDIRECT, "scope": "openid profile email", **more})

    async def carried(self, asked: dict[str, Any], until: str = REDIRECT) -> dict[str, Any]:
        """The question with the address that the browser came back to."""
        _, answered = await along(self.browser, asked["url"], until)
        assert answered.where.startswith(until), answered.text
        return {**{name: asked[name] for name in ("verifier", "state", "nonce")}, "url": answered.where}

    async def signed_in(self, **more: str) -> dict[str, Any]:
        return await self.do("finish", **await self.carried(await self.ask(**more)))


@pytest_asyncio.fixture
async def party(plain: Installation) -> AsyncIterator[Party]:
    realm = await Realm.make(plain)
    await realm.run("app", "create", "wiki")
    await realm.run("app", "assign", "wiki", "--user", ADMIN)
    words = ("app", "sign-in", "set", "wiki", "--redirect-uri", REDIRECT, "--logout-uri", LOGOUT)
    made = await realm.json(*words)
    with running("party.mjs") as program:
        found = Party(realm, program, await realm.admin(), made)
        await found.discover()
        yield found


# ── who somebody is ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", ["client_secret_basic", "client_secret_post", "none"])
async def test_it_learns_who_somebody_is(party: Party, way: str) -> None:
    if way == "none":
        words = ("app", "sign-in", "set", "wiki", "--redirect-uri", REDIRECT, "--public")
        party.made = await party.realm.json(*words)
    said = await party.discover(way)
    assert way in said["token_endpoint_auth_methods_supported"] and said["issuer"] == party.made["issuer"]
    found = await party.signed_in()
    claims = found["claims"]
    assert claims["iss"] == party.made["issuer"] and claims["aud"] == party.made["clientId"]
    assert claims["preferred_username"] == ADMIN and claims["amr"] == ["pwd"]
    assert found["token_type"] == "bearer" and 3500 < found["seconds"] < 3600
    person = await party.do("userinfo", token=found["access_token"], subject=claims["sub"])
    assert person["sub"] == claims["sub"] and person["preferred_username"] == ADMIN
    other = await party.told("userinfo", token=found["access_token"], subject="somebody else")
    assert '"sub"' in other["message"], other


async def test_what_it_does_not_know_is_passed_over(party: Party) -> None:
    """Whatever an application asks for that a tenant does not know, and need not."""
    more = {
        "display": "popup",
        "ui_locales": "de fr",
        "claims": '{"id_token":{"email":{"essential":true}}}',
        "claims_locales": "de",
        "resource": "https://api.example.com/",
        "dpop_jkt": "x",
        "acr_values": "unheard-of",
        "response_mode": "query",
        "audience": "https://api.example.com/",
    }
    found = await party.signed_in(scope="openid offline_access unheard-of", **more)
    assert found["scope"] == "openid" and "refresh_token" not in found
    refused = await party.told("refresh", token="x")
    assert (refused["error"], refused["status"]) == ("unsupported_grant_type", 400)


async def test_a_fresh_sign_in_is_one_for_the_library_too(party: Party) -> None:
    asked = await party.ask(max_age="3600")
    found = await party.do("finish", **await party.carried(asked), maxAge=3600)
    assert found["claims"]["auth_time"] <= time.time()


async def test_an_answer_in_a_form_is_taken_by_the_library(party: Party) -> None:
    assert "form_post" in (await party.discover())["response_modes_supported"]
    asked = await party.ask(response_mode="form_post", prompt="consent")
    _, page = await along(party.browser, asked.pop("url"), REDIRECT)
    assert "Go on to wiki?" in page.text
    wanted = html.unescape(re.findall(r'name="asked" value="([^"]*)"', page.text)[0])
    page = await party.browser.post(f"{party.realm.portal}/authorize", {"asked": wanted})
    carried = page.text.partition(f'action="{REDIRECT}"')[2].partition("</form>")[0]
    form = {name: html.unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', carried)}
    found = await party.do("finish", url=REDIRECT, form=form, **asked)
    assert found["claims"]["preferred_username"] == ADMIN


# ── what goes wrong ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_another_state_or_nonce_is_seen_by_the_library(party: Party) -> None:
    for name in ("state", "nonce"):
        back = await party.carried(await party.ask())
        refused = await party.told("finish", **{**back, name: "another"})
        assert f'"{name}"' in refused["message"], refused


async def test_a_code_is_good_once_and_with_its_verifier(party: Party) -> None:
    back = await party.carried(await party.ask())
    found = await party.do("finish", **back)
    refused = await party.told("finish", **back)
    assert (refused["name"], refused["error"], refused["status"]) == ("ResponseBodyError", "invalid_grant", 400)
    gone = await party.told("userinfo", token=found["access_token"], subject=found["claims"]["sub"])
    assert gone["status"] == 401 and gone["challenges"][0]["error"] == "invalid_token"
    back = await party.carried(await party.ask())
    refused = await party.told("finish", **{**back, "verifier": "x" * 43})
    assert refused["error"] == "invalid_grant" and "code_verifier" in refused["sentence"]


async def test_another_redirect_uri_is_taken_at_neither_end(party: Party) -> None:
    asked = await party.ask(redirect_uri="https://app.example.com/elsewhere")
    _, page = await along(party.browser, asked["url"], REDIRECT)
    assert page.status == 400 and "redirect_uri" in page.text
    back = await party.carried(await party.ask())
    # The library says at the token endpoint where it was called.
    refused = await party.told("finish", **{**back, "url": back["url"].replace("/signed-in", "/elsewhere")})
    assert refused["error"] == "invalid_grant" and "redirect_uri" in refused["sentence"]


@pytest.mark.parametrize("way", ["client_secret_basic", "client_secret_post"])
async def test_a_wrong_secret_is_refused_as_the_library_understands_it(party: Party, way: str) -> None:
    back = await party.carried(await party.ask())
    await party.discover(way, secret="wrong +%:ü")
    refused = await party.told("finish", **back)
    assert refused["status"] == 401
    if way == "client_secret_basic":
        assert refused["name"] == "WWWAuthenticateChallengeError" and refused["challenges"][0]["scheme"] == "basic"
    else:
        assert refused["error"] == "invalid_client"
    await party.discover(way)
    assert (await party.do("finish", **back))["claims"]["sub"], "who has no secret spends no code"


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"scope": "profile"}, "invalid_scope"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"prompt": "none", "id_token_hint": "x.y.z"}, "invalid_request"),
    ],
    ids=str,
)
async def test_the_library_is_told_what_it_cannot_have(party: Party, more: dict[str, str], error: str) -> None:
    back = await party.carried(await party.ask(**more))
    refused = await party.told("finish", **back)
    assert (refused["name"], refused["error"]) == ("AuthorizationResponseError", error) and refused["sentence"]


async def test_an_answer_of_another_issuer_is_seen_by_the_library(party: Party) -> None:
    back = await party.carried(await party.ask())
    parts = urlsplit(back["url"])
    values = {name: value for name, (value,) in parse_qs(parts.query).items()}
    for other in ({**values, "iss": values["iss"] + "/"}, {k: v for k, v in values.items() if k != "iss"}):
        refused = await party.told("finish", **{**back, "url": parts._replace(query=urlencode(other)).geturl()})
        assert '"iss"' in refused["message"], refused


# ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_signing_out_goes_on_to_where_the_library_wants_it(party: Party) -> None:
    found = await party.signed_in()
    given = {"id_token_hint": found["id_token"], "post_logout_redirect_uri": LOGOUT, "state": "a b&c"}
    url = (await party.do("leave", **given, logout_hint=ADMIN, ui_locales="de"))["url"]
    _, answered = await along(party.browser, url, LOGOUT)
    assert answered.where == f"{LOGOUT}&state=a+b%26c", answered.text
    assert (await party.browser.get(f"{party.realm.portal}/account")).status == 303
    gone = await party.told("userinfo", token=found["access_token"], subject=found["claims"]["sub"])
    assert gone["status"] == 401
    elsewhere = {**given, "post_logout_redirect_uri": "https://evil.example/"}
    _, page = await along(party.browser, (await party.do("leave", **elsewhere))["url"], "https://")
    assert page.status == 400 and not page.where
