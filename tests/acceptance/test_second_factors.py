"""Second factors through the portal's real pages: an authenticator app, recovery codes, pending sessions, resets."""

from __future__ import annotations

import json
import re
import time
from asyncio import to_thread
from typing import Any

import pyotp
import pytest

from authenticator import App, add_app, add_passkey, base_of, by_passkey, password, send, someone, start_of, within
from browser_like import Client, signed_in
from pair import Pair
from provisor import compose
from provisor.access import passwords, roles, sessions
from provisor.access.actors import PROVISOR, Actor
from provisor.console import portal
from provisor.directory import factors, second_factor, sign_in, users
from provisor.directory.admission import Outcome, Verdict
from provisor.directory.second_factor import Prover
from provisor.refusal import Forbidden, Unavailable


async def log(pair: Pair) -> list[tuple[str, list[str]]]:
    """The sign-in log of Ada, oldest first: outcome and methods."""
    async with pair.house.database.reading() as tx:
        rows = await tx.fetch(
            "select outcome, methods from sign_in where tenant = $1 and upn = 'ada@contoso.com' order by id",
            pair.tenant.id,
        )
    return [(row["outcome"], row["methods"]) for row in rows]


async def audited(pair: Pair, action: str) -> list[Any]:
    async with pair.house.database.reading() as tx:
        return await tx.fetch(
            "select * from audit where realm = $1 and action = $2 order by id", f"tenant/{pair.tenant.name}", action
        )


async def older(pair: Pair, minutes: int) -> None:
    """Every session of the tenant was begun, and last proved, so long ago."""
    async with pair.house.database.transaction() as tx:
        await tx.execute(
            "update session set opened = opened - make_interval(mins => $2), "
            "authenticated = authenticated - make_interval(mins => $2) where realm = $1",
            pair.tenant.realm,
            minutes,
        )


async def opens(client: Client, pair: Pair) -> bool:
    return (await client.get(f"{start_of(pair)}/account")).status == 200


def session(client: Client) -> str:
    return next(value for name, value in client.cookies.items() if not name.endswith(("_device", "_challenge")))


async def person(pair: Pair, name: str = "ada") -> users.User:
    async with pair.house.database.reading() as tx:
        return await users.find(tx, pair.tenant, f"{name}@contoso.com")


# ── an authenticator app ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_after_the_password_the_apps_code_is_asked_for_and_completes_the_sign_in(pair: Pair) -> None:
    app = await add_app(await someone(pair), pair)
    wanted = f"{start_of(pair)}/account"
    ada = await password(pair, next=wanted)
    before = session(ada)
    assert not await opens(ada, pair)
    page = await ada.get(f"{start_of(pair)}/second-factor?next={wanted}")
    assert page.status == 200 and "Six digits" in page.text and f'value="{wanted}"' in page.text
    done = await send(ada, pair, "/second-factor/code", code=await app.code(), next=wanted)
    assert done.status == 303 and done.where == wanted and await opens(ada, pair)
    # Whoever had the secret of before shares nothing.
    assert session(ada) != before
    assert not await opens(Client(base_of(pair), dict.fromkeys(ada.cookies, before)), pair)
    assert (await log(pair))[-2:] == [("interrupted", ["password"]), ("success", ["password", "totp"])]


async def test_an_app_counts_from_its_first_right_code_on(pair: Pair) -> None:
    ada = await someone(pair)
    shown = (await send(ada, pair, "/second-factor/app")).text
    assert "otpauth://totp/" in shown and "data:image/svg+xml" in shown
    wrong = await send(ada, pair, "/second-factor/app/add", code="000000")
    assert wrong.status == 403 and "not right" in wrong.text
    assert await opens(await password(pair), pair)


async def test_the_address_in_the_qr_code_is_what_an_app_reads(pair: Pair) -> None:
    shown = (await send(await someone(pair), pair, "/second-factor/app")).text
    found = re.search(r'href="(otpauth://[^"]+)"', shown)
    assert found
    app = pyotp.parse_uri(found[1].replace("&amp;", "&"))
    assert isinstance(app, pyotp.TOTP)
    assert (app.name, app.digits, app.interval) == ("ada@contoso.com", 6, 30)
    assert app.issuer == "Provisor contoso.com" and len(app.secret) == 32


