"""A tenant that sends its people to somebody else's OpenID provider: who gets in, who does not, and what attackers
get."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from asyncio import to_thread
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import pytest_asyncio

from authenticator import add_passkey, by_passkey, someone
from browser_like import PASSWORD, Answered, Client, signed_in
from foreign_provider import SECRET, ForeignProvider
from installation import Installation
from pair import Pair
from provisor import audit, compose
from provisor.access.actors import PROVISOR
from provisor.directory import conditional_access, external, tenants, users
from provisor.directory.external import ExternalProvider
from provisor.directory.policy_words import Wanted, document
from provisor.refusal import Conflict, Forbidden, Invalid, NotFound


def _base(pair: Pair) -> str:
    return pair.base.partition("/w/")[0]


def _start(pair: Pair) -> str:
    return f"/t/{pair.tenant.name}"


@pytest_asyncio.fixture
async def foreign(pair: Pair) -> AsyncIterator[ForeignProvider]:
    """The tenant's provider, at which nobody is linked yet."""
    async with ForeignProvider.open() as provider:
        provider.register(f"{_base(pair)}{_start(pair)}/signed-in")
        await configure(pair, provider)
        yield provider


async def configure(pair: Pair, foreign: ForeignProvider, **more: bool) -> None:
    given = {"only": False, "trust_mfa": False, **more}
    async with pair.edit() as work:
        wanted = ExternalProvider(foreign.issuer, "provisor", "Entra ID", given["only"], given["trust_mfa"])
        await external.put(work, pair.house.box, wanted, SECRET)


async def link(pair: Pair, name: str, subject: str) -> None:
    async with pair.edit() as work:
        await external.link(work, await users.find(work.tx, pair.tenant, name), subject)


async def begun(pair: Pair, client: Client, **fields: str) -> str:
    """The address to which the browser is sent."""
    answered = await client.post(f"{_start(pair)}/signed-in/begin", fields, csrf="")
    assert answered.status == 303, answered.text
    return answered.where


async def at_provider(address: str) -> str:
    """Where the provider sends the browser back to, without the server's address."""
    async with aiohttp.ClientSession() as session, session.get(address, allow_redirects=False) as answer:
        assert answer.status == 302, await answer.text()
        found = urlsplit(answer.headers["Location"])
        return f"{found.path}?{found.query}"


async def signing_in(pair: Pair, client: Client, **fields: str) -> Answered:
    return await client.get(await at_provider(await begun(pair, client, **fields)))


async def session_of(pair: Pair, name: str) -> Any:
    async with pair.house.database.reading() as tx:
        user = await users.find(tx, pair.tenant, name)
        return await tx.fetchrow(
            "select methods, extract(epoch from now() - authenticated) as age from session where subject = $1"
            " order by opened desc limit 1",
            str(user.id),
        )


async def log_of(pair: Pair) -> Any:
    async with pair.house.database.reading() as tx:
        return await tx.fetchrow("select * from sign_in where tenant = $1 order by id desc limit 1", pair.tenant.id)


# ── who gets in ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_is_linked_signs_in_and_goes_on_where_they_wanted(pair: Pair, foreign: ForeignProvider) -> None:
    await link(pair, "admin@contoso.com", foreign.subject)
    somebody = Client(_base(pair))
    assert "Sign in with Entra ID" in (await somebody.get(f"{_start(pair)}/sign-in")).text
    answered = await signing_in(pair, somebody, next=f"{_start(pair)}/users?q=ada")
    assert answered.status == 303 and answered.where == f"{_start(pair)}/users?q=ada"
    assert "admin@contoso.com" in (await somebody.get(f"{_start(pair)}/account")).text
    assert (await session_of(pair, "admin@contoso.com"))["methods"] == ["external"]
    row = await log_of(pair)
    assert (row["upn"], row["methods"], row["outcome"]) == ("admin@contoso.com", ["external"], "success")


