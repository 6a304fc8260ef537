"""What was changed at the target: seen by a full comparison, and treated as the policies say."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from installation import Installation
from pair import Pair, members
from provisor.directory import groups
from provisor.provisioning import edit
from provisor.sync.cycle import Result
from provisor.sync.planning import Only


async def _compare(pair: Pair) -> Result:
    return await pair.cycle(lambda target: target, full=True)


async def _change(pair: Pair, name: str, **values: Any) -> None:
    account = await pair.account(name)
    operations = [{"op": "replace", "path": path, "value": value} for path, value in values.items()]
    status, said = await pair.call("PATCH", f"/Users/{account['id']}", {"Operations": operations})
    assert status == 200, said


async def test_drift_is_reported_and_left_by_default(pair: Pair) -> None:
    ada = await pair.user("ada", surname="Lovelace")
    await pair.user("bob")
    await pair.sync()
    await _change(pair, "ada", displayName="Countess")
    assert (await pair.sync()).sent == 1, "a cycle in which nothing changed asks for nobody"
    result = await _compare(pair)
    assert (result.cycle.kind, result.counts, result.requests) == ("full", {"drift": 1}, 0)
    row = (await pair.log(ada))[0]
    assert row["reason"] == "was changed at the target: displayName is 'Countess' instead of 'Ada Lovelace'"
    assert (await pair.account("ada"))["displayName"] == "Countess"
    assert (await _compare(pair)).counts == {"drift": 1}, "as long as it is so"
    # What the source says anew is sent all the same.
    await pair.set_user(ada, surname="King")
    await pair.sync()
    assert (await pair.account("ada"))["displayName"] == "Ada King"


async def test_drift_is_overwritten_adopted_or_ignored_when_somebody_says_so(pair: Pair) -> None:
    await pair.policies(drift={"displayName": "overwrite"})
    ada = await pair.user("ada", surname="Lovelace")
    await pair.sync()
    await _change(pair, "ada", displayName="Countess")
    assert (await _compare(pair)).counts == {"update": 1}
    assert (await pair.account("ada"))["displayName"] == "Ada Lovelace"

    await pair.policies(drift={"displayName": "adopt"})
    await pair.sync()
    await _change(pair, "ada", displayName="Countess")
    assert (await _compare(pair)).counts == {}
    assert (await _compare(pair)).counts == {}
    assert (await pair.account("ada"))["displayName"] == "Countess"
    await pair.set_user(ada, surname="King")
    await pair.sync()
    assert (await pair.account("ada"))["displayName"] == "Ada King"

    await pair.policies(drift={"displayName": "ignore"})
    await pair.sync()
    await _change(pair, "ada", displayName="Countess")
    assert (await _compare(pair)).counts == {}


async def test_a_leaver_who_was_let_in_again_is_shut_out_whatever_the_policy(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    await pair.unassign(ada)
    await pair.sync()
    await _change(pair, "ada", active=True)
    assert (await _compare(pair)).counts == {"disable": 1}
    assert (await pair.account("ada"))["active"] is False


async def test_members_made_by_hand_are_reported_not_removed(pair: Pair) -> None:
    ada, bob = await pair.user("ada"), await pair.user("bob")
    group = await pair.group("Engineering", ada, bob)
    await pair.sync()
    _, local = await pair.call("POST", "/Users", {"userName": "local@contoso.com"})
    team, account = await pair.team("Engineering"), await pair.account("ada")
    operations = [
        {"op": "add", "path": "members", "value": [{"value": local["id"]}]},
        {"op": "remove", "path": f'members[value eq "{account["id"]}"]'},
    ]
    await pair.call("PATCH", f"/Groups/{team['id']}", {"Operations": operations})
    result = await _compare(pair)
    assert result.counts == {"drift": 1}
    (row,) = [row for row in await pair.log(group) if row["action"] == "drift"]
    assert row["reason"] == "members were changed at the target: 1 added, 1 removed"
    assert local["id"] in members(await pair.team("Engineering"))

    await pair.policies(drift={"members": "overwrite"})
    await pair.sync()
    await pair.call("PATCH", f"/Groups/{team['id']}", {"Operations": operations})
    result = await _compare(pair)
    assert result.counts == {"add members": 1, "remove members": 1}
    everybody = {(await pair.account(name))["id"] for name in ("ada", "bob")}
    assert members(await pair.team("Engineering")) == everybody
    assert (await _compare(pair)).empty


async def test_one_of_ours_who_was_added_to_another_group_by_hand_is_a_stranger_there(pair: Pair) -> None:
    ada, bob = await pair.user("ada"), await pair.user("bob")
    await pair.group("Engineering", ada)
    await pair.group("Sales", bob)
    await pair.policies(drift={"members": "overwrite"})
    await pair.sync()
    team, account = await pair.team("Engineering"), await pair.account("bob")
    add = {"op": "add", "path": "members", "value": [{"value": account["id"]}]}
    await pair.call("PATCH", f"/Groups/{team['id']}", {"Operations": [add]})
    assert (await _compare(pair)).counts == {"remove members": 1}
    assert members(await pair.team("Engineering")) == {(await pair.account("ada"))["id"]}


async def test_every_account_is_compared_when_it_is_time(pair: Pair) -> None:
    await pair.user("ada")
    assert (await pair.sync()).cycle.kind == "initial"
    assert (await pair.sync()).cycle.kind == "incremental"
    await _pass(pair, timedelta(hours=25))
    assert (await pair.plan()).cycle.kind == "full"
    assert (await pair.sync()).cycle.kind == "full"
    assert (await pair.sync()).cycle.kind == "incremental"
    await pair.policies(full_hours=0)
    await pair.sync()
    await _pass(pair, timedelta(days=400))
    assert (await pair.sync()).cycle.kind == "incremental"


async def _pass(pair: Pair, time: timedelta) -> None:
    """As if the last full comparison had been so much earlier."""
    async with pair.house.database.transaction() as tx:
        await tx.execute(
            "update sync_job set compared = compared - $2::interval where application = $1", pair.application, time
        )


async def test_neither_settings_nor_mappings_put_right_what_is_to_be_reported(pair: Pair, shop: Installation) -> None:
    await pair.user("ada", surname="Lovelace", jobTitle="Countess")
    await pair.sync()
    await _change(pair, "ada", displayName="By hand")
    words = ("--tenant", pair.tenant.name)
    await asyncio.to_thread(
        shop.run, *words, "app", "set", "app", "--guard-percent", "30", "--drift", "displayName=report"
    )
    assert (await pair.plan()).cycle.kind == "incremental", "these make nobody due"
    await pair.mapping(lambda document: edit.add_mapping(document, "User", "title", attribute="jobTitle"))
    result = await pair.sync()
    assert (result.cycle.kind, result.counts) == ("initial", {"update": 1})
    account = await pair.account("ada")
    assert (account["title"], account["displayName"]) == ("Countess", "By hand")
    # Whoever clears the current state asks for all that differs to be put right.
    await pair.restart()
    await pair.sync()
    assert (await pair.account("ada"))["displayName"] == "Ada Lovelace"


async def test_drift_is_shown_whatever_is_done_about_it(pair: Pair, shop: Installation) -> None:
    await pair.policies(drift={"displayName": "overwrite"})
    await pair.user("ada", surname="Lovelace")
    await pair.sync()
    await _change(pair, "ada", displayName="By hand")
    ended = await asyncio.to_thread(shop.command, "--tenant", pair.tenant.name, "drift", "app")
    assert ended.code == 2 and "it says 'By hand'" in ended.out


async def test_a_rename_that_a_workspace_does_not_let_through_is_shown(pair: Pair, shop: Installation) -> None:
    group = await pair.group("Eng")
    await pair.sync()
    async with pair.edit() as work:
        await groups.change(work, await groups.by_id(work.tx, pair.tenant, group), {"displayName": "Engineering"})
    await pair.sync()
    ended = await asyncio.to_thread(shop.command, "--tenant", pair.tenant.name, "drift", "app")
    assert ended.code == 2
    assert "not taken there: Engineering displayName: it keeps 'Eng', the directory wants 'Engineering'" in ended.out


async def test_a_groups_own_drift_is_told_once_whatever_happens_to_its_members(standard: Pair) -> None:
    pair = standard
    ada, bob = await pair.user("ada"), await pair.user("bob")
    group = await pair.group("Eng", ada)
    await pair.sync()
    path = f"/Groups/{(await pair.team('Eng'))['id']}"
    await pair.call("PATCH", path, {"Operations": [{"op": "replace", "path": "displayName", "value": "By hand"}]})
    async with pair.edit() as work:
        await groups.add_members(work, [(group, bob, "User")])
    result = await _compare(pair)
    assert result.counts == {"drift": 1, "add members": 1}
    rows = [row for row in await pair.log(group) if row["detail"].get("drift")]
    assert [row["action"] for row in rows] == ["drift"]


# ── managers ─────────────────────────────────────────────────────────────────────────────────────────────────────

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
MANAGER = f"{ENTERPRISE}:manager"


async def _ada_of_boss(pair: Pair) -> tuple[Any, dict[str, str]]:
    """Ada, whose manager is Boss, and not Other; and the target ids of all three."""
    await pair.mapping(lambda d: edit.add_mapping(d, "User", MANAGER, attribute="manager"))
    await pair.user("boss")
    await pair.user("other")
    ada = await pair.user("ada", manager="boss@contoso.com")
    await pair.sync()
    return ada, {name: (await pair.account(name))["id"] for name in ("ada", "boss", "other")}


async def _manager(pair: Pair) -> str | None:
    found = (await pair.account("ada")).get(ENTERPRISE, {}).get("manager")
    return found["value"] if found else None


async def _by_hand(pair: Pair, account: str, manager: str | None) -> None:
    operation = {"op": "replace" if manager else "remove", "path": MANAGER} | ({"value": manager} if manager else {})
    status, said = await pair.call("PATCH", f"/Users/{account}", {"Operations": [operation]})
    assert status in (200, 204), said


class Deaf:
    """A target that answers a change of one attribute with the account as it was."""

    def __init__(self, target: Any, attribute: str = MANAGER) -> None:
        self._target, self._attribute = target, attribute

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    async def send(self, request: Any) -> Any:
        if self._attribute in str(request.body):
            return await self._target.get("User", request.path.rpartition("/")[2])
        return await self._target.send(request)


async def test_a_manager_is_compared_as_any_attribute(standard: Pair, shop: Installation) -> None:
    ada, ids = await _ada_of_boss(standard)
    await _by_hand(standard, ids["ada"], ids["other"])
    assert (await _compare(standard)).counts == {"drift": 1}, "it is reported by default"
    (told,) = (row["reason"] for row in await standard.log(ada) if row["action"] == "drift")
    assert told == f"the manager at the target is {ids['other']!r} instead of {ids['boss']!r}: 'boss@contoso.com'"
    told_by = await asyncio.to_thread(shop.command, "--tenant", standard.tenant.name, "drift", "app")
    assert f"changed there: ada@contoso.com {MANAGER}: {told}\n" in told_by.out
    assert await _manager(standard) == ids["other"]
    await standard.policies(drift={MANAGER: "ignore"})
    assert (await _compare(standard)).counts == {}
    await standard.policies(drift={MANAGER: "overwrite"})
    assert (await _compare(standard)).counts == {"update references": 1}
    assert await _manager(standard) == ids["boss"]
    await _by_hand(standard, ids["ada"], None)
    assert (await _compare(standard)).counts == {"update references": 1}, "nor is it taken away"
    assert await _manager(standard) == ids["boss"]
    assert (await _compare(standard)).counts == {}


async def test_a_manager_whom_the_directory_does_not_have_is_not_ours(standard: Pair) -> None:
    ada, ids = await _ada_of_boss(standard)
    await standard.policies(drift={"*": "overwrite"})
    await _by_hand(standard, ids["boss"], ids["other"])
    await standard.set_user(ada, manager="")
    await standard.sync()
    await _by_hand(standard, ids["ada"], ids["other"])
    assert (await _compare(standard)).counts == {}
    assert await _manager(standard) == ids["other"]


async def test_a_manager_that_was_not_taken_is_named_and_tried_again_when_all_is_compared(standard: Pair) -> None:
    ada, ids = await _ada_of_boss(standard)
    await standard.set_user(ada, manager="other@contoso.com")
    assert (await standard.cycle(Deaf)).counts == {"update references": 1}
    messages = [row["message"] for row in await standard.log(ada) if row["action"] == "update references"]
    assert messages[0] == f"the target keeps {MANAGER} {ids['boss']!r} instead of {ids['other']!r}"
    await standard.set_user(ada, surname="King")
    assert (await standard.sync()).counts == {"update": 1}, "it is not said in every cycle"
    assert (await standard.cycle(Deaf, full=True)).counts == {"update references": 1}
    assert (await _compare(standard)).counts == {"update references": 1}, "nobody changed it at the target"
    assert await _manager(standard) == ids["other"]
    assert (await _compare(standard)).counts == {}


async def test_what_the_target_does_not_take_is_not_said_to_be_the_directorys(
    standard: Pair, shop: Installation
) -> None:
    ada, ids = await _ada_of_boss(standard)
    await standard.set_user(ada, manager="other@contoso.com", surname="King")
    await standard.cycle(lambda target: Deaf(Deaf(target), "displayName"))
    ended = await asyncio.to_thread(shop.command, "--tenant", standard.tenant.name, "drift", "app")
    assert ended.code == 2
    told = [line.strip() for line in ended.out.splitlines()[1:]]
    assert "not done yet" not in ended.out
    doctor = await asyncio.to_thread(shop.command, "--tenant", standard.tenant.name, "doctor", "app", "ada@contoso.com")
    assert "The target did not take that; only a full comparison asks it again." in doctor.out
    assert told[:2] == [
        "not taken there: ada@contoso.com displayName: it keeps 'Ada', the directory wants 'Ada King'",
        f"not taken there: ada@contoso.com {MANAGER}: "
        f"the manager at the target is {ids['boss']!r} instead of {ids['other']!r}: 'other@contoso.com'",
    ]


async def test_a_manager_is_named_unless_that_is_redacted(standard: Pair) -> None:
    ada, ids = await _ada_of_boss(standard)
    (said,) = (row["reason"] for row in await standard.log(ada) if row["action"] == "update references")
    assert said == "has another manager: 'boss@contoso.com'"
    await standard.mapping(lambda d: edit.edit_mapping(d, "User", MANAGER, expression="Redact([manager])"))
    await standard.set_user(ada, manager="other@contoso.com")
    await standard.sync()
    await _by_hand(standard, ids["ada"], ids["boss"])
    await _compare(standard)
    said = {row["action"]: row["reason"] for row in reversed(await standard.log(ada))}
    assert said["update references"] == "has another manager"
    assert "[Redacted]" in said["drift"] and not any(value in said["drift"] for value in (*ids.values(), "@"))


async def test_a_manager_that_was_not_taken_away_stays_ours_to_clear(standard: Pair) -> None:
    ada, ids = await _ada_of_boss(standard)
    await standard.set_user(ada, manager="")
    assert (await standard.cycle(Deaf)).counts == {"update references": 1}
    assert await _manager(standard) == ids["boss"]
    await standard.set_user(ada, surname="King")
    assert (await standard.sync()).counts == {"update": 1}
    assert (await _compare(standard)).counts == {"update references": 1}
    assert await _manager(standard) is None
    assert (await _compare(standard)).counts == {}


async def test_a_report_is_told_of_a_manager_with_another_account(standard: Pair) -> None:
    _, ids = await _ada_of_boss(standard)
    await standard.call("DELETE", f"/Users/{ids['boss']}")
    compared = await _compare(standard)
    assert compared.counts["removed"] == 1
    boss = next(row["source_id"] for row in await standard.log() if row["action"] == "removed")
    await standard.cycle(lambda target: target, only=Only(users=(str(boss),)))
    assert (await standard.account("boss"))["id"] != ids["boss"]
    assert await _manager(standard) == (await standard.account("boss"))["id"]