async def test_a_code_is_good_once_and_so_are_those_before_it(pair: Pair) -> None:
    app = await add_app(await someone(pair), pair)
    before, now = pyotp.TOTP(app.key).at(time.time() - 30), await app.code()
    assert (await send(await password(pair), pair, "/second-factor/code", code=now)).status == 303
    for used in (now, before):
        again = await password(pair)
        refused = await send(again, pair, "/second-factor/code", code=used)
        assert refused.status == 403 and "used already" in refused.text
        assert not await opens(again, pair)
    assert (await log(pair))[-1] == ("failure", ["password"])


@pytest.mark.parametrize("code", ["", "12345", "1234567", "１２３４５６", "abcdef", "0" * 24, "-" * 40, "12 34 5x"])
async def test_what_is_no_code_is_refused(pair: Pair, code: str) -> None:
    await add_app(await someone(pair), pair)
    refused = await send(await password(pair), pair, "/second-factor/code", code=code)
    assert refused.status == 403 and "wrong" in refused.text


async def test_the_key_is_sealed_and_of_no_use_in_another_row(pair: Pair) -> None:
    app = await add_app(await someone(pair), pair)
    await add_app(await someone(pair, "grace"), pair)
    ada, grace = await person(pair), await person(pair, "grace")
    async with pair.house.database.transaction() as tx:
        stored = await tx.fetchval("select sealed from authenticator_app where user_id = $1", ada.id)
        assert app.key.encode() not in stored
        assert app.key == pair.house.box.open(stored, factors.app_row(pair.tenant, ada.id))
        with pytest.raises(Unavailable):
            pair.house.box.open(stored, factors.app_row(pair.tenant, grace.id))
        # Moved to Grace's row, it does not make Ada's phone good for Grace.
        await tx.execute("update authenticator_app set sealed = $1, step = 0 where user_id = $2", stored, grace.id)
    refused = await send(await password(pair, "grace"), pair, "/second-factor/code", code=await app.code())
    assert refused.status == 503 and "cannot be decrypted" in refused.text


def prover(pair: Pair, arrival: Any, value: str, address: str, device: str = "") -> Prover:
    visitor = Actor("x", "x", address=address)
    return Prover(pair.house.database, pair.tenant, arrival, value, visitor, device)


async def test_of_ten_thousand_guesses_few_are_looked_at_and_the_owners_browser_gets_in(pair: Pair) -> None:
    """Whoever has stolen the password guesses codes from a thousand addresses; the owner's browser is not kept out."""
    owner = await someone(pair)
    app = await add_app(owner, pair)
    thief = await password(pair)
    value = session(thief)
    async with pair.house.database.reading() as tx:
        arrival = await sign_in.arrive(tx, pair.tenant, value, pending=True)
    looked = 0
    for number in range(10_000):
        showing = prover(pair, arrival, value, f"203.0.{number % 4}.{number // 4 % 250}")
        try:
            await second_factor.with_code(showing, pair.house.box, "000000")
        except Forbidden as error:
            looked += "wrong" in str(error)
    assert looked == second_factor.CODES_AT_ACCOUNT
    assert (await log(pair)).count(("failure", ["password"])) == looked
    # From anywhere else the right code has to wait, too; from the browser that the owner has used before it has not.
    late = await send(thief, pair, "/second-factor/code", code=await app.code())
    assert late.status == 403 and "Too many tries" in late.text
    device = {name: value for name, value in owner.cookies.items() if name.endswith("_device")}
    again = await password(pair, client=Client(base_of(pair), device))
    assert (await send(again, pair, "/second-factor/code", code=await app.code())).status == 303


async def test_the_right_password_does_not_make_wrong_codes_forgotten(pair: Pair) -> None:
    await add_app(await someone(pair), pair)
    statuses = []
    for _ in range(passwords.FREE_TRIES + 2):
        thief = await password(pair)
        statuses.append((await send(thief, pair, "/second-factor/code", code="000000")).text)
        assert not any(name.endswith("_device") for name in thief.cookies), "known before the second factor"
    assert ["wrong" in text for text in statuses] == [True] * passwords.FREE_TRIES + [False] * 2
    assert "Too many tries" in statuses[-1]