async def test_a_name_or_an_address_of_somebody_here_lets_nobody_in(pair: Pair, foreign: ForeignProvider) -> None:
    """The provider says that they are admin@contoso.com, verified."""
    foreign.name = "admin@contoso.com"
    somebody = Client(_base(pair))
    answered = await signing_in(pair, somebody)
    assert (
        answered.status == 403 and foreign.subject in answered.text and "administrator, who links it" in answered.text
    )
    assert (await somebody.get(f"{_start(pair)}/")).status == 303
    row = await log_of(pair)
    assert (row["upn"], row["outcome"]) == ("", "failure") and "linked" in row["reason"]


async def test_a_link_is_to_one_issuer(pair: Pair, foreign: ForeignProvider) -> None:
    """Another provider may have the same subject for somebody else."""
    await link(pair, "admin@contoso.com", foreign.subject)
    async with ForeignProvider.open() as other:
        other.register(f"{_base(pair)}{_start(pair)}/signed-in")
        await configure(pair, other)
        assert (await signing_in(pair, Client(_base(pair)))).status == 403
        await configure(pair, foreign)
        assert (await signing_in(pair, Client(_base(pair)))).status == 303


@pytest.mark.parametrize("how", ["disabled", "recycled", "purged", "unlinked"])
async def test_who_left_does_not_get_in_and_has_no_session(pair: Pair, foreign: ForeignProvider, how: str) -> None:
    identity = await pair.user("ada", assigned=False)
    await link(pair, "ada@contoso.com", foreign.subject)
    somebody = Client(_base(pair))
    assert (await signing_in(pair, somebody)).status == 303
    assert (await somebody.get(f"{_start(pair)}/account")).status == 200
    async with pair.edit() as work:
        if how == "disabled":
            await users.change(work, identity, {"accountEnabled": False})
        elif how == "unlinked":
            await external.unlink(work, await users.find(work.tx, pair.tenant, "ada@contoso.com"))
        else:
            await users.recycle(work, identity)
        if how == "purged":
            await users.purge(work, identity)
    assert (await somebody.get(f"{_start(pair)}/account")).status == 303
    answered = await signing_in(pair, Client(_base(pair)))
    assert answered.status == 403
    assert ("disabled or deleted" in answered.text) is (how in ("disabled", "recycled"))
    row = await log_of(pair)
    known = how in ("disabled", "recycled")
    assert (row["upn"], row["user_id"]) == (("ada@contoso.com", identity) if known else ("", None))
    assert row["outcome"] == "failure" and row["reason"]


async def test_the_user_connects_an_account_signed_in_with_the_password(pair: Pair, foreign: ForeignProvider) -> None:
    made = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "admin@contoso.com")
    owner = await signed_in(_base(pair), made)
    wrong = await owner.post(f"{_start(pair)}/account/connect", {"password": "wrong horse battery"})
    assert wrong.status == 403 and "password is wrong" in wrong.text
    answered = await owner.post(f"{_start(pair)}/account/connect", {"password": PASSWORD})
    assert answered.status == 303, answered.text
    shown = await owner.get(await at_provider(answered.where))
    assert shown.status == 200 and "Is this you at Entra ID?" in shown.text
    assert foreign.subject not in (await owner.get(f"{_start(pair)}/account")).text, "it was not said yet that it is"
    answered = await owner.post(f"{_start(pair)}/signed-in/connect", {"identity": sealed_in(shown)})
    assert answered.where == f"{_start(pair)}/account", answered.text
    assert foreign.subject in (await owner.get(f"{_start(pair)}/account")).text
    somebody = Client(_base(pair))
    assert (await signing_in(pair, somebody)).status == 303
    assert (await owner.post(f"{_start(pair)}/account/disconnect", {})).status == 303
    assert (await signing_in(pair, Client(_base(pair)))).status == 403


def sealed_in(answered: Answered) -> str:
    """Who came back, as the page that asks has it."""
    found = re.search(r'name="identity" value="([^"]+)"', answered.text)
    assert found is not None, answered.text
    return found[1]


