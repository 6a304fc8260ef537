"""Passkeys as they are attacked: what an authenticator says to the wrong page, again, late, or for somebody else."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from authenticator import (
    Authenticator,
    add_app,
    add_passkey,
    base_of,
    by_passkey,
    password,
    send,
    someone,
    start_of,
    within,
)
from browser_like import Client
from pair import Pair
from provisor.access import passkeys, passwords
from provisor.directory import factors, users


async def opens(client: Client, pair: Pair) -> bool:
    return (await client.get(f"{start_of(pair)}/account")).status == 200


async def last(pair: Pair) -> Any:
    """The last row of the sign-in log."""
    async with pair.house.database.reading() as tx:
        return await tx.fetchrow("select * from sign_in where tenant = $1 order by id desc limit 1", pair.tenant.id)


async def asked(client: Client, pair: Pair, path: str = "/sign-in/passkey/options") -> Any:
    answered = await client.post(f"{start_of(pair)}{path}", {}, csrf="")
    assert answered.status == 200, answered.text
    return json.loads(answered.text)


async def answer(client: Client, pair: Pair, said: str) -> Any:
    return await client.post(f"{start_of(pair)}/sign-in/passkey", {"answer": said}, csrf="")


# ── as it should be ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_passkey_is_a_whole_sign_in(pair: Pair) -> None:
    made = await add_passkey(await someone(pair), pair)
    for _ in range(2):
        ada, done = await by_passkey(pair, made)
        assert done.status == 303 and await opens(ada, pair)
        row = await last(pair)
        assert (row["outcome"], row["methods"], row["upn"]) == ("success", ["passkey"], "ada@contoso.com")
    async with pair.house.database.reading() as tx:
        person = await users.find(tx, pair.tenant, "ada@contoso.com")
        (key,) = (await factors.of(tx, pair.tenant, person.id)).passkeys
    assert key.used is not None and key.rp_id == "localhost" and key.transports == ("internal",)


async def test_wrong_answers_do_not_fill_the_log_and_keep_nobody_out(pair: Pair) -> None:
    made = await add_passkey(await someone(pair), pair)
    client = Client(base_of(pair))
    for tries in range(passwords.FREE_TRIES + 5):
        await asked(client, pair)
        refused = await answer(client, pair, '{"id": "AAAA", "response": {"userHandle": "AAAA"}}')
        assert refused.status == 403
        assert ("Too many tries" in refused.text) is (tries >= passwords.FREE_TRIES)
    async with pair.house.database.reading() as tx:
        sql = "select count(*) from sign_in where tenant = $1 and outcome = 'failure'"
        assert await tx.fetchval(sql, pair.tenant.id) == passwords.FREE_TRIES
    assert (await by_passkey(pair, made))[1].status == 303


async def test_a_browser_is_known_once_however_often_somebody_signs_in_with_it(pair: Pair) -> None:
    made = await add_passkey(await someone(pair), pair)

    async def devices() -> int:
        async with pair.house.database.reading() as tx:
            sql = "select count(*) from sign_in_try where realm = $1 and place like 'device/%'"
            return int(await tx.fetchval(sql, pair.tenant.realm))

    before = await devices()
    browser = Client(base_of(pair))
    for _ in range(3):
        assert (await by_passkey(pair, made, browser))[1].status == 303
        assert (await send(browser, pair, "/sign-in/end")).status == 303
    assert await devices() == before + 1
    await by_passkey(pair, made)
    assert await devices() == before + 2


async def test_a_passkey_is_a_second_factor_beside_the_password(pair: Pair) -> None:
    made = await add_passkey(await someone(pair), pair)
    ada = await password(pair)
    assert not await opens(ada, pair)
    options = await send(ada, pair, "/second-factor/passkey/options")
    done = await send(ada, pair, "/second-factor/passkey", answer=made.get(json.loads(options.text)))
    assert done.status == 303 and await opens(ada, pair)
    assert (await last(pair))["methods"] == ["passkey", "password"]


async def test_what_a_browser_is_asked_for_demands_a_verified_user(pair: Pair) -> None:
    ada = await someone(pair)
    options = json.loads((await send(ada, pair, "/second-factor/passkey/new/options")).text)
    assert options["authenticatorSelection"] == {
        "userVerification": "required",
        "residentKey": "preferred",
        "requireResidentKey": False,
    }
    assert options["rp"] == {"id": "localhost", "name": "Provisor"} and options["attestation"] == "none"
    assert b"ada" not in base64.urlsafe_b64decode(options["user"]["id"] + "==") and len(options["challenge"]) >= 64
    options = await asked(Client(base_of(pair)), pair)
    assert options["userVerification"] == "required" and options["allowCredentials"] == []


async def test_an_authenticator_that_does_not_count_is_taken(pair: Pair) -> None:
    """Passkeys that are kept in step between devices have a counter of zero, always."""
    made = await add_passkey(await someone(pair), pair, counts=False)
    for _ in range(2):
        assert (await by_passkey(pair, made))[1].status == 303


async def test_several_passkeys_have_names_and_one_authenticator_makes_one(pair: Pair) -> None:
    ada = await someone(pair)
    await add_passkey(ada, pair, "Laptop")
    made = await add_passkey(ada, pair, "  Blue \t key ")
    page = (await ada.get(f"{start_of(pair)}/account/security-info")).text
    assert "Laptop" in page and "Blue key" in page
    options = json.loads((await send(ada, pair, "/second-factor/passkey/new/options")).text)
    assert len(options["excludeCredentials"]) == 2
    again = await send(ada, pair, "/second-factor/passkey/new", answer=made.create(options))
    assert again.status == 409 and "already" in again.text
    options = json.loads((await send(ada, pair, "/second-factor/passkey/new/options")).text)
    fields = {"answer": Authenticator(base_of(pair)).create(options), "name": "x" * 61}
    assert (await send(ada, pair, "/second-factor/passkey/new", **fields)).status == 400


# ── as it is attacked ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_answer_is_good_once(pair: Pair) -> None:
    made = await add_passkey(await someone(pair), pair, counts=False)
    ada = Client(base_of(pair))
    said = made.get(await asked(ada, pair))
    kept = dict(ada.cookies)
    assert (await answer(ada, pair, said)).status == 303
    # With all that the browser had when it was asked; the counter would not tell.
    again = await answer(Client(base_of(pair), kept), pair, said)
    assert again.status == 403 and "start again" in again.text


async def test_a_challenge_is_good_for_one_answer_right_or_wrong(pair: Pair) -> None:
    made = await add_passkey(await someone(pair), pair)
    ada = Client(base_of(pair))
    options = await asked(ada, pair)
    stranger = Authenticator(base_of(pair))
    stranger.handle = made.handle
    assert (await answer(ada, pair, stranger.get(options))).status == 403
    late = await answer(ada, pair, made.get(options))
    assert late.status == 403 and "start again" in late.text


async def test_a_challenge_is_another_browsers_or_too_old(pair: Pair) -> None:
    made = await add_passkey(await someone(pair), pair)
    ada, other = Client(base_of(pair)), Client(base_of(pair))
    options = await asked(ada, pair)
    await asked(other, pair)
    elsewhere = await answer(other, pair, made.get(options))
    assert elsewhere.status == 403 and "another question" in elsewhere.text
    none_asked = await answer(Client(base_of(pair)), pair, made.get(options))
    assert none_asked.status == 403
    async with pair.house.database.transaction() as tx:
        await tx.execute("update challenge set expires = expires - interval '5 minutes 1 second'")
    late = await answer(ada, pair, made.get(options))
    assert late.status == 403 and "too long" in late.text


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost.evil.example", "http://localhost:1", ""])
async def test_an_answer_for_another_page_is_refused(pair: Pair, origin: str) -> None:
    made = await add_passkey(await someone(pair), pair)
    made.origin = origin
    _, done = await by_passkey(pair, made)
    assert done.status == 403 and "another address" in done.text
    row = await last(pair)
    assert row["outcome"] == "failure" and row["upn"] == "ada@contoso.com"


@pytest.mark.parametrize("fault", ["rp", "unverified", "key", "handle", "nameless", "unknown"])
async def test_an_answer_with_a_fault_is_refused(pair: Pair, fault: str) -> None:
    made = await add_passkey(await someone(pair), pair)
    other = Authenticator(base_of(pair))
    if fault == "rp":
        made.rp_id = "evil.example"
    elif fault == "unverified":
        made.verifies = False
    elif fault == "key":
        made.private = other.private
    elif fault == "handle":
        made.handle = b"somebody else..."
    elif fault == "nameless":
        made.handle = b""
    else:
        made.identity = other.identity
    ada, done = await by_passkey(pair, made)
    assert done.status == 403 and not await opens(ada, pair)
    assert (await last(pair))["outcome"] == "failure"
    if fault == "unverified":
        assert "has not verified that it is you" in done.text


async def test_a_counter_that_goes_back_is_refused_and_written_down(pair: Pair) -> None:
    made = await add_passkey(await someone(pair), pair)
    for _ in range(3):
        await by_passkey(pair, made)
    for count in (0, 1, 2):
        made.count = count
        _, done = await by_passkey(pair, made)
        assert done.status == 403 and "counter went back" in done.text
    assert (await last(pair))["reason"].startswith("This passkey's counter went back")
    async with pair.house.database.reading() as tx:
        realm = f"tenant/{pair.tenant.name}"
        rows = await tx.fetch("select actor from audit where realm = $1 and action = 'refuse passkey'", realm)
    assert len(rows) == 3 and "ada@contoso.com" in rows[0]["actor"]
    made.count = 3
    assert (await by_passkey(pair, made))[1].status == 303


async def test_a_passkey_of_one_is_no_factor_of_another(pair: Pair) -> None:
    """Grace's password is known; Ada's passkey does not open Grace's account."""
    made = await add_passkey(await someone(pair), pair)
    await add_passkey(await someone(pair, "grace"), pair)
    thief = await password(pair, "grace")
    options = json.loads((await send(thief, pair, "/second-factor/passkey/options")).text)
    refused = await send(thief, pair, "/second-factor/passkey", answer=made.get(options))
    assert refused.status == 403 and not await opens(thief, pair)