# ── pending sessions ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_pending_session_opens_no_page_but_those_that_end_it(pair: Pair) -> None:
    await add_app(await someone(pair, "ada", "Global Administrator"), pair)
    ada = await password(pair)
    open_to_it = {page.name for page in portal.PORTAL.pages if page.pending}
    assert open_to_it == {"sign_in", "second_factor"}
    found = re.search(r'name="csrf" value="(\w+)"', (await ada.get(f"{start_of(pair)}/second-factor")).text)
    assert found
    count = 0
    for page in portal.PORTAL.pages:
        if page.name in open_to_it or page.public:
            continue
        for act in page.acts:
            path = start_of(pair) + re.sub(r"\{[^}]*\}", "00000000-0000-0000-0000-000000000000", act.path)
            path = re.sub(r"(cycle|ordinal)", "1", path)
            answered = await (ada.get(path) if act.method == "GET" else ada.post(path, {}, csrf=found[1]))
            assert answered.status in (303, 404), f"{act.method} {path}: {answered.status}"
            assert answered.status == 404 or "/sign-in" in answered.where, path
            count += answered.status == 303
    assert count > 60
    # The way to sign in leads to what is missing.
    there = await ada.get(f"{start_of(pair)}/sign-in?next={start_of(pair)}/users")
    assert there.status == 303 and "/second-factor?next=" in there.where


async def test_a_pending_session_is_over_after_ten_minutes(pair: Pair) -> None:
    app = await add_app(await someone(pair), pair)
    ada = await password(pair)
    await older(pair, 9)
    assert (await ada.get(f"{start_of(pair)}/second-factor")).status == 200
    await older(pair, 2)
    assert (await ada.get(f"{start_of(pair)}/second-factor")).status == 303
    late = await send(ada, pair, "/second-factor/code", code=await app.code())
    assert late.status == 303 and "/sign-in" in late.where and not await opens(ada, pair)


async def test_a_set_up_link_does_not_stand_in_for_the_second_factor(pair: Pair) -> None:
    await add_app(await someone(pair), pair)
    link = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "ada@contoso.com")
    ada = await signed_in(base_of(pair), link.replace("127.0.0.1", "localhost"))
    assert not await opens(ada, pair)
    assert (await ada.get(f"{start_of(pair)}/second-factor")).status == 200


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/t/x/\\evil", "/w/x/", "javascript:x"])
async def test_after_the_second_factor_one_stays_on_the_site(pair: Pair, wanted: str) -> None:
    app = await add_app(await someone(pair), pair)
    done = await send(await password(pair), pair, "/second-factor/code", code=await app.code(), next=wanted)
    assert done.status == 303 and done.where == f"{start_of(pair)}/"


def asks(monkeypatch: pytest.MonkeyPatch, needed: Outcome) -> None:
    """Policies that ask for this until it is shown."""

    async def admit(tx: Any, tenant: Any, user: Any, resource: Any, evidence: Any) -> Verdict:
        from provisor.directory.admission import PASSKEY, two_factors

        enough = PASSKEY in evidence.methods if needed is Outcome.PASSKEY else two_factors(evidence.methods)
        if needed is Outcome.BLOCKED:
            return Verdict(needed, "Not from there.")
        return Verdict(Outcome.GRANTED if enough else needed)

    monkeypatch.setattr(sign_in, "admit", admit)
    monkeypatch.setattr(second_factor, "admit", admit)