async def connecting(pair: Pair, name: str) -> tuple[Client, Answered]:
    """Somebody who has come back from the provider to be connected, and what they are shown."""
    owner = await signed_in(_base(pair), await compose.set_up_link(pair.house, pair.tenant, PROVISOR, name))
    sent = await owner.post(f"{_start(pair)}/account/connect", {"password": PASSWORD})
    asked = parse_qs(urlsplit(sent.where).query)
    assert (asked["prompt"], "max_age" in asked) == (["login"], False)
    return owner, await owner.get(await at_provider(sent.where))


async def test_whoever_connects_is_asked_there_and_shown_as_whom(pair: Pair, foreign: ForeignProvider) -> None:
    """Somebody else's session may be open at the provider, in the same browser."""
    foreign.name, foreign.claims = "eve@contoso.com", {"name": "Eve <script>"}
    owner, shown = await connecting(pair, "admin@contoso.com")
    for text in ("eve@contoso.com", "Eve &lt;script&gt;", foreign.subject, "admin@contoso.com"):
        assert text in shown.text, text
    assert (await owner.get(f"{_start(pair)}/account")).text.count(foreign.subject) == 0


async def test_what_was_shown_to_somebody_connects_nobody_else(pair: Pair, foreign: ForeignProvider) -> None:
    path = f"{_start(pair)}/signed-in/connect"
    await pair.user("ada", assigned=False)
    owner, shown = await connecting(pair, "admin@contoso.com")
    other, _ = await connecting(pair, "ada@contoso.com")
    for client, identity in ((other, sealed_in(shown)), (owner, ""), (owner, "AAAA"), (owner, "é")):
        refused = await client.post(path, {"identity": identity})
        assert refused.status == 403 and "connect again" in refused.text, identity
    async with pair.house.database.transaction() as tx:
        await tx.execute("update external_provider set client_id = 'other' where tenant = $1", pair.tenant.id)
    refused = await owner.post(path, {"identity": sealed_in(shown)})
    assert refused.status == 403 and "connect again" in refused.text
    assert (await Client(_base(pair)).post(path, {"identity": sealed_in(shown)}, csrf="")).status == 303, "to sign in"
    async with pair.house.database.reading() as tx:
        assert await external.links(tx, pair.tenant, await external.found(tx, pair.tenant)) == []


async def test_what_was_shown_long_ago_is_asked_again(pair: Pair, foreign: ForeignProvider) -> None:
    """The same words, sealed as they were, with a time that is over."""
    owner, shown = await connecting(pair, "admin@contoso.com")
    async with pair.house.database.reading() as tx:
        admin = await users.find(tx, pair.tenant, "admin@contoso.com")
    secret = next(value for name, value in owner.cookies.items() if name.endswith(f"provisor-t-{pair.tenant.name}"))
    row = f"connect/{pair.tenant.id}/{admin.id}/{hashlib.sha256(secret.encode()).hexdigest()}"
    *whom, until = json.loads(pair.house.box.open(base64.urlsafe_b64decode(sealed_in(shown)), row))
    assert time.time() + 500 < until < time.time() + 700
    over = base64.urlsafe_b64encode(pair.house.box.seal(json.dumps([*whom, time.time() - 1]), row)).decode()
    refused = await owner.post(f"{_start(pair)}/signed-in/connect", {"identity": over})
    assert refused.status == 403 and "too long ago" in refused.text


async def test_nobody_is_connected_to_an_attackers_account(pair: Pair, foreign: ForeignProvider) -> None:
    """The attacker's answer, sent to whoever is signed in: their browser has begun nothing."""
    attacker = Client(_base(pair))
    back = await at_provider(await begun(pair, attacker))
    made = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "admin@contoso.com")
    owner = await signed_in(_base(pair), made)
    refused = await owner.get(back)
    assert refused.status == 403 and "not begun in this browser" in refused.text
    async with pair.house.database.reading() as tx:
        provider = await external.found(tx, pair.tenant)
        assert await external.links(tx, pair.tenant, provider) == []


