"""Why somebody is provisioned or not; one person or group on demand; the log step by step and in files."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

from test_plans import run

from installation import Installation
from pair import Pair, members
from provisor.provisioning import edit_object
from provisor.provisioning.filters import parse_clause


async def told(shop: Installation, pair: Pair, *words: str) -> Any:
    return json.loads((await run(shop, pair, *words, "--json"))[0])


async def _only_sales(pair: Pair) -> None:
    clauses = [parse_clause("department EQUALS Sales", "User"), parse_clause("city IS NOT NULL", "User")]
    await pair.mapping(lambda document: edit_object.add_filter(document, "User", "Sales", clauses))


async def test_scope_match_mappings_and_the_next_cycle_are_told(shop: Installation, pair: Pair) -> None:
    await _only_sales(pair)
    await pair.user("ada", surname="Lovelace", department="Sales", city="Kiel")
    await pair.user("bob", department="Buying")
    ada = await told(shop, pair, "explain", "app", "ada@contoso.com")
    assert (ada["inScope"], ada["scope"]) == (True, "is assigned directly and passes Sales")
    assert ada["matching"] == [{"attribute": "userName", "value": "ada@contoso.com", "found": []}]
    names = {row["attribute"]: row for row in ada["mappings"]}
    assert names["displayName"]["reads"] == {"givenName": "Ada", "surname": "Lovelace"}
    assert (names["displayName"]["gives"], names["displayName"]["sent"]) == ("Ada Lovelace", "with the new account")
    assert [item["action"] for item in ada["next"]] == ["create user"]
    bob = await told(shop, pair, "explain", "app", "bob@contoso.com")
    assert bob["filters"][0][0] == {
        "filter": "Sales",
        "clause": "department EQUALS Sales",
        "value": "Buying",
        "holds": False,
    }
    assert "fails Sales: department EQUALS Sales (it is 'Buying')" in bob["scope"]
    assert await pair.account("ada") is None, "explaining writes nothing"
    await pair.sync()
    text = (await run(shop, pair, "explain", "app", "ada@contoso.com"))[0]
    assert "is theirs." in text and "Past cycles:\n  1: create: is assigned directly" in text
    await pair.group("Sales")
    text = (await run(shop, pair, "explain", "app", "--group", "Sales"))[0]
    assert "members ← [members]\n    a reference: sent once the account it points at is known" in text
    await pair.connect(pair.base, "not-the-token", force=True)
    text = (await run(shop, pair, "explain", "app", "ada@contoso.com"))[0]
    assert 'gives "Ada Lovelace"; not known: the target could not be asked' in text
    assert "new account" not in text and "the target has" not in text


async def test_somebody_who_does_not_exist_yet_is_explained(shop: Installation, pair: Pair) -> None:
    await _only_sales(pair)
    await pair.call("POST", "/Users", {"userName": "eve@contoso.com"})
    eve = {"userPrincipalName": "eve@contoso.com", "department": "Sales", "city": "Bonn", "givenName": "Eve"}
    found = await told(shop, pair, "explain", "app", "--attributes", json.dumps(eve))
    assert found["inScope"] and len(found["matching"][0]["found"]) == 1
    assert [item["action"] for item in found["next"]] == ["update user"]
    assert "was there before and is merged" in found["next"][0]["reason"]
    found = await told(shop, pair, "explain", "app", "--attributes", json.dumps({**eve, "city": ""}))
    assert "city IS NOT NULL (no value)" in found["scope"]
    _, said = await run(shop, pair, "explain", "app", code=1)
    assert "Say whom to explain" in said
    _, said = await run(shop, pair, "explain", "app", "--attributes", '{"Department": "Sales"}', code=1)
    assert "Department is no attribute of a user. Did you mean department?" in said
    assert "nothing is logged of that" in (await run(shop, pair, "log", "app", "--cycle", "99"))[1]


async def test_what_a_cycle_did_about_somebody_is_told_step_by_step(shop: Installation, pair: Pair) -> None:
    await pair.user("ada")
    await pair.sync()
    (row,) = (await told(shop, pair, "explain", "app", "ada@contoso.com", "--cycle", "1"))["rows"]
    assert [(step["step"], step["status"]) for step in row["steps"]] == [
        ("import", "success"),
        ("scoping", "success"),
        ("matching", "success"),
        ("processing", "success"),
        ("export", "success"),
    ]
    assert row["steps"][2]["description"] == "User 'ada@contoso.com': no account has its matching attributes"
    assert (
        "Cycle 9 did nothing about them"
        in (await run(shop, pair, "explain", "app", "ada@contoso.com", "--cycle", "9"))[0]
    )


async def test_one_user_is_provisioned_on_demand_and_nobody_else(shop: Installation, pair: Pair) -> None:
    ada, bob = await pair.user("ada"), await pair.user("bob")
    await pair.group("Engineering", ada, bob)
    await pair.sync()
    eve = await pair.user("eve")
    await pair.set_user(ada, surname="King")
    text = (await run(shop, pair, "provision", "app", "ada@contoso.com"))[0]
    assert "processing          success" in text and "displayName: 'Ada' → 'Ada King'" in text
    assert await pair.account("eve") is None
    # The next cycle goes on with the others, and finds this one done.
    assert (await pair.sync()).kinds == {"create user": 1}
    await pair.unassign(eve)
    await run(shop, pair, "provision", "app", "eve@contoso.com")
    assert (await pair.account("eve"))["active"] is False


async def test_on_demand_brings_back_who_was_removed_at_the_target(shop: Installation, pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.group("Engineering", ada)
    await pair.sync()
    account = await pair.account("ada")
    await pair.call("DELETE", f"/Users/{account['id']}")
    await pair.restart()
    await pair.sync()
    assert await pair.account("ada") is None, "a cycle does not"
    assert "It was removed at the target" in (await run(shop, pair, "explain", "app", "ada@contoso.com"))[0]
    await run(shop, pair, "provision", "app", "ada@contoso.com")
    again = await pair.account("ada")
    assert again is not None and members(await pair.team("Engineering")) == {again["id"]}


async def test_what_a_cycle_does_and_what_is_done_on_demand_are_told_apart(shop: Installation, pair: Pair) -> None:
    await pair.user("ada", surname="Lovelace")
    await pair.sync()
    assert "On demand:" not in (await run(shop, pair, "explain", "app", "ada@contoso.com"))[0]
    path = f"/Users/{(await pair.account('ada'))['id']}"
    by_hand = {"Operations": [{"op": "replace", "path": "displayName", "value": "Countess"}]}
    assert (await pair.call("PATCH", path, by_hand))[0] == 200
    # A cycle reports what was changed there, provisioning on demand puts it right.
    ada = await told(shop, pair, "explain", "app", "ada@contoso.com")
    assert [item["action"] for item in ada["next"]] == ["drift user"]
    assert [item["action"] for item in ada["onDemand"]] == ["update user"]
    (name,) = (row["sent"] for row in ada["mappings"] if row["attribute"] == "displayName")
    assert name == "changed on demand only"
    doctor = (await run(shop, pair, "doctor", "app", "ada@contoso.com"))[0]
    assert "ada@contoso.com: was changed at the target: displayName is 'Countess'" in doctor
    assert "A cycle only reports that.\n" in doctor and "provisor provision app ada@contoso.com\n" in doctor
    await pair.policies(drift={"displayName": "overwrite"})
    ada = await told(shop, pair, "explain", "app", "ada@contoso.com")
    assert [item["action"] for item in ada["next"]] == [item["action"] for item in ada["onDemand"]] == ["update user"]
    assert "On demand:" not in (await run(shop, pair, "explain", "app", "ada@contoso.com"))[0]
    # The cycle after a restart puts right all that differs.
    await pair.policies(drift={})
    await pair.restart()
    ada = await told(shop, pair, "explain", "app", "ada@contoso.com")
    assert [item["action"] for item in ada["next"]] == ["update user"]
    await pair.sync()
    assert (await pair.account("ada"))["displayName"] == "Ada Lovelace"
    await pair.call("PATCH", path, by_hand)
    await pair.policies(drift={"displayName": "adopt"})
    await pair.cycle(lambda target: target, full=True)
    text = (await run(shop, pair, "explain", "app", "ada@contoso.com"))[0]
    assert "displayName stays 'Countess': what is there is adopted, not 'Ada Lovelace'" in text
    # So of an account that is gone: one does not make another, the other does.
    await pair.call("DELETE", path)
    for seen in ("removed user", "nothing user"):
        text = (await run(shop, pair, "explain", "app", "ada@contoso.com"))[0]
        assert f"Next cycle that looks at them:\n  {seen}: was removed at the target" in text
        assert "\nOn demand:\n  create user: is assigned directly and has no account\n" in text
        await pair.cycle(lambda target: target, full=True)
    assert await pair.account("ada") is None


async def test_a_group_is_provisioned_on_demand_with_the_members_that_are_named(shop: Installation, pair: Pair) -> None:
    ada, bob = await pair.user("ada"), await pair.user("bob")
    await pair.group("Engineering", ada, bob)
    await run(shop, pair, "provision", "app", "--group", "Engineering", "--members", "ada@contoso.com")
    assert await pair.account("bob") is None
    assert members(await pair.team("Engineering")) == {(await pair.account("ada"))["id"]}
    await pair.sync()
    assert len(members(await pair.team("Engineering"))) == 2
    _, said = await run(shop, pair, "provision", "app", "--members", "ada@contoso.com", code=1)
    assert "Say whom to provision" in said


async def test_seed_52_the_log_goes_into_files(shop: Installation, pair: Pair, tmp_path: Path) -> None:
    await pair.user("ada", surname="=HYPERLINK(1)")
    await pair.mapping(lambda d: _map_title(d))
    await pair.sync()
    file = tmp_path / "log.csv"
    await run(shop, pair, "log", "app", "--export", str(file))
    rows = list(csv.DictReader((await asyncio.to_thread(file.read_text, "utf-8-sig")).splitlines()))
    assert (rows[0]["action"], rows[0]["source"], rows[0]["status"]) == ("create", "ada@contoso.com", "success")
    assert not any(value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values())
    file = tmp_path / "log.json"
    await run(shop, pair, "log", "app", "--export", str(file))
    (item,) = json.loads(await asyncio.to_thread(file.read_text))["value"]
    assert (item["provisioningAction"], item["provisioningStatusInfo"]["status"]) == ("create", "success")
    assert [step["provisioningStepType"] for step in item["provisioningSteps"]][-1] == "export"
    assert {"displayName": "title", "oldValue": None, "newValue": "=HYPERLINK(1)"} in item["modifiedProperties"]
    _, said = await run(shop, pair, "log", "app", "--export", str(tmp_path / "log.xls"), code=1)
    assert "neither .csv nor .json" in said


def _map_title(document: Any) -> Any:
    from provisor.provisioning import edit

    return edit.add_mapping(document, "User", "title", attribute="surname")


async def test_a_held_adoption_is_done_on_demand(shop: Installation, pair: Pair) -> None:
    await pair.policies(adoption="hold")
    await pair.call("POST", "/Users", {"userName": "ada@contoso.com"})
    await pair.user("ada", surname="Lovelace")
    assert (await pair.sync()).counts == {"refuse": 1}
    ada = await told(shop, pair, "explain", "app", "ada@contoso.com")
    assert [item["action"] for item in ada["next"] + ada["onDemand"]] == ["refuse user", "update user"]
    someone = ("explain", "app", "--attributes", '{"userPrincipalName": "ada@contoso.com"}')
    assert [item["action"] for item in (await told(shop, pair, *someone))["onDemand"]] == ["link user"]
    await run(shop, pair, "provision", "app", "ada@contoso.com")
    assert (await pair.account("ada"))["displayName"] == "Ada Lovelace"


async def test_on_demand_brings_back_at_once_who_was_removed_a_moment_ago(shop: Installation, pair: Pair) -> None:
    await pair.user("ada")
    await pair.sync()
    await pair.call("DELETE", f"/Users/{(await pair.account('ada'))['id']}")
    text = (await run(shop, pair, "explain", "app", "ada@contoso.com"))[0]
    assert "was theirs and is not there any more; on demand makes another" in text
    await run(shop, pair, "provision", "app", "ada@contoso.com")
    assert await pair.account("ada") is not None


async def test_the_report_counts_what_was_done(shop: Installation, pair: Pair, tmp_path: Path) -> None:
    await pair.user("ada")
    await run(shop, pair, "plan", "app", "-o", str(tmp_path / "plan.json"), code=2)
    await pair.user("bob")
    await run(shop, pair, "apply", str(tmp_path / "plan.json"), code=1)
    value = await told(shop, pair, "report", "app")
    assert (value["actions"], value["cyclesFailed"]) == ({}, 1)
    row = (await told(shop, pair, "log", "app"))[0]
    assert (row["status"], row["why"].rpartition("; ")[2]) == ("skipped", "was planned and not sent")
    await pair.sync()
    value = await told(shop, pair, "report", "app")
    assert value["actions"] == {"create": 2}
    _, said = await run(shop, pair, "doctor", "app", "nobody@contoso.com", code=1)
    assert said.startswith("provisor: There is no user nobody@contoso.com")
    _, said = await run(shop, pair, "explain", "app", "nobody@contoso.com", code=1)
    assert said.rstrip().endswith("gone for good: provisor log app --user nobody@contoso.com")