async def test_a_passkey_of_one_tenant_is_unknown_in_another(pair: Pair, standard: Pair) -> None:
    made = await add_passkey(await someone(pair), pair)
    _, done = await by_passkey(standard, made)
    assert done.status == 403 and "not known here" in done.text
    assert (await last(standard))["user_id"] is None


async def test_registering_takes_an_answer_to_what_this_session_was_asked(pair: Pair) -> None:
    ada, grace = await someone(pair), await someone(pair, "grace")
    options = json.loads((await send(ada, pair, "/second-factor/passkey/new/options")).text)
    for client, how in (
        (grace, {}),
        (ada, {"origin": "https://evil.example"}),
    ):
        said = Authenticator(**{"origin": base_of(pair), **how}).create(options)
        assert (await send(client, pair, "/second-factor/passkey/new", answer=said)).status == 403
    # That was one answer.
    said = Authenticator(base_of(pair)).create(options)
    assert (await send(ada, pair, "/second-factor/passkey/new", answer=said)).status == 403
    for fault in ({"verifies": False}, {"rp_id": "evil.example"}):
        options = json.loads((await send(ada, pair, "/second-factor/passkey/new/options")).text)
        said = Authenticator(base_of(pair), **fault).create(options)
        assert (await send(ada, pair, "/second-factor/passkey/new", answer=said)).status == 403
    async with pair.house.database.reading() as tx:
        assert await tx.fetchval("select count(*) from passkey where tenant = $1", pair.tenant.id) == 0