async def test_a_connection_is_for_whoever_began_it(pair: Pair, foreign: ForeignProvider) -> None:
    made = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "admin@contoso.com")
    owner = await signed_in(_base(pair), made)
    back = await at_provider((await owner.post(f"{_start(pair)}/account/connect", {"password": PASSWORD})).where)
    await owner.post(f"{_start(pair)}/sign-in/end", {})
    refused = await owner.get(back)
    assert refused.status == 403 and "not signed in any more" in refused.text


# ── what it proves ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("trusted", "amr", "methods"),
    [
        (False, ["pwd", "mfa"], ["external"]),
        (True, ["pwd", "mfa"], ["external", "totp"]),
        (True, ["hwk"], ["external", "totp"]),
        (True, ["pwd"], ["external"]),
        (True, ["sms"], ["external"]),
        (True, None, ["external"]),
    ],
)
async def test_a_second_factor_elsewhere_counts_when_the_provider_is_trusted(
    pair: Pair, foreign: ForeignProvider, trusted: bool, amr: list[str] | None, methods: list[str]
) -> None:
    await configure(pair, foreign, trust_mfa=trusted)
    await link(pair, "admin@contoso.com", foreign.subject)
    foreign.amr = amr
    assert (await signing_in(pair, Client(_base(pair)))).status == 303
    assert (await session_of(pair, "admin@contoso.com"))["methods"] == methods


async def test_a_session_is_as_old_as_the_sign_in_there(pair: Pair, foreign: ForeignProvider) -> None:
    await link(pair, "admin@contoso.com", foreign.subject)
    foreign.auth_age = 3600
    assert (await signing_in(pair, Client(_base(pair)))).status == 303
    assert 3500 < (await session_of(pair, "admin@contoso.com"))["age"] < 3700
    foreign.claims = {"auth_time": None}
    assert (await signing_in(pair, Client(_base(pair)))).status == 303
    assert (await session_of(pair, "admin@contoso.com"))["age"] > 12 * 3600 - 60


async def test_a_fresh_sign_in_is_asked_for_and_checked(pair: Pair, foreign: ForeignProvider) -> None:
    await link(pair, "admin@contoso.com", foreign.subject)
    asked = parse_qs(urlsplit(await begun(pair, Client(_base(pair)), again="1")).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])
    # A clock that is late: whoever waits for a sign-in after this moment must not be sent there for ever.
    foreign.auth_age = 30
    assert (await signing_in(pair, Client(_base(pair)), again="1")).status == 303
    assert (await session_of(pair, "admin@contoso.com"))["age"] < 10
    assert (await signing_in(pair, Client(_base(pair)))).status == 303
    assert (await session_of(pair, "admin@contoso.com"))["age"] > 20
    foreign.auth_age = 3600
    refused = await signing_in(pair, Client(_base(pair)), again="1")
    assert refused.status == 403 and "did not ask you again" in refused.text


async def policy(pair: Pair, every: str) -> None:
    """Everybody signs in to the portal afresh as often as that."""
    async with pair.edit() as work:
        given = await document(
            work.tx, pair.tenant, Wanted("Fresh", state="on", users=("All",), apps=("portal",), every=every)
        )
        await conditional_access.create_policy(work, given)


