"""Undoing a cycle: a plan from the values before it, applied like any other."""

from __future__ import annotations

import json
import re
from pathlib import Path

from test_explain import told
from test_plans import run

from installation import Installation
from pair import Pair, members
from provisor.scim.requests import Request
from provisor.sync import control


async def test_a_wrong_mapping_is_undone(shop: Installation, pair: Pair, tmp_path: Path) -> None:
    from provisor.provisioning import edit

    ada = await pair.user("ada", surname="Lovelace", mailNickname="adal")
    await pair.user("bob", surname="Ross", mailNickname="bobr")
    await pair.sync()
    await pair.mapping(lambda d: edit.edit_mapping(d, "User", "displayName", attribute="mailNickname"))
    second = (await pair.sync()).cycle.number
    assert (await pair.account("ada"))["displayName"] == "adal"
    # One of them was changed once more since.
    await pair.set_user(ada, mailNickname="augusta")
    await pair.sync()
    file = tmp_path / "undo.json"
    out, _ = await run(shop, pair, "revert", "app", str(second), "-o", str(file), code=2)
    assert "bob@contoso.com: undoes: changed: displayName" in out
    assert "ada@contoso.com: cannot be undone: displayName was changed again by a later cycle" in out
    assert (await pair.account("bob"))["displayName"] == "bobr", "a plan writes nothing"
    await run(shop, pair, "apply", str(file), code=1)
    assert (await pair.account("bob"))["displayName"] == "Bob Ross"
    assert (await pair.account("ada"))["displayName"] == "augusta"


async def test_leavers_come_back_and_members_too(shop: Installation, pair: Pair, tmp_path: Path) -> None:
    ada, bob = await pair.user("ada"), await pair.user("bob", assigned=False)
    group = await pair.group("Engineering", ada, bob)
    await pair.sync()
    before = members(await pair.team("Engineering"))
    async with pair.edit() as work:
        from provisor.directory import groups

        await groups.remove_members(work, [(group, bob, "User")])
    number = (await pair.sync()).cycle.number
    assert (await pair.account("bob"))["active"] is False
    await run(shop, pair, "revert", "app", str(number), "-o", str(tmp_path / "undo.json"), code=2)
    await run(shop, pair, "apply", str(tmp_path / "undo.json"))
    assert (await pair.account("bob"))["active"] is True
    assert members(await pair.team("Engineering")) == before


async def test_what_was_created_goes_and_a_deleted_group_comes_back(
    shop: Installation, pair: Pair, tmp_path: Path
) -> None:
    group = await pair.group("Engineering")
    await pair.sync()
    await pair.unassign(group)
    await pair.user("eve")
    number = (await pair.sync()).cycle.number
    assert await pair.team("Engineering") is None
    file = tmp_path / "undo.json"
    await run(shop, pair, "revert", "app", str(number), "-o", str(file), code=2)
    plan = json.loads(file.read_text())
    assert plan["counts"] == {"delete user": 1, "create group": 1}
    await run(shop, pair, "apply", str(file))
    assert await pair.team("Engineering") is not None
    assert await pair.account("eve") is None
    _, said = await run(shop, pair, "revert", "app", "77", code=1)
    assert "The log has no cycle 77 that did something" in said


async def test_drift_is_told_with_what_was_applied_and_who_is_there_beside(shop: Installation, pair: Pair) -> None:
    await pair.user("ada", surname="Lovelace")
    await pair.sync()
    await pair.call("POST", "/Users", {"userName": "local@contoso.com"})
    account = await pair.account("ada")
    operations = [{"op": "replace", "path": "displayName", "value": "Countess"}]
    await pair.call("PATCH", f"/Users/{account['id']}", {"Operations": operations})
    out, _ = await run(shop, pair, "drift", "app", "--json", code=2)
    value = json.loads(out)
    assert value["changed"] == [
        {
            "source": "ada@contoso.com",
            "target": account["id"],
            "attribute": "displayName",
            "actual": "Countess",
            "applied": "Ada Lovelace",
            "desired": "Ada Lovelace",
        }
    ]
    assert "local@contoso.com" in [item["name"] for item in value["strangers"]]
    assert (await pair.account("ada"))["displayName"] == "Countess"
    text = (await run(shop, pair, "drift", "app", code=2))[0]
    assert "it says 'Countess', applied was 'Ada Lovelace', the directory wants 'Ada Lovelace'" in text


async def test_the_doctor_says_when_it_is_tried_again(shop: Installation, pair: Pair) -> None:
    await pair.user("ada")
    await pair.connect(pair.base, "wrong", force=True)
    async with pair.edit() as work:
        await control.switch(work, pair.application, "On")
    await pair.sync()
    text = (await run(shop, pair, "doctor", "app", code=1))[0]
    assert re.search(
        r"look schedule   The last (\d )?cycles? did not go through: the next is tried at \d\d:\d\d:\d\d UTC", text
    )
    assert "provisor sync app" in text


async def test_seed_57_to_60_the_doctor_names_the_command_that_mends(shop: Installation, pair: Pair) -> None:
    await pair.user("ada")
    await pair.user("bob", assigned=False)
    await pair.sync()
    found = {item["area"]: item for item in (await told(shop, pair, "doctor", "app"))["findings"]}
    assert list(found) == [
        "connection", "token", "owner", "mappings", "scope", "matching", "cycle", "quarantine", "leavers", "schedule",
        "guard",
    ]  # fmt: skip
    assert {area for area, item in found.items() if item["level"] != "good"} == {"schedule"}
    assert found["schedule"]["mend"] == "provisor app start app"
    text = (await run(shop, pair, "doctor", "app", "bob@contoso.com", code=1))[0]
    assert "BAD  user" in text and "provisor app assign app --user bob@contoso.com" in text
    # The token does not count any more.
    await pair.call("POST", "/Users", {"userName": "boss@contoso.com"})
    await pair.connect(pair.base, "wrong", force=True)
    text = (await run(shop, pair, "doctor", "app", code=1))[0]
    assert "BAD  token" in text and "provisor app set app --secret-token-file FILE" in text


async def test_the_doctor_says_what_the_last_cycle_could_not_do(shop: Installation, pair: Pair) -> None:
    await pair.user("ada")

    def fails(request: Request) -> str | None:
        return "lost" if request.method == "POST" else None

    await pair.sync(fails)
    found = {item["area"]: item for item in (await told(shop, pair, "doctor", "app"))["findings"]}
    assert found["cycle"]["finding"] == "1 object could not be done, and will be tried again."
    text = (await run(shop, pair, "doctor", "app", "ada@contoso.com", code=1))[0]
    assert "ada@contoso.com could not be done the last time: the line was cut. What is tried again: create, " in text
    async with pair.house.database.transaction() as tx:
        await tx.execute("update sync_cycle set status = 'failed', error = 'OSError' where tenant = $1", pair.tenant.id)
    text = (await run(shop, pair, "doctor", "app", code=1))[0]
    assert "BAD  cycle      Cycle 1 failed: OSError.\n                provisor sync app" in text


async def test_seed_57_a_mapping_that_disables_nobody_is_found(shop: Installation, pair: Pair) -> None:
    from provisor.provisioning import edit

    await pair.mapping(lambda document: edit.delete_mapping(document, "User", "active"))
    text = (await run(shop, pair, "doctor", "app", code=1))[0]
    assert "nobody who leaves would ever be disabled" in text
    assert "provisor app mappings diff app --recommended" in text
    assert "Nobody is assigned, so nobody is in scope." in text
