"""A plan in a file: written, looked at, applied exactly or not at all; approval before a cycle; adoptions that wait."""

from __future__ import annotations

import asyncio
import json
import os
import pty
from pathlib import Path
from typing import Any

import pytest

from installation import Installation
from pair import Pair


async def run(shop: Installation, pair: Pair, *words: str, code: int = 0) -> tuple[str, str]:
    """A command about the pair's application; what it printed and what it said beside."""
    ended = await asyncio.to_thread(shop.command, *words, "--tenant", pair.tenant.name)
    assert ended.code == code, (words, ended)
    return ended.out, ended.err


async def planned(shop: Installation, pair: Pair, file: Path, *more: str) -> Any:
    await run(shop, pair, "plan", "app", "-o", str(file), *more, code=2)
    return json.loads(await asyncio.to_thread(file.read_text))


async def test_a_plan_says_everything_and_is_applied_as_it_is(shop: Installation, pair: Pair, tmp_path: Path) -> None:
    ada = await pair.user("ada", surname="Lovelace")
    await pair.group("Engineering", ada)
    file = tmp_path / "plan.json"
    plan = await planned(shop, pair, file)
    assert (plan["application"], plan["kind"], plan["requests"], plan["seconds"]) == ("app", "initial", 2, 1)
    assert plan["guard"] == {"percent": 20, "most": 500, "holds": None}
    person, team, members = plan["changes"]
    assert person["attributes"]["displayName"] == {"before": None, "after": "Ada Lovelace"}
    assert person["reason"] == "is assigned directly and has no account"
    assert (team["action"], members["action"], members["members"]) == ("create", "add members", [str(ada)])
    assert await pair.account("ada") is None, "a plan writes nothing"
    out, _ = await run(shop, pair, "apply", str(file))
    assert "create user 1, create group 1, add members 1" in out
    assert (await pair.account("ada"))["displayName"] == "Ada Lovelace"
    # Once more, it is not what source and target lead to any more.
    _, said = await run(shop, pair, "apply", str(file), code=1)
    assert "source or target moved since the plan was made, so nothing was sent" in said


async def test_nothing_is_sent_when_the_source_moved(shop: Installation, pair: Pair, tmp_path: Path) -> None:
    ada = await pair.user("ada", surname="Lovelace")
    await pair.user("bob")
    plan = await planned(shop, pair, tmp_path / "plan.json")
    assert plan["counts"] == {"create user": 2}
    await pair.set_user(ada, surname="King")
    await pair.user("eve")
    _, said = await run(shop, pair, "apply", str(tmp_path / "plan.json"), code=1)
    assert "create eve@contoso.com was not planned" in said
    assert "create ada@contoso.com is planned otherwise" in said
    assert [await pair.account(name) for name in ("ada", "bob", "eve")] == [None, None, None]


async def test_nothing_is_sent_when_the_target_moved(shop: Installation, pair: Pair, tmp_path: Path) -> None:
    await pair.user("ada")
    await planned(shop, pair, tmp_path / "plan.json")
    await pair.call("POST", "/Users", {"userName": "ada@contoso.com"})
    _, said = await run(shop, pair, "apply", str(tmp_path / "plan.json"), code=1)
    assert "create ada@contoso.com is not planned any more" in said
    assert (await pair.account("ada")).get("displayName") != "Ada"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "This is no plan: provisor plan NAME -o FILE writes one."),
        ("{}", "This is no plan: provisor plan NAME -o FILE writes one."),
        (
            '{"provisorPlan": 1, "application": "app", "applicationId": "x"}',
            "This plan was changed after it was made",
        ),
        ("{", "is not JSON that can be used"),
    ],
)
async def test_what_is_no_plan_is_a_sentence(
    shop: Installation, pair: Pair, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "plan.json").write_text(text)
    _, found = await run(shop, pair, "apply", str(tmp_path / "plan.json"), code=1)
    assert said in found and "Traceback" not in found


async def test_adoptions_wait_for_an_approved_plan(shop: Installation, pair: Pair, tmp_path: Path) -> None:
    await pair.policies(adoption="hold")
    await pair.call("POST", "/Users", {"userName": "ada@contoso.com", "displayName": "Ada by hand"})
    await pair.user("ada", surname="Lovelace")
    await pair.user("bob")
    result = await pair.sync()
    assert (result.counts["create"], result.counts["refuse"]) == (1, 1)
    assert (await pair.account("ada"))["displayName"] == "Ada by hand"
    assert "it is merged by an approved plan only" in next(
        row["reason"] for row in await pair.log() if row["action"] == "refuse"
    )
    plan = await planned(shop, pair, tmp_path / "plan.json", "--adopt")
    (change,) = plan["changes"]
    assert (change["adopts"], change["attributes"]["displayName"]["before"]) == (True, "Ada by hand")
    await run(shop, pair, "apply", str(tmp_path / "plan.json"))
    assert (await pair.account("ada"))["displayName"] == "Ada Lovelace"


async def test_a_plan_that_the_guard_holds_needs_one_word_more(shop: Installation, pair: Pair, tmp_path: Path) -> None:
    people = [await pair.user(f"p{number}") for number in range(25)]
    await pair.sync()
    for person in people[:6]:
        await pair.unassign(person)
    plan = await planned(shop, pair, tmp_path / "plan.json")
    assert "more than 20 % of 25" in plan["guard"]["holds"]
    _, said = await run(shop, pair, "apply", str(tmp_path / "plan.json"), code=1)
    assert "The guard against accidental deletion holds the plan" in said
    await run(shop, pair, "apply", str(tmp_path / "plan.json"), "--release")
    assert (await pair.account("p0"))["active"] is False


async def test_approval_asks_with_the_plan_before_it(shop: Installation, pair: Pair) -> None:
    await pair.user("ada")
    said = (await run(shop, pair, "sync", "app", "--approve", code=1))[1]
    assert "nobody is there to answer" in said
    assert "Nothing was sent." in await _answer(shop, pair, "n", code=1)
    assert await pair.account("ada") is None
    shown = await _answer(shop, pair, "y", code=0)
    assert "create user" in shown and "Do that?" in shown
    assert await pair.account("ada") is not None


async def _answer(shop: Installation, pair: Pair, word: str, *, code: int) -> str:
    """``provisor sync --approve`` at a terminal, answered with ``word``."""
    ours, theirs = pty.openpty()
    words = ("sync", "app", "--approve", "--tenant", pair.tenant.name)
    process = await asyncio.to_thread(lambda: shop.process(*words, stdin=theirs))
    os.close(theirs)
    os.write(ours, f"{word}\n".encode())
    out, err = await asyncio.to_thread(process.communicate, None, 60)
    os.close(ours)
    assert process.returncode == code, (out, err)
    return str(out + err)


async def test_a_plan_that_was_edited_or_is_another_applications_is_refused(
    shop: Installation, pair: Pair, tmp_path: Path
) -> None:
    await pair.user("ada", surname="Lovelace")
    file = tmp_path / "plan.json"
    plan = await planned(shop, pair, file)
    await asyncio.to_thread(file.write_text, json.dumps(plan).replace("Lovelace", "Nobody"))
    _, said = await run(shop, pair, "apply", str(file), code=1)
    assert "This plan was changed after it was made" in said
    await asyncio.to_thread(file.write_text, json.dumps(plan))
    await run(shop, pair, "app", "rename", "app", "old")
    await run(shop, pair, "app", "create", "app")
    _, said = await run(shop, pair, "apply", str(file), code=1)
    assert "This is a plan of another application than app" in said
    assert await pair.account("ada") is None