@pytest.mark.parametrize("every", ["1h", "every-time"])
async def test_whoever_is_known_there_for_too_long_is_asked_again_there(
    pair: Pair, foreign: ForeignProvider, every: str
) -> None:
    """The provider does not ask whom it knows unless it is told to."""
    await link(pair, "admin@contoso.com", foreign.subject)
    await policy(pair, every)
    foreign.auth_age = 7200
    somebody, wanted = Client(_base(pair)), f"{_start(pair)}/users?q=ada"
    answered = await signing_in(pair, somebody, next=wanted)
    again = urlsplit(answered.where)
    assert again.path == f"{_start(pair)}/sign-in", answered.where
    assert parse_qs(again.query) == {"again": ["1"], "next": [wanted]}
    assert not any(not name.endswith("_request") for name in somebody.cookies), "there is no session yet"
    row = await log_of(pair)
    assert (row["outcome"], row["upn"]) == ("interrupted", "admin@contoso.com") and "Fresh" in row["reason"]
    page = await somebody.get(answered.where)
    assert 'name="again" value="1"' in page.text and "Sign in once more" in page.text
    foreign.auth_age = 0
    answered = await signing_in(pair, somebody, next=wanted, again="1")
    assert answered.where == wanted
    assert (await somebody.get(f"{_start(pair)}/account")).status == 200


# ── only there ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_with_only_passwords_are_for_administrators(pair: Pair, foreign: ForeignProvider) -> None:
    with pytest.raises(Conflict, match="No Global Administrator has a password"):
        await configure(pair, foreign, only=True)
    await pair.user("ada", assigned=False)
    for name in ("admin@contoso.com", "ada@contoso.com"):
        await signed_in(_base(pair), await compose.set_up_link(pair.house, pair.tenant, PROVISOR, name))
    await configure(pair, foreign, only=True)
    page = (await Client(_base(pair)).get(f"{_start(pair)}/sign-in")).text
    assert "Sign in with Entra ID" in page and 'type="password"' not in page and "local=1" in page
    assert 'type="password"' in (await Client(_base(pair)).get(f"{_start(pair)}/sign-in?local=1")).text
    path = f"{_start(pair)}/sign-in"
    refused = await Client(_base(pair)).post(path, {"name": "ada@contoso.com", "password": PASSWORD}, csrf="")
    assert refused.status == 403 and "Global Administrators only" in refused.text
    row = await log_of(pair)
    assert (row["upn"], row["outcome"]) == ("ada@contoso.com", "failure")
    wrong = await Client(_base(pair)).post(path, {"name": "ada@contoso.com", "password": "wrong one"}, csrf="")
    assert wrong.status == 403 and "Global Administrators" not in wrong.text
    allowed = await Client(_base(pair)).post(path, {"name": "admin@contoso.com", "password": PASSWORD}, csrf="")
    assert allowed.status == 303


async def test_with_only_a_passkey_from_here_is_for_administrators_too(pair: Pair, foreign: ForeignProvider) -> None:
    """Whoever has left there must not get in with what they have made here."""
    made = await add_passkey(await someone(pair, "ada"), pair)
    chief = await add_passkey(await someone(pair, "grace", "Global Administrator"), pair)
    await configure(pair, foreign, only=True)
    somebody, refused = await by_passkey(pair, made)
    assert refused.status == 403 and "Global Administrators only" in refused.text
    assert not any(name.endswith(pair.tenant.name) for name in somebody.cookies)
    row = await log_of(pair)
    assert (row["upn"], row["outcome"], row["methods"]) == ("ada@contoso.com", "failure", ["passkey"])
    assert (await by_passkey(pair, chief))[1].status == 303


# ── attacks ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _refused(client: Client, path: str, sentence: str) -> None:
    answered = await client.get(path)
    assert answered.status == 403 and sentence in answered.text, answered.text
    assert not any(name.endswith("_device") or not name.endswith("_request") for name in client.cookies)


async def test_a_wrong_state_another_browser_and_a_second_time_are_refused(
    pair: Pair, foreign: ForeignProvider
) -> None:
    await link(pair, "admin@contoso.com", foreign.subject)
    somebody = Client(_base(pair))
    back = await at_provider(await begun(pair, somebody))
    state = parse_qs(urlsplit(back).query)["state"][0]
    await _refused(somebody, back.replace(state, "x" * 43), "not begun in this browser")
    await _refused(somebody, f"{back}&state={state}", "not begun in this browser")
    await _refused(Client(_base(pair)), back, "not begun in this browser")
    other = Client(_base(pair))
    await begun(pair, other)
    await _refused(other, back, "not begun in this browser")
    # None of that spoilt it for the browser that began it.
    cookies = dict(somebody.cookies)
    assert (await somebody.get(back)).status == 303
    await _refused(Client(_base(pair), cookies), back, "not begun in this browser")


