"""Cycles between a real directory and a real workspace, over real HTTP: who gets, keeps and loses an account."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from installation import Installation
from pair import OPS, Pair, members
from provisor.connectors.base import TargetError
from provisor.directory import groups, users
from provisor.provisioning import edit as mappings
from provisor.provisioning.decide import LOOKS
from provisor.scim.requests import Request
from provisor.sync import connection
from provisor.workspace import edit as workspace_edit
from provisor.workspace import groups as teams
from provisor.workspace import users as accounts


async def test_seed_43_people_groups_and_members_arrive(pair: Pair) -> None:
    ada, bob = await pair.user("ada", surname="Lovelace"), await pair.user("bob", assigned=False)
    await pair.group("Engineering", ada, bob)
    result = await pair.sync()
    assert result.counts == {"create": 3, "add members": 1}
    account = await pair.account("ada")
    assert account["displayName"] == "Ada Lovelace"
    assert account["active"] is True
    assert account["emails"] == [{"value": "ada@contoso.com", "type": "work", "primary": True}]
    found = {account["id"], (await pair.account("bob"))["id"]}
    assert members(await pair.team("Engineering")) == found


async def test_a_plan_and_its_cycle_agree(pair: Pair) -> None:
    people = [await pair.user(f"person{number}") for number in range(12)]
    await pair.group("Everybody", *people)
    plan = await pair.plan()
    assert not plan.empty
    before = await pair.everything()
    assert await pair.everything() == before
    result = await pair.sync()
    assert (result.hash, result.counts, result.requests) == (plan.hash, plan.counts, plan.requests)


async def test_a_second_cycle_sends_nothing_but_its_probe(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.group("Engineering", ada)
    await pair.sync()
    result = await pair.sync()
    assert (result.sent, result.counts) == (1, {})


async def test_seed_40_nobody_assigned_is_an_empty_cycle(pair: Pair) -> None:
    await pair.user("ada", assigned=False)
    result = await pair.sync()
    assert (result.status, result.counts) == ("done", {})
    assert result.cycle.kind == "initial"


async def test_a_leaver_is_disabled_and_comes_back(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    await pair.unassign(ada)
    assert (await pair.sync()).counts == {"disable": 1}
    assert (await pair.account("ada"))["active"] is False
    await pair.assign(ada)
    assert (await pair.sync()).counts == {"update": 1}
    assert (await pair.account("ada"))["active"] is True


async def test_disabled_recycled_and_restored_people_are_followed(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    for leave, back in (("disable", "enable"), ("recycle", "restore")):
        async with pair.edit() as work:
            if leave == "disable":
                await users.change(work, ada, {"accountEnabled": "False"})
            else:
                await users.recycle(work, ada)
        await pair.sync()
        assert (await pair.account("ada"))["active"] is False, leave
        async with pair.edit() as work:
            if back == "enable":
                await users.change(work, ada, {"accountEnabled": "True"})
            else:
                await users.restore(work, ada)
        await pair.sync()
        assert (await pair.account("ada"))["active"] is True, back


async def test_deleted_for_good_is_deleted_at_the_target(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    async with pair.edit() as work:
        await users.recycle(work, ada)
        await users.purge(work, ada)
    assert (await pair.sync()).counts == {"delete": 1}
    assert await pair.account("ada") is None
    assert await pair.known(ada) is None


async def test_a_member_who_leaves_a_group_leaves_it_at_the_target(pair: Pair) -> None:
    ada, bob = await pair.user("ada"), await pair.user("bob")
    team = await pair.group("Engineering", ada, bob)
    await pair.sync()
    async with pair.edit() as work:
        await groups.remove_members(work, [(team, ada, "User")])
    assert (await pair.sync()).counts == {"remove members": 1}
    assert members(await pair.team("Engineering")) == {(await pair.account("bob"))["id"]}


async def test_a_member_who_gets_an_account_later_joins_then(pair: Pair) -> None:
    team = await pair.group("Engineering")
    await pair.sync()
    ada = await pair.user("ada", assigned=False, accountEnabled="False")
    async with pair.edit() as work:
        await groups.add_members(work, [(team, ada, "User")])
    assert (await pair.sync()).counts == {}
    await pair.set_user(ada, accountEnabled="True")
    assert (await pair.sync()).counts == {"create": 1, "add members": 1}
    assert members(await pair.team("Engineering")) == {(await pair.account("ada"))["id"]}


async def test_a_group_that_is_unassigned_is_deleted_and_its_people_disabled(pair: Pair) -> None:
    ada = await pair.user("ada", assigned=False)
    team = await pair.group("Engineering", ada)
    await pair.sync()
    await pair.unassign(team)
    assert (await pair.sync()).counts == {"disable": 1, "delete": 1}
    assert await pair.team("Engineering") is None
    assert (await pair.account("ada"))["active"] is False


async def test_seed_46_who_was_there_before_keeps_everything(pair: Pair) -> None:
    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        before = await accounts.add(work, "ada@contoso.com", {"entitlements": [{"value": "allow-cluster-create"}]})
        contractor = await accounts.add(work, "contractor@partner.example", {})
        group = await teams.add(work, "Engineering", {"entitlements": [{"value": "databricks-sql-access"}]})
        await teams.add_member(work, "Engineering", "contractor@partner.example")
    ada = await pair.user("ada", surname="Lovelace")
    team = await pair.group("Engineering", ada)
    result = await pair.sync()
    assert result.counts == {"update": 1, "link": 1, "add members": 1}
    account = await pair.account("ada")
    assert (account["id"], account["displayName"]) == (before.id, "Ada Lovelace")
    assert account["entitlements"] == [{"value": "allow-cluster-create"}]
    found = await pair.team("Engineering")
    assert (found["id"], members(found)) == (group.id, {account["id"], contractor.id})
    assert found["entitlements"] == [{"value": "databricks-sql-access"}]
    # Leaving: the group stays, without the members that came from the directory.
    await pair.unassign(team)
    assert (await pair.sync()).counts == {"unlink": 1, "remove members": 1}
    assert members(await pair.team("Engineering")) == {contractor.id}


async def test_seed_47_others_are_untouched(pair: Pair) -> None:
    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        await accounts.add(work, "contractor@partner.example", {"displayName": "Contractor"})
        await teams.add(work, "Contractors")
    await pair.user("contractor2", assigned=False)
    before = await pair.everything()
    await pair.sync()
    await pair.restart(full=True)
    await pair.sync()
    assert await pair.everything() == before


async def test_seed_36_a_group_is_found_by_its_second_matching_attribute_and_keeps_its_name(pair: Pair) -> None:
    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        lab = await teams.add(work, "Lab")
    await pair.mapping(
        lambda document: mappings.add_mapping(document, "Group", "id", attribute="extensionAttribute1", precedence=2)
    )
    ada = await pair.user("ada")
    research = await pair.group("Research", ada, extensionAttribute1=lab.id)
    result = await pair.sync()
    assert result.counts == {"create": 1, "link": 1, "add members": 1}
    assert await pair.team("Research") is None
    assert members(await pair.team("Lab")) == {(await pair.account("ada"))["id"]}
    row = next(row for row in await pair.log(research) if row["action"] == "link")
    assert "found by matching precedence 2" in row["reason"]
    assert "displayName stays 'Lab'" in row["reason"]
    assert (await pair.sync()).sent == 1


async def test_seed_29_the_workspace_keeps_its_own_id_and_the_log_says_so(pair: Pair) -> None:
    await pair.mapping(lambda document: mappings.add_mapping(document, "User", "id", attribute="extensionAttribute1"))
    ada, bob = await pair.user("ada", extensionAttribute1="4711"), await pair.user("bob")
    await pair.sync()
    account = await pair.account("ada")
    assert account["id"] != "4711"
    rows = await pair.log(ada)
    assert rows[0]["message"] == f"the target keeps id '{account['id']}' instead of '4711'"
    assert all(row["message"] is None for row in await pair.log(bob))
    assert (await pair.sync()).sent == 1


async def test_seed_54_a_renamed_group_is_refused_once_and_keeps_its_name(pair: Pair) -> None:
    team = await pair.group("Engineering")
    await pair.sync()
    async with pair.edit() as work:
        await groups.change(work, await groups.find(work.tx, pair.tenant, str(team)), {"displayName": "Engineers"})
    result = await pair.sync()
    assert (result.counts, result.sent) == ({}, 1)
    assert "displayName stays 'Engineering'" in (await pair.log(team))[0]["reason"]
    assert await pair.team("Engineers") is None


async def test_seed_50_a_user_removed_in_the_console_is_not_brought_back(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        await accounts.remove(work, "ada@contoso.com")
    await pair.set_user(ada, surname="King")
    await pair.sync()
    assert await pair.account("ada") is None
    assert (await pair.known(ada)).state == "removed"
    await pair.restart()
    result = await pair.sync()
    assert (result.status, await pair.account("ada")) == ("done", None)
    await pair.restart(full=True)
    await pair.sync()
    assert (await pair.account("ada"))["active"] is True


async def test_seed_50_who_is_added_again_in_the_console_is_provisioned_again(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        await accounts.remove(work, "ada@contoso.com")
    await pair.set_user(ada, surname="King")
    await pair.sync()
    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        await accounts.add(work, "ada@contoso.com", {})
    await pair.restart()
    await pair.sync()
    assert (await pair.known(ada)).linked
    assert (await pair.account("ada"))["displayName"] == "Ada King"


async def test_seed_58_a_token_whose_owner_is_no_admin_any_more_plans_nothing(pair: Pair, standard: Pair) -> None:
    await _refuse_once_demoted(pair)
    await _refuse_once_demoted(standard)


async def _refuse_once_demoted(pair: Pair) -> None:
    await pair.user("ada")
    await pair.sync()
    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        await accounts.add(work, "other@contoso.com", {}, admin=True)
        await accounts.set_admin(work, OPS, False)
    await pair.restart()
    with pytest.raises(TargetError, match="is no admin there"):
        await pair.plan()
    result = await pair.sync()
    assert (result.status, result.requests) == ("quarantined", 0)
    with pytest.raises(TargetError, match=r"refuses the secret token: its owner, ops@contoso\.com"):
        await connection.test_application(await pair.app(), lambda item: pair.house.target(item, read_only=True))


async def test_who_is_gone_is_found_in_the_log_by_the_name_of_then(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    async with pair.edit() as work:
        await users.recycle(work, ada)
        await users.purge(work, ada)
    ledger = pair.house.ledger(pair.tenant, pair.application)
    assert await ledger.once_called("Ada@contoso.com") == [ada]
    assert await ledger.once_called("nobody@contoso.com") == []


async def test_seed_50_a_restart_notices_a_removed_user_that_did_not_change(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        await accounts.remove(work, "ada@contoso.com")
    await pair.restart()
    assert (await pair.sync()).counts == {"removed": 1}
    assert (await pair.known(ada)).state == "removed"
    assert (await pair.sync()).sent == 1


async def test_seed_45_the_tokens_owner_is_not_disabled(pair: Pair) -> None:
    ops = await pair.user(OPS, assigned=False)
    await pair.assign(ops, force=True)
    await pair.sync()
    await pair.unassign(ops)
    result = await pair.sync()
    assert result.counts == {"refuse": 1}
    assert (await pair.account(OPS))["active"] is True
    assert "owns the secret token" in (await pair.log(ops))[0]["reason"]


async def test_seed_10_a_deactivated_owner_quarantines_and_the_reason_says_so(pair: Pair) -> None:
    await pair.user("ada")
    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        await accounts.add(work, "other@contoso.com", {}, admin=True)
        await accounts.set_values(work, OPS, {"active": "false"})
    result = await pair.sync()
    assert result.status == "quarantined"
    assert f"{OPS}, is inactive" in str(result.error)
    job = await pair.house.ledger(pair.tenant, pair.application).job()
    assert job.quarantine == result.error
    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        await accounts.set_values(work, OPS, {"active": "true"})
    assert (await pair.sync()).status == "done"
    assert (await pair.house.ledger(pair.tenant, pair.application).job()).quarantine is None


async def test_two_people_cannot_be_promised_the_same_unique_name(pair: Pair) -> None:
    await pair.mapping(lambda document: mappings.edit_mapping(document, "User", "userName", attribute="mail"))
    await pair.user("ada", mail="shared@contoso.com")
    await pair.user("bob", mail="Shared@contoso.com")
    result = await pair.sync()
    assert result.counts == {"create": 1, "refuse": 1}
    assert "promised to another object of this plan" in str([row["reason"] for row in await pair.log()])


async def test_managers_are_set_after_both_have_accounts(standard: Pair) -> None:
    enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    await standard.mapping(
        lambda document: mappings.add_mapping(document, "User", f"{enterprise}:manager", attribute="manager")
    )
    ada = await standard.user("ada", manager=None)
    bob = await standard.user("bob", manager="ada@contoso.com")
    result = await standard.sync()
    assert result.counts == {"create": 2, "update references": 1}
    account = await standard.account("bob")
    assert account[enterprise]["manager"]["value"] == (await standard.account("ada"))["id"]
    await standard.set_user(bob, manager="")
    assert (await standard.sync()).counts == {"update references": 1}
    assert "manager" not in (await standard.account("bob")).get(enterprise, {})
    assert (await standard.sync()).sent == 1
    assert ada != bob


async def test_a_create_whose_answer_is_lost_makes_one_account(pair: Pair) -> None:
    ada = await pair.user("ada")
    team = await pair.group("Engineering", ada)

    def unheard(request: Request) -> str | None:
        return "unheard" if request.method == "POST" else None

    result = await pair.sync(unheard)
    assert result.failures > 0
    assert (await pair.known(ada)).intent is not None
    result = await pair.sync()
    assert (result.status, result.failures) == ("done", 0)
    account = await pair.account("ada")
    known = await pair.known(ada)
    assert (known.target_id, known.intent, known.state) == (account["id"], None, "linked")
    assert members(await pair.team("Engineering")) == {account["id"]}
    assert (await pair.known(team)).target_id is not None
    assert (await pair.sync()).sent == 1


async def test_a_create_whose_answer_is_lost_is_found_again_although_the_person_left(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync(lambda request: "unheard" if request.method == "POST" else None)
    await pair.unassign(ada)
    await pair.sync()
    known = await pair.known(ada)
    account = await pair.account("ada")
    assert (account["active"], known.state, known.target_id) == (False, "disabled", account["id"])
    assert known.intent is None


async def test_a_promised_create_of_a_leaver_is_looked_for_again(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync(lambda request: "lost" if request.method == "POST" else None)
    await pair.unassign(ada)
    for _ in range(LOOKS + 1):
        await pair.sync()
    known = await pair.known(ada)
    assert (known.intent, known.target_id) == (None, None)
    assert (await pair.sync()).sent == 1


async def test_a_create_that_was_never_done_is_repeated_as_promised(pair: Pair) -> None:
    ada = await pair.user("ada", surname="Lovelace")
    await pair.sync(lambda request: "lost" if request.method == "POST" else None)
    await pair.set_user(ada, surname="King")
    await pair.sync()
    await pair.sync()
    assert (await pair.account("ada"))["displayName"] == "Ada King"
    assert len((await pair.everything())[0]) == 2


async def test_one_failing_object_does_not_stop_the_others(pair: Pair) -> None:
    for number in range(4):
        await pair.user(f"person{number}")

    def one(request: Request) -> str | None:
        return "lost" if request.body and request.body.get("userName") == "person1@contoso.com" else None

    result = await pair.sync(one)
    assert (result.status, result.failures) == ("done", 1)
    assert await pair.account("person2") is not None
    # The scheduler's next cycle leaves it alone until its next try is due.
    assert (await pair.sync(backed_off=False)).counts == {}
    assert (await pair.sync()).counts == {"create": 1}
    assert await pair.account("person1") is not None


async def test_a_changed_mapping_looks_at_everybody_again(pair: Pair) -> None:
    await pair.user("ada", jobTitle="Countess")
    await pair.sync()
    await pair.mapping(lambda document: mappings.add_mapping(document, "User", "title", attribute="jobTitle"))
    result = await pair.sync()
    assert (result.cycle.kind, result.counts) == ("initial", {"update": 1})
    assert (await pair.account("ada"))["title"] == "Countess"
    assert (await pair.sync()).cycle.kind == "incremental"


async def test_what_somebody_else_changed_is_put_right_by_a_restart(pair: Pair) -> None:
    await pair.user("ada", surname="Lovelace")
    await pair.sync()
    account = await pair.account("ada")
    operations = [{"op": "replace", "path": "displayName", "value": "Somebody"}]
    await pair.call("PATCH", f"/Users/{account['id']}", {"Operations": operations})
    assert (await pair.sync()).counts == {}
    await pair.restart()
    assert (await pair.sync()).counts == {"update": 1}
    assert (await pair.account("ada"))["displayName"] == "Ada Lovelace"


async def test_credentials_that_pass_end_a_quarantine_at_once(pair: Pair) -> None:
    await pair.user("ada")
    await pair.connect(pair.base, "dapi-wrong", force=True)
    assert (await pair.sync()).status == "quarantined"
    ledger = pair.house.ledger(pair.tenant, pair.application)
    assert (await ledger.job()).quarantine
    await pair.connect(pair.base, pair.token)
    job = await ledger.job()
    # Without a last cycle the scheduler runs one now, however often it was refused before.
    assert job.quarantine is None and job.last_cycle is None
    assert (await pair.sync()).counts == {"create": 1}


async def test_a_cycle_of_before_does_not_undo_what_was_mended_meanwhile(pair: Pair) -> None:
    await pair.user("ada")
    ledger = pair.house.ledger(pair.tenant, pair.application)

    class Refused:
        def __init__(self, target: Any) -> None:
            self._target = target

        def __getattr__(self, name: str) -> Any:
            return getattr(self._target, name)

        async def send(self, request: Any) -> Any:
            async with pair.house.database.transaction() as tx:
                await ledger.mended(tx)
            raise TargetError("POST /Users was answered 401: Invalid access token.", status=401)

    assert (await pair.cycle(Refused)).status == "quarantined"
    job = await ledger.job()
    assert job.quarantine is None and job.last_cycle is None


async def test_dry_runs_take_no_numbers_and_the_old_ones_go(pair: Pair) -> None:
    await pair.user("ada")
    assert [(await pair.plan()).cycle.number for _ in range(25)] == [1] * 25
    assert (await pair.sync()).cycle.number == 1
    assert (await pair.plan()).cycle.number == 2
    rows = await pair.house.ledger(pair.tenant, pair.application).cycles(100)
    assert [row["mode"] for row in rows].count("plan") <= 21


async def test_mappings_are_tried_on_somebody_without_writing(pair: Pair, shop: Installation) -> None:
    ada = await pair.user("ada", surname="Lovelace")
    await pair.connect(pair.base, pair.token)
    words = ("--tenant", pair.tenant.name, "app", "mappings")

    async def tried(*more: str) -> dict[str, Any]:
        found = await asyncio.to_thread(shop.json, *words, "test", "app", *more)
        return {item["attribute"]: item for item in found["attributes"]}

    before = await pair.everything()
    first = await tried("--user", "ada@contoso.com")
    assert (first["userName"]["result"], first["userName"]["has"]) == ("ada@contoso.com", None)
    assert first["userName"]["sent"] == "with the new account"
    assert await pair.everything() == before
    await pair.sync()
    await pair.set_user(ada, surname="Byron")
    second = await tried("--user", "ada@contoso.com")
    assert second["userName"]["sent"] == "nothing: it is right"
    assert (second["displayName"]["has"], second["displayName"]["result"]) == ("Ada Lovelace", "Ada Byron")
    assert second["displayName"]["reads"]["surname"] == "Byron" and second["displayName"]["sent"] == "changed"
    shown = await asyncio.to_thread(shop.run, *words, "test", "app", "--user", "ada@contoso.com")
    assert 'surname="Byron"' in shown
    assert "There is no user nobody" in await asyncio.to_thread(shop.refused, *words, "test", "app", "--user", "nobody")
    assert "Say what to try" in await asyncio.to_thread(shop.refused, *words, "test", "app")


async def test_mappings_are_checked_and_judged_by_cases(pair: Pair, shop: Installation, tmp_path: Path) -> None:
    words = ("--tenant", pair.tenant.name, "app", "mappings")
    found = await asyncio.to_thread(shop.json, *words, "check", "app")
    assert not [item for item in found["findings"] if item["level"] == "error"]
    cases = tmp_path / "cases.json"
    case = {"attributes": {"userPrincipalName": "a@contoso.com"}, "expected": {"userName": "a@contoso.com"}}
    cases.write_text(json.dumps([case]))
    said = await asyncio.to_thread(shop.run, *words, "test", "app", "--cases", str(cases))
    assert "1 passed, 0 failed" in said and "No case exercises User active." in said
    await pair.mapping(lambda schema: mappings.delete_mapping(schema, "User", "active"))
    ended = await asyncio.to_thread(shop.command, *words, "check", "app")
    assert ended.code == 1 and "nobody who leaves would ever be disabled" in ended.out


async def test_the_log_is_kept_as_long_as_the_setting_says(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    async with pair.house.database.transaction() as tx:
        await tx.execute(
            "update sync_cycle set started = started - interval '366 days' where application = $1", pair.application
        )
    await pair.set_user(ada, surname="King")
    await pair.sync()
    assert {row["number"] for row in await pair.log()} == {2}