@pytest.mark.parametrize("said", ["", "null", "[]", "{}", "{" * 100_000, '{"id": 1}', '{"id": "a", "response": []}'])
async def test_what_is_no_answer_at_all_gets_a_sentence(pair: Pair, said: str) -> None:
    ada = Client(base_of(pair))
    await asked(ada, pair)
    done = await answer(ada, pair, said)
    assert done.status == 400 and ("not good" in done.text or "scripts" in done.text)


async def test_an_answer_that_cannot_be_read_is_refused_and_is_no_fault_of_the_server(pair: Pair) -> None:
    made = await add_passkey(await someone(pair), pair)
    ada = Client(base_of(pair))
    for part in ("clientDataJSON", "authenticatorData", "signature"):
        for wrong in ("", "AAAA", "!", "\x00", 5, None, "A" * 10_000):
            said = json.loads(made.get(await asked(ada, pair)))
            said["response"][part] = wrong
            assert (await answer(ada, pair, json.dumps(said))).status in (400, 403), (part, wrong)


async def test_an_ip_address_has_no_passkeys_and_the_page_says_so(pair: Pair) -> None:
    ada = await someone(pair)
    by_number = Client(base_of(pair).replace("localhost", "127.0.0.1"), dict(ada.cookies))
    page = (await by_number.get(f"{start_of(pair)}/account/security-info")).text
    assert "Passkeys are for a host name" in page and "data-passkey" not in page
    refused = await send(by_number, pair, "/second-factor/passkey/new/options")
    assert refused.status == 400 and "localhost" in refused.text
    assert "data-passkey" not in (await Client(by_number.base).get(f"{start_of(pair)}/sign-in")).text