async def test_a_sign_in_that_takes_too_long_has_ended(pair: Pair, foreign: ForeignProvider) -> None:
    somebody = Client(_base(pair))
    back = await at_provider(await begun(pair, somebody))
    async with pair.house.database.transaction() as tx:
        await tx.execute(
            "update authentication_request set expires = now() - interval '1 second' where realm = $1",
            pair.tenant.realm,
        )
    await _refused(somebody, back, "took too long")


async def test_an_answer_of_one_tenant_counts_in_no_other(pair: Pair, standard: Pair, foreign: ForeignProvider) -> None:
    await configure(standard, foreign)
    await link(standard, "admin@contoso.com", foreign.subject)
    somebody = Client(_base(pair))
    back = await at_provider(await begun(pair, somebody))
    moved = {name.replace(pair.tenant.name, standard.tenant.name): value for name, value in somebody.cookies.items()}
    await _refused(
        Client(_base(pair), moved), back.replace(_start(pair), _start(standard)), "not begun in this browser"
    )


async def test_mix_up_an_answer_of_another_provider_is_refused(pair: Pair, foreign: ForeignProvider) -> None:
    """The honest provider is asked because the evil one sent the browser there; its code must not be shown to the
    evil."""
    await link(pair, "admin@contoso.com", foreign.subject)
    async with ForeignProvider.open() as evil:
        evil.register(f"{_base(pair)}{_start(pair)}/signed-in")
        await configure(pair, evil)
        somebody = Client(_base(pair))
        sent = await begun(pair, somebody)
        assert sent.startswith(evil.issuer)
        back = await at_provider(sent.replace(evil.issuer, foreign.issuer))
        await _refused(somebody, back, "does not come from")
        assert not [path for path, _ in evil.asked if path == "/token"]


async def test_a_provider_that_was_changed_meanwhile_is_begun_with_again(pair: Pair, foreign: ForeignProvider) -> None:
    await link(pair, "admin@contoso.com", foreign.subject)
    somebody = Client(_base(pair))
    back = await at_provider(await begun(pair, somebody))
    async with ForeignProvider.open() as other:
        await configure(pair, other)
        await _refused(somebody, back, "Another provider is used since")


@pytest.mark.parametrize("claims", [{"nonce": "x"}, {"aud": "x"}, {"iss": "http://x"}, {"exp": 1}, {"sub": None}])
async def test_a_token_that_is_not_for_this_sign_in_signs_nobody_in(
    pair: Pair, foreign: ForeignProvider, claims: dict[str, Any]
) -> None:
    await link(pair, "admin@contoso.com", foreign.subject)
    foreign.claims = claims
    answered = await signing_in(pair, Client(_base(pair)))
    assert answered.status == 403 and "ID token" in answered.text


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example/", "/w/x/", "/t/x/\\evil", "javascript:x"])
async def test_one_stays_here_whatever_next_says(pair: Pair, foreign: ForeignProvider, wanted: str) -> None:
    await link(pair, "admin@contoso.com", foreign.subject)
    answered = await signing_in(pair, Client(_base(pair)), next=wanted)
    assert answered.status == 303 and answered.where == f"{_start(pair)}/"