async def test_who_must_show_a_factor_and_has_none_adds_one_there_and_then(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    await someone(pair)
    asks(monkeypatch, Outcome.FACTOR)
    ada = await password(pair, client=within(pair.house)(base_of(pair)))
    assert not await opens(ada, pair)
    page = (await ada.get(f"{start_of(pair)}/second-factor")).text
    assert "Add a passkey" in page and "Set up an authenticator app" in page
    await add_app(ada, pair)
    assert await opens(ada, pair)
    assert (await log(pair))[-3:] == [
        ("interrupted", ["password"]),
        ("interrupted", ["password"]),
        ("success", ["password", "totp"]),
    ]


async def test_who_must_show_a_passkey_and_has_an_app_shows_that_first(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await add_app(await someone(pair), pair)
    asks(monkeypatch, Outcome.PASSKEY)
    ada = await password(pair, client=within(pair.house)(base_of(pair)))
    page = (await ada.get(f"{start_of(pair)}/second-factor")).text
    assert "Show first what you have" in page and "Add a passkey" not in page
    refused = await send(ada, pair, "/second-factor/passkey/new/options")
    assert refused.status == 403
    assert "/second-factor" in (await send(ada, pair, "/second-factor/code", code=await app.code())).where
    assert not await opens(ada, pair)
    made = await add_passkey(ada, pair)
    assert not await opens(ada, pair), "added is not proved"
    asked = await send(ada, pair, "/second-factor/passkey/options")
    shown = await send(ada, pair, "/second-factor/passkey", answer=made.get(json.loads(asked.text)))
    assert shown.status == 303 and await opens(ada, pair)
    assert (await log(pair))[-1] == ("success", ["passkey", "password", "totp"])


async def test_who_is_blocked_gets_no_session_and_the_sentence(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    await someone(pair)
    asks(monkeypatch, Outcome.BLOCKED)
    ada = within(pair.house)(base_of(pair))
    fields = {"name": "ada@contoso.com", "password": "correct horse battery"}
    answered = await ada.post(f"{start_of(pair)}/sign-in", fields, csrf="")
    assert answered.status == 403 and "Not from there." in answered.text and not ada.cookies
    assert (await log(pair))[-1] == ("failure", ["password"])


async def test_who_is_blocked_after_the_second_factor_has_no_session_either(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await add_app(await someone(pair), pair)
    browser = within(pair.house)
    ada = await password(pair, client=browser(base_of(pair)))
    asks(monkeypatch, Outcome.BLOCKED)
    answered = await send(ada, pair, "/second-factor/code", code=await app.code())
    assert answered.status == 403 and "Not from there." in answered.text
    assert (await ada.get(f"{start_of(pair)}/second-factor")).status == 303
    assert (await log(pair))[-1] == ("failure", ["password", "totp"])


# ── recovery codes ────────────────────────────────────────────────────────────────────────────────────────────────────


async def recovery_codes(client: Client, pair: Pair) -> list[str]:
    shown = await send(client, pair, "/account/security-info/recovery-codes")
    assert shown.status == 200, shown.text
    return re.findall(r"\b\w{4}(?:-\w{4}){5}\b", shown.text)


async def test_recovery_codes_are_ten_each_good_once_and_stored_as_hashes(pair: Pair) -> None:
    ada = await someone(pair)
    await add_app(ada, pair)
    codes = await recovery_codes(ada, pair)
    assert len(set(codes)) == 10
    async with pair.house.database.reading() as tx:
        dump = repr(await tx.fetch("select * from recovery_code"))
    assert not any(code in dump or code.replace("-", "") in dump for code in codes)
    # As somebody types it from paper.
    typed = codes[0].upper().replace("-", " ").replace("0", "O").replace("1", "l")
    again = await password(pair)
    done = await send(again, pair, "/second-factor/code", code=typed)
    assert done.status == 303 and "9 recovery codes left" in (await again.get(f"{start_of(pair)}/account")).text
    assert (await audited(pair, "use recovery code"))[-1]["after"] == {"left": 9}
    assert (await log(pair))[-1] == ("success", ["password", "recovery-code"])
    used = await send(await password(pair), pair, "/second-factor/code", code=codes[0])
    assert used.status == 403 and "used already" in used.text


async def test_new_recovery_codes_void_those_before(pair: Pair) -> None:
    ada = await someone(pair)
    await add_app(ada, pair)
    old, new = await recovery_codes(ada, pair), await recovery_codes(ada, pair)
    assert (await send(await password(pair), pair, "/second-factor/code", code=old[0])).status == 403
    assert (await send(await password(pair), pair, "/second-factor/code", code=new[0])).status == 303


async def test_without_a_factor_there_is_nothing_to_recover(pair: Pair) -> None:
    ada = await someone(pair)
    refused = await send(ada, pair, "/account/security-info/recovery-codes")
    assert refused.status == 409 and "add one of them first" in refused.text
    await add_app(ada, pair)
    await recovery_codes(ada, pair)
    await send(ada, pair, "/account/security-info/app/remove")
    async with pair.house.database.reading() as tx:
        assert (await factors.of(tx, pair.tenant, (await person(pair)).id)).made == 0
    assert await opens(await password(pair), pair), "nothing is asked for any more"


# ── changing them ─────────────────────────────────────────────────────────────────────────────────────────────────────

CHANGES = [
    ("/second-factor/app", {}),
    ("/second-factor/app/add", {"code": "000000"}),
    ("/second-factor/passkey/new/options", {}),
    ("/account/security-info/app/remove", {}),
    ("/account/security-info/passkeys/remove", {"passkey": "00"}),
    ("/account/security-info/recovery-codes", {}),
]


@pytest.mark.parametrize(("path", "fields"), CHANGES)
async def test_a_session_alone_changes_no_factor(pair: Pair, path: str, fields: dict[str, str]) -> None:
    """A stolen session, or a browser left open: after five minutes nothing that lasts can be made of it."""
    ada = await someone(pair)
    await older(pair, 6)
    refused = await send(ada, pair, path, **fields)
    assert refused.status == 403 and "prove once more" in refused.text
    page = (await ada.get(f"{start_of(pair)}/account/security-info")).text
    assert "again=1" in page and "Set up an authenticator app" not in page


async def test_the_first_code_of_an_app_does_not_get_around_the_proof(pair: Pair) -> None:
    """The key was asked for in time, the code comes late."""
    ada = await someone(pair)
    shown = (await send(ada, pair, "/second-factor/app")).text
    found = re.search(r'value="([A-Z2-7 ]{32,})"', shown)
    assert found
    await older(pair, 6)
    code = await App(found[1].replace(" ", "")).code()
    assert (await send(ada, pair, "/second-factor/app/add", code=code)).status == 403
    assert await opens(await password(pair), pair)


async def test_a_factor_or_the_password_is_the_proof(pair: Pair) -> None:
    ada = await someone(pair)
    await older(pair, 6)
    before = session(ada)
    page = await ada.get(f"{start_of(pair)}/sign-in?again=1&next={start_of(pair)}/account/security-info")
    assert page.status == 200 and "Sign in once more" in page.text and "ada@contoso.com" in page.text
    found = re.search(r'name="csrf" value="(\w+)"', page.text)
    assert found
    fields = {"name": "ada@contoso.com", "password": "correct horse battery"}
    assert (await ada.post(f"{start_of(pair)}/sign-in", fields, csrf=found[1])).status == 303
    assert not await opens(Client(base_of(pair), dict.fromkeys(ada.cookies, before)), pair)
    app = await add_app(ada, pair)
    await older(pair, 6)
    assert "/second-factor?next=" in (await ada.get(f"{start_of(pair)}/account/security-info")).text
    assert (await send(ada, pair, "/account/security-info/recovery-codes")).status == 403
    assert (await send(ada, pair, "/second-factor/code", code=await app.code())).status == 303
    assert len(await recovery_codes(ada, pair)) == 10


@pytest.mark.parametrize(("path", "fields"), CHANGES)
async def test_a_stolen_password_adds_no_factor_to_those_that_keep_it_out(
    pair: Pair, path: str, fields: dict[str, str]
) -> None:
    await add_app(await someone(pair), pair)
    refused = await send(await password(pair), pair, path, **fields)
    assert refused.status in (303, 403) and "second-factor?" not in refused.where
    async with pair.house.database.reading() as tx:
        have = await factors.of(tx, pair.tenant, (await person(pair)).id)
    assert have.app and not have.passkeys and not have.made


async def test_each_change_ends_every_other_session_and_is_audited(pair: Pair) -> None:
    ada = await someone(pair)
    other = await password(pair)
    app = await add_app(ada, pair)
    assert await opens(ada, pair) and not await opens(other, pair)
    other = await password(pair)
    await send(other, pair, "/second-factor/code", code=await app.code())
    await add_passkey(ada, pair, "Blue key")
    assert not await opens(other, pair)
    async with pair.house.database.reading() as tx:
        key = (await factors.of(tx, pair.tenant, (await person(pair)).id)).passkeys[0].key
    assert "Blue key" in (await ada.get(f"{start_of(pair)}/account/security-info")).text
    assert (await send(ada, pair, "/account/security-info/passkeys/remove", passkey=key)).status == 303
    assert (await send(ada, pair, "/account/security-info/passkeys/remove", passkey=key)).status == 404
    assert (await send(ada, pair, "/account/security-info/app/remove")).status == 303
    for action in ("add authenticator app", "add passkey", "remove passkey", "remove authenticator app"):
        rows = await audited(pair, action)
        assert len(rows) == 1 and rows[0]["actor"].startswith("ada@contoso.com"), action


# ── people without a role, and administrators ─────────────────────────────────────────────────────────────────────────


async def test_somebody_without_any_role_signs_in_and_sees_what_is_theirs(pair: Pair) -> None:
    ada = await someone(pair)
    home = await ada.get(f"{start_of(pair)}/")
    assert home.status == 200 and "no directory role" in home.text
    for path in re.findall(r'href="(/t/[^"]+)"', home.text):
        assert (await ada.get(path)).status == 200, path
    assert (await ada.get(f"{start_of(pair)}/account/security-info")).status == 200


async def test_a_reset_takes_everything_and_ends_the_sessions(pair: Pair, shop: Any) -> None:
    ada = await someone(pair)
    await add_app(ada, pair)
    made = await add_passkey(ada, pair, "Blue key")
    await recovery_codes(ada, pair)
    name = ("--tenant", pair.tenant.name)
    rows = await to_thread(shop.json, *name, "sign-in", "factors", "ada@contoso.com")
    assert [row["factor"] for row in rows] == ["authenticator app", "passkey", "recovery codes"]
    assert rows[1]["name"] == "Blue key" and rows[2]["name"] == "10 of 10 left"
    await to_thread(shop.run, *name, "sign-in", "reset-factors", "ada@contoso.com")
    assert not await opens(ada, pair)
    assert await to_thread(shop.json, *name, "sign-in", "factors", "ada@contoso.com") == []
    assert (await by_passkey(pair, made))[1].status == 403
    assert await opens(await password(pair), pair)
    assert len(await audited(pair, "reset second factors")) == 1


async def test_an_administrator_sees_how_many_there_are_and_resets_them_on_the_users_page(pair: Pair) -> None:
    ada = await someone(pair)
    await add_app(ada, pair)
    path = f"/users/{(await person(pair)).id}"
    reader, boss = await someone(pair, "rea", "Global Reader"), await someone(pair, "bea", "Global Administrator")
    seen = (await reader.get(start_of(pair) + path)).text
    assert "Authenticator app." in seen and "Reset second factors" not in seen
    assert (await send(reader, pair, f"{path}/reset-factors")).status == 403
    assert "Reset second factors" in (await boss.get(start_of(pair) + path)).text
    assert (await send(boss, pair, f"{path}/reset-factors")).status == 303
    assert "No second factor." in (await boss.get(start_of(pair) + path)).text
    assert not await opens(ada, pair)


async def test_nobody_resets_a_global_administrator_without_being_one(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_app(await someone(pair, "ada", "Global Administrator"), pair)
    ada = await person(pair)
    more = roles.ROLES["User Administrator"] | {"role.write"}
    monkeypatch.setitem(roles.ROLES, "User Administrator", more)
    from provisor.directory.edit import edit

    helper = Actor("h", "helpdesk", frozenset({"User Administrator"}))
    with pytest.raises(Forbidden, match="Global Administrator"):
        async with edit(pair.house.database, pair.tenant, helper) as work:
            await factors.reset(work, ada)
    async with pair.house.database.reading() as tx:
        assert await factors.has_any(tx, pair.tenant, ada.id)


async def test_what_a_purged_person_had_is_gone(pair: Pair) -> None:
    ada = await someone(pair)
    await add_app(ada, pair)
    await add_passkey(ada, pair)
    await recovery_codes(ada, pair)
    identity = (await person(pair)).id
    async with pair.edit() as work:
        await users.recycle(work, identity)
        await users.purge(work, identity)
    async with pair.house.database.reading() as tx:
        for table in ("authenticator_app", "passkey", "recovery_code"):
            assert await tx.fetchval(f"select count(*) from {table} where user_id = $1", identity) == 0


async def test_no_secret_of_a_factor_is_in_a_log(pair: Pair, shop: Any) -> None:
    ada = await someone(pair)
    app = await add_app(ada, pair)
    codes = await recovery_codes(ada, pair)
    await send(await password(pair), pair, "/second-factor/code", code=codes[0])
    async with pair.house.database.reading() as tx:
        said = repr([dict(row) for row in await tx.fetch("select * from audit")])
        said += repr([dict(row) for row in await tx.fetch("select * from sign_in")])
    said += (shop.folder.parent / "server.log").read_text()
    for secret in (app.key, *codes, session(ada)):
        assert secret not in said
    assert sessions.digest(session(ada)).hex() not in said
