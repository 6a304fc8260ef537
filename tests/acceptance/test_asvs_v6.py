"""OWASP ASVS 5.0, chapter V6 (authentication), level 2: each requirement with the tests that show it, or why not.

The rows are the chapter's requirements of levels 1 and 2, in a few words of ours, and those of level 3 that hold. A row
names tests of the whole suite as ``module::test``; the first test here checks that they exist, the others show what no
other does.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from authenticator import base_of, password, send, someone, start_of
from browser_like import PASSWORD, Client
from pair import Pair
from provisor.access import passwords, recovery_codes, totp

TESTS = Path(__file__).parents[1]
DOCS = TESTS.parent / "docs"

#: Requirement → what is asked, and the tests that show it.
SHOWN: dict[str, tuple[str, list[str]]] = {
    "6.1.1": ("the documents say how guessing is held back, and owners not shut out", ["test_asvs_v6::test_6_1"]),
    "6.1.2": ("words that are near at hand are documented", ["test_asvs_v6::test_6_1"]),
    "6.1.3": ("the ways to sign in are documented with what each takes", ["test_asvs_v6::test_6_1"]),
    "6.2.1": ("a password is long enough", ["test_asvs_v6::test_6_2_1"]),
    "6.2.2": ("people change their password", ["test_asvs_v6::test_6_2_2_and_6_2_3"]),
    "6.2.3": ("which takes the present one", ["test_asvs_v6::test_6_2_2_and_6_2_3"]),
    "6.2.4": (
        "common passwords are refused",
        ["test_common_passwords::test_what_everybody_tries_first_is_refused"],
    ),
    "6.2.5": ("any signs will do", ["test_asvs_v6::test_6_2_5_and_6_2_8_and_6_2_9"]),
    "6.2.6": ("passwords are typed into fields that hide them", ["test_asvs_v6::test_6_2_6_and_6_2_7"]),
    "6.2.7": ("pasting and password managers are not hindered", ["test_asvs_v6::test_6_2_6_and_6_2_7"]),
    "6.2.8": ("a password is what was typed, to the last sign", ["test_asvs_v6::test_6_2_5_and_6_2_8_and_6_2_9"]),
    "6.2.9": ("64 characters are taken", ["test_asvs_v6::test_6_2_5_and_6_2_8_and_6_2_9"]),
    "6.2.10": ("a password does not expire", ["test_asvs_v6::test_6_2_10"]),
    "6.2.11": (
        "words that are near at hand are refused",
        ["test_common_passwords::test_names_that_are_near_at_hand_are_refused"],
    ),
    "6.3.1": (
        "guessing is held back",
        [
            "test_console_door::test_many_guesses_wait_longer_and_longer_and_the_owners_browser_does_not",
            "test_console_door::test_guesses_from_many_addresses_end_at_the_accounts_limit",
            "test_console_door::test_an_address_that_tries_many_accounts_is_stopped",
            "test_second_factors::test_of_ten_thousand_guesses_few_are_looked_at_and_the_owners_browser_gets_in",
            "test_second_factors::test_the_right_password_does_not_make_wrong_codes_forgotten",
        ],
    ),
    "6.3.2": (
        "several factors can be demanded",
        [
            "test_second_factors::test_after_the_password_the_apps_code_is_asked_for_and_completes_the_sign_in",
            "test_second_factors::test_who_must_show_a_factor_and_has_none_adds_one_there_and_then",
            "test_passkeys::test_a_passkey_is_a_whole_sign_in",
        ],
    ),
    "6.3.3": (
        "no way around what is demanded",
        [
            "test_second_factors::test_a_pending_session_opens_no_page_but_those_that_end_it",
            "test_second_factors::test_a_set_up_link_does_not_stand_in_for_the_second_factor",
            "test_second_factors::test_a_stolen_password_adds_no_factor_to_those_that_keep_it_out",
        ],
    ),
    "6.3.7": (
        "level 3: hardware that cannot be deceived is supported",
        [
            "test_passkeys::test_an_answer_for_another_page_is_refused",
            "test_factors_in_a_browser::test_an_authenticator_that_does_not_verify_its_user_makes_no_passkey",
        ],
    ),
    "6.3.8": (
        "level 3: a refusal does not say who there is",
        ["test_console_door::test_signing_in_needs_the_password_and_says_no_more"],
    ),
    "6.4.1": (
        "what begins an account is random, good once, and no password",
        ["test_console_door::test_a_set_up_link_works_once_and_looking_at_it_does_not_use_it"],
    ),
    "6.4.2": ("no hints, no questions", ["test_asvs_v6::test_6_2_6_and_6_2_7"]),
    "6.4.3": (
        "a forgotten password is no way around the second factor",
        ["test_second_factors::test_a_set_up_link_does_not_stand_in_for_the_second_factor"],
    ),
    "6.4.4": (
        "a lost factor is reset by whoever may enrol people, who is told to make sure",
        [
            "test_second_factors::test_a_reset_takes_everything_and_ends_the_sessions",
            "test_second_factors::test_nobody_resets_a_global_administrator_without_being_one",
        ],
    ),
    "6.4.6": (
        "level 3: administrators make links and choose nobody's password",
        ["test_console_door::test_a_set_up_link_works_once_and_looking_at_it_does_not_use_it"],
    ),
    "6.5.1": (
        "codes are good once",
        [
            "test_second_factors::test_a_code_is_good_once_and_so_are_those_before_it",
            "test_second_factors::test_recovery_codes_are_ten_each_good_once_and_stored_as_hashes",
        ],
    ),
    "6.5.2": ("recovery codes have 112 bits and more, or a slow hash", ["test_asvs_v6::test_6_5_2_to_6_5_4"]),
    "6.5.3": ("codes and keys are of the system's generator", ["test_asvs_v6::test_6_5_2_to_6_5_4"]),
    "6.5.4": ("codes have 20 bits and more", ["test_asvs_v6::test_6_5_2_to_6_5_4"]),
    "6.5.5": ("a code of an app is of one half minute", ["test_asvs_v6::test_6_5_5"]),
    "6.5.6": (
        "level 3: every factor can be revoked",
        ["test_second_factors::test_each_change_ends_every_other_session_and_is_audited"],
    ),
    "6.7.2": (
        "level 3: challenges have 64 bits and more",
        ["test_passkeys::test_what_a_browser_is_asked_for_demands_a_verified_user"],
    ),
}
#: Requirement → why there is nothing to show here.
NOT_HERE = {
    "6.6.1": "No code is sent by telephone.",
    "6.6.2": "Nothing goes another way than the browser: no code is sent by mail, message or push.",
    "6.6.3": "As above.",
    "6.8.1": "Signing in through another directory has its own tests: subjects count together with their issuer.",
    "6.8.2": "As above: signatures of assertions.",
    "6.8.3": "No SAML.",
    "6.8.4": "As above: what the other directory says of how and when somebody signed in.",
}
#: Levels 1 and 2 of the chapter.
ASKED = [
    *(f"6.1.{number}" for number in range(1, 4)),
    *(f"6.2.{number}" for number in range(1, 12)),
    *(f"6.3.{number}" for number in range(1, 4)),
    *(f"6.4.{number}" for number in range(1, 5)),
    *(f"6.5.{number}" for number in range(1, 6)),
    *(f"6.6.{number}" for number in range(1, 4)),
    *(f"6.8.{number}" for number in range(1, 5)),
]


def test_every_requirement_has_its_row_and_every_row_tests_that_exist() -> None:
    assert set(ASKED) <= SHOWN.keys() | NOT_HERE.keys() and not SHOWN.keys() & NOT_HERE.keys()
    known = {
        f"{path.stem}::{node.name}"
        for path in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    for requirement, (_, tests) in SHOWN.items():
        assert tests and set(tests) <= known, requirement


def test_6_1() -> None:
    """What is asked of the documents."""
    console, factors = (DOCS / "howto/console.md").read_text(), (DOCS / "howto/mfa.md").read_text()
    assert f"{passwords.AT_PLACE} failures an hour" in console and f"an account {passwords.AT_ACCOUNT}" in console
    assert "cannot shut the owner out" in console and "does not shut the owner out" in factors
    assert "names of the person, the tenant and the product" in factors
    for way in ("set-up link", "password", "passkey", "Recovery codes", "authenticator app"):
        assert way in factors


@pytest.mark.parametrize("length", [1, 7, passwords.SHORTEST - 1])
async def test_6_2_1(pair: Pair, length: int) -> None:
    ada = await someone(pair)
    new = "x7#kQ2!vLp9z"[:length]
    answered = await send(ada, pair, "/account/password", old=PASSWORD, new=new, again=new)
    assert answered.status == 400 and f"at least {passwords.SHORTEST}" in answered.text


async def test_6_2_2_and_6_2_3(pair: Pair) -> None:
    ada, new = await someone(pair), "gnarled teapot over Lisbon"
    refused = await send(ada, pair, "/account/password", old="wrong horse battery", new=new, again=new)
    assert refused.status == 403
    refused = await send(ada, pair, "/account/password", new=new, again=new)
    assert refused.status == 403
    assert (await send(ada, pair, "/account/password", old=PASSWORD, new=new, again=new)).status == 303
    fields = {"name": "ada@contoso.com", "password": new}
    assert (await Client(base_of(pair)).post(f"{start_of(pair)}/sign-in", fields, csrf="")).status == 303


@pytest.mark.parametrize(
    "new",
    [
        "Übergröße und Äpfel",
        " two blanks at the ends ",
        "только нижний регистр",
        "🐢🦆🐢🦀🐘🦔🐢🦆🐢🦀🐘🦔",
        "Tk3e" * 40,
    ],
)
async def test_6_2_5_and_6_2_8_and_6_2_9(pair: Pair, new: str) -> None:
    ada = await someone(pair)
    assert (await send(ada, pair, "/account/password", old=PASSWORD, new=new, again=new)).status == 303
    path = f"{start_of(pair)}/sign-in"
    wrong = {new[:-1], new[:72] if len(new) > 72 else new + "x", new.swapcase(), f"{new} "} - {new}
    for other in wrong:
        fields = {"name": "ada@contoso.com", "password": other}
        assert (await Client(base_of(pair)).post(path, fields, csrf="")).status == 403, other
    fields = {"name": "ada@contoso.com", "password": new}
    assert (await Client(base_of(pair)).post(path, fields, csrf="")).status == 303


async def test_6_2_6_and_6_2_7(pair: Pair) -> None:
    ada = await someone(pair)
    signed_out = await Client(base_of(pair)).get(f"{start_of(pair)}/sign-in")
    account = await ada.get(f"{start_of(pair)}/account")
    for page, names in ((signed_out, {"password"}), (account, {"old", "new", "again"})):
        fields = re.findall(r"<input[^>]*>", page.text)
        found = {name: field for field in fields if (name := _attribute(field, "name")) in names}
        assert found.keys() == names
        for field in found.values():
            assert _attribute(field, "type") == "password"
            assert _attribute(field, "autocomplete") in ("current-password", "new-password")
        assert not re.search(r"onpaste|secret question|password hint|mother", page.text, re.IGNORECASE)


async def test_6_2_10(pair: Pair) -> None:
    await someone(pair)
    async with pair.house.database.transaction() as tx:
        await tx.execute(
            "update directory_password set changed = changed - interval '10 years' where tenant = $1", pair.tenant.id
        )
    ada = await password(pair)
    assert (await ada.get(f"{start_of(pair)}/account")).status == 200


def test_6_5_2_to_6_5_4(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = [code.replace("-", "") for _ in range(50) for code in recovery_codes.fresh()]
    assert len(set(codes)) == 500 and {len(code) for code in codes} == {24}
    # 24 signs of 32 are 120 bits, if each is as likely as any other.
    assert set("".join(codes)) == set("0123456789abcdefghjkmnpqrstvwxyz")
    assert len({totp.new_key() for _ in range(500)}) == 500 and len(totp.new_key()) * 5 == 160
    # Both are of the module whose source is the system's.
    import secrets

    asked: list[object] = []
    monkeypatch.setattr(secrets, "choice", lambda signs: asked.append(signs) or signs[0])
    monkeypatch.setattr(secrets, "token_bytes", lambda count: asked.append(count) or bytes(count))
    assert recovery_codes.fresh()[0].replace("-", "") == "0" * 24 and totp.new_key() == "A" * 32
    assert len(asked) == 24 * recovery_codes.HOW_MANY + 1


def test_6_5_5() -> None:
    """RFC 6238, appendix B, and how long a code is taken: its half minute, and the one before and after it."""
    key = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for moment, code in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")):
        step = moment // 30
        assert totp.step_of(key, code, moment, 0) == step
        assert totp.step_of(key, code, moment, step) is None
        assert totp.step_of(key, code, (step + 2) * 30 - 0.001, 0) == step
        assert totp.step_of(key, code, (step + 2) * 30, 0) is None
        if step > 2:
            assert totp.step_of(key, code, (step - 1) * 30 - 0.001, 0) is None


def _attribute(field: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', field)
    return found[1] if found else ""