async def test_nobody_fills_the_database_with_places_to_go_on_to(pair: Pair, foreign: ForeignProvider) -> None:
    await link(pair, "admin@contoso.com", foreign.subject)
    start = f"{_start(pair)}/users?q="
    for length, kept in ((16 * 1024 + 1, 0), (16 * 1024, 16 * 1024)):
        somebody = Client(_base(pair))
        back = await at_provider(await begun(pair, somebody, next=start + "x" * (length - len(start))))
        async with pair.house.database.reading() as tx:
            sql = "select max(length(destination)) from authentication_request where realm = $1"
            assert await tx.fetchval(sql, pair.tenant.realm) == kept
        if not kept:
            assert (await somebody.get(back)).where == f"{_start(pair)}/"


async def test_a_sign_in_is_begun_by_a_form_of_ours_and_its_cookie_is_out_of_reach(
    pair: Pair, foreign: ForeignProvider
) -> None:
    path = f"{_start(pair)}/signed-in/begin"
    elsewhere = await Client(_base(pair)).post(path, {}, csrf="", Sec_Fetch_Site="cross-site")
    assert elsewhere.status == 403
    assert (await Client(_base(pair)).get(path)).status in (404, 405)
    answered = await Client(_base(pair)).post(path, {}, csrf="")
    [(name, morsel)] = answered.cookies.items()
    assert name == f"provisor-t-{pair.tenant.name}_request" and morsel["httponly"] and morsel["max-age"] == "600"
    assert morsel["samesite"].lower() == "lax" and morsel["path"] == "/"
    async with pair.house.database.reading() as tx:
        assert morsel.value not in repr([dict(row) for row in await tx.fetch("select * from authentication_request")])
    # By a script, which goes there itself.
    scripted = await Client(_base(pair)).post(path, {}, csrf="", HX_Request="true")
    assert scripted.status == 204 and scripted.headers["HX-Redirect"].startswith(foreign.issuer)


async def test_a_provider_that_is_away_is_said_to_be(pair: Pair, foreign: ForeignProvider) -> None:
    foreign.configuration = {"issuer": "http://else"}
    async with ForeignProvider.open() as gone:
        await configure(pair, gone)
    answered = await Client(_base(pair)).post(f"{_start(pair)}/signed-in/begin", {}, csrf="")
    assert answered.status == 503 and "cannot be asked" in answered.text
    assert "Traceback" not in answered.text


# ── who decides, and what is written down ───────────────────────────────────────────────────────────────────────────


async def test_links_are_made_by_whoever_gives_roles(pair: Pair, foreign: ForeignProvider) -> None:
    ada = await pair.user("ada", assigned=False)
    async with pair.edit() as work:
        await tenants.give_role(work, ada, "User Administrator")
    clerk = await tenants.actor(pair.house.database, pair.tenant, "ada@contoso.com")
    from provisor.directory.edit import edit

    async with edit(pair.house.database, pair.tenant, clerk) as work:
        admin = await users.find(work.tx, pair.tenant, "admin@contoso.com")
        for step in (external.link(work, admin, "x"), external.unlink(work, admin), external.delete(work)):
            with pytest.raises(Forbidden):
                await step
        provider = await external.found(work.tx, pair.tenant)
        with pytest.raises(Forbidden):
            await external.connect(work, admin, provider, "x")
        with pytest.raises(Forbidden):
            await external.put(work, pair.house.box, provider, None)


async def test_one_subject_is_one_user_and_one_user_one_subject(pair: Pair, foreign: ForeignProvider) -> None:
    await pair.user("ada", assigned=False)
    await link(pair, "ada@contoso.com", "one")
    for name, subject in (("admin@contoso.com", "one"), ("ada@contoso.com", "two")):
        with pytest.raises(Conflict, match="linked already"):
            await link(pair, name, subject)
    for subject in ("", "x" * 256, "a\nb"):
        with pytest.raises(Invalid):
            await link(pair, "admin@contoso.com", subject)