async def test_the_public_address_is_what_passkeys_are_for(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever host the request names: a page that hands requests on under its own name gets nothing out of it."""
    from pydantic import TypeAdapter
    from pydantic.networks import AnyHttpUrl

    await add_passkey(await someone(pair), pair)
    url = TypeAdapter(AnyHttpUrl).validate_python("https://people.contoso.com")
    monkeypatch.setattr(pair.house.settings, "public_url", url)
    client = within(pair.house)("http://evil.example")
    options = await asked(client, pair)
    assert options["rpId"] == "people.contoso.com"
    # One for another host is of no use here.
    made = await add_passkey_at(client, pair, "people.contoso.com", "https://evil.example")
    assert made == 403


async def add_passkey_at(client: Client, pair: Pair, rp_id: str, origin: str) -> int:
    """Sign in as Grace, who has a password, and try to add a passkey with an answer for ``origin``."""
    from provisor import compose
    from provisor.access.actors import PROVISOR

    await pair.user("grace", assigned=False)
    link = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "grace@contoso.com")
    token = link.partition("?token=")[2]
    fields = {"token": token, "password": "correct horse battery", "again": "correct horse battery"}
    assert (await client.post(f"{start_of(pair)}/set-up", fields, csrf="")).status == 303
    options = json.loads((await send(client, pair, "/second-factor/passkey/new/options")).text)
    said = Authenticator(origin, rp_id).create(options)
    return (await send(client, pair, "/second-factor/passkey/new", answer=said)).status


def test_a_counter_goes_back_when_it_does_not_grow() -> None:
    assert [passkeys.went_back(*pair) for pair in ((0, 0), (0, 1), (1, 2), (1, 1), (2, 1), (1, 0))] == [
        False,
        False,
        False,
        True,
        True,
        True,
    ]


async def test_who_has_both_may_use_either(pair: Pair) -> None:
    ada = await someone(pair)
    app = await add_app(ada, pair)
    await add_passkey(ada, pair)
    page = (await (await password(pair)).get(f"{start_of(pair)}/second-factor")).text
    assert "Use a passkey" in page and "Six digits" in page
    assert (await send(await password(pair), pair, "/second-factor/code", code=await app.code())).status == 303