async def test_the_secret_is_sealed_shown_to_nobody_and_goes_with_its_client(
    pair: Pair, foreign: ForeignProvider
) -> None:
    await link(pair, "admin@contoso.com", foreign.subject)
    assert (await signing_in(pair, Client(_base(pair)))).status == 303
    async with pair.house.database.reading() as tx:
        row = await tx.fetchrow("select * from external_provider where tenant = $1", pair.tenant.id)
        written = await tx.fetch("select * from audit where realm = $1", f"tenant/{pair.tenant.name}")
        log = await tx.fetch("select * from sign_in where tenant = $1", pair.tenant.id)
        entries = [entry["action"] for entry in await audit.entries(tx, f"tenant/{pair.tenant.name}")]
    assert SECRET.encode() not in row["secret"]
    assert SECRET not in repr([dict(item) for item in [*written, *log]])
    assert {"set sign-in provider", "link sign-in", "sign in"} <= set(entries)
    async with pair.edit() as work:
        before = await external.found(work.tx, pair.tenant)
        for changed, kept in (
            (ExternalProvider(before.issuer, before.client_id, "Other", False, False), True),
            (ExternalProvider(before.issuer, "another", "Other", False, False), False),
        ):
            await external.put(work, pair.house.box, changed, None)
            assert ((await external.found(work.tx, pair.tenant)).sealed is not None) is kept


@pytest.mark.parametrize(
    "text",
    [
        "login.example.com",
        "ftp://x",
        "https://",
        "https://a b/",
        "https://u:p@x/",
        "https://x/?a",
        "https://x/#a",
        "http://x",
    ],
)
def test_what_is_no_issuer_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        external.issuer(text, frozenset())


async def test_a_tenant_without_a_provider_says_so(pair: Pair) -> None:
    with pytest.raises(NotFound, match="provisor tenant sign-in set"):
        async with pair.edit() as work:
            await external.delete(work)
    assert (await Client(_base(pair)).post(f"{_start(pair)}/signed-in/begin", {}, csrf="")).status == 404
    answered = await Client(_base(pair)).get(f"{_start(pair)}/signed-in?code=x&state=y")
    assert answered.status == 404 and "sign in here only" in answered.text


async def test_the_commands_set_show_try_link_and_delete(shop: Installation, pair: Pair, tmp_path: Any) -> None:
    async with ForeignProvider.open() as foreign:
        words = ("--tenant", pair.tenant.name)
        secret = tmp_path / "secret"
        secret.write_text(f"{SECRET}\n")
        given = ("--issuer", foreign.issuer, "--client-id", "provisor", "--client-secret-file", str(secret))
        said = await to_thread(shop.run, "tenant", "sign-in", "set", *given, "--name", "Entra ID", *words)
        assert f"{shop.url}/t/{pair.tenant.name}/signed-in" in said
        found = await to_thread(shop.json, "tenant", "sign-in", "show", *words)
        assert found["issuer"] == foreign.issuer and found["secret"] is True and SECRET not in str(found)
        tried = await to_thread(shop.json, "tenant", "sign-in", "test", *words)
        assert tried["tokenEndpoint"] == f"{foreign.issuer}/token" and "RSA" in tried["keys"] and tried["namesItself"]
        await to_thread(shop.run, "tenant", "sign-in", "link", "admin@contoso.com", "--subject", "s1", *words)
        [row] = await to_thread(shop.json, "tenant", "sign-in", "list", *words)
        assert (row["user"], row["subject"], row["by"]) == ("admin@contoso.com", "s1", "admin@contoso.com")
        await to_thread(shop.run, "tenant", "sign-in", "unlink", "admin@contoso.com", *words)
        again = await to_thread(shop.refused, "tenant", "sign-in", "unlink", "admin@contoso.com", *words)
        assert "not linked" in again
        foreign.configuration = {"issuer": "http://else"}
        wrong = await to_thread(shop.refused, "tenant", "sign-in", "test", *words)
        assert "calls itself 'http://else'" in wrong
        await to_thread(shop.run, "tenant", "sign-in", "delete", *words)
        assert "sign in here only" in await to_thread(shop.refused, "tenant", "sign-in", "show", *words)
