"""Fourteen known issues and limitations of Entra ID's provisioning, each as it is here."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

from test_stop import Slow

from pair import Pair, members
from provisor.access.roles import may
from provisor.directory import applications, groups, tenants, users
from provisor.provisioning import edit
from provisor.sync import control
from provisor.sync.schedule import due

_MANAGER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def _listed(document: Any, name: str, kind: str = "String", **columns: Any) -> Any:
    """The document with an attribute on its list, whether it was there or not."""
    with contextlib.suppress(edit.Conflict):
        document = edit.add_attribute(document, "User", name, kind=kind)
    return edit.set_attribute(document, "User", name, **columns) if columns else document


async def test_01_a_manager_who_comes_into_scope_later_is_set_then(standard: Pair) -> None:
    pair = standard
    name = f"{_MANAGER}:manager"
    await pair.mapping(lambda d: edit.add_mapping(_listed(d, name, "Reference"), "User", name, attribute="manager"))
    boss = await pair.user("boss", assigned=False)
    await pair.user("ada", manager=str(boss))
    await pair.sync()
    assert _MANAGER not in await pair.account("ada")
    await pair.assign(boss)
    await pair.sync()
    assert (await pair.account("ada"))[_MANAGER]["manager"]["value"] == (await pair.account("boss"))["id"]


async def test_02_a_member_who_comes_into_scope_later_joins_the_group(pair: Pair) -> None:
    """Of a group whose own members are not in scope by it: they fail a filter, and pass it later."""
    from provisor.provisioning import edit_object
    from provisor.provisioning.filters import parse_clause

    clauses = [parse_clause("department EQUALS Sales", "User")]
    await pair.mapping(lambda d: edit_object.add_filter(d, "User", "Sales", clauses))
    ada = await pair.user("ada", department="Buying", assigned=False)
    await pair.group("Engineering", ada)
    await pair.sync()
    assert members(await pair.team("Engineering")) == set()
    await pair.set_user(ada, department="Sales")
    await pair.sync()
    assert members(await pair.team("Engineering")) == {(await pair.account("ada"))["id"]}


async def test_03_a_value_that_is_cleared_in_the_directory_is_cleared_at_the_target(pair: Pair) -> None:
    await pair.mapping(lambda d: edit.add_mapping(d, "User", "title", attribute="jobTitle"))
    ada = await pair.user("ada", jobTitle="Countess")
    await pair.sync()
    await pair.set_user(ada, jobTitle="")
    await pair.sync()
    assert "title" not in await pair.account("ada")


async def test_04_special_characters_in_what_is_matched_on(standard: Pair) -> None:
    pair = standard
    await pair.mapping(lambda d: edit.add_mapping(d, "User", "externalId", attribute="employeeId", precedence=2))
    for number, odd in enumerate(('O"Neill', "a\\b", "50% & more", "ü#+?=/", "it's (1)")):
        await pair.call("POST", "/Users", {"userName": f"there{number}@contoso.com", "externalId": odd})
        await pair.user(f"p{number}", employeeId=odd)
        result = await pair.sync()
        assert (result.failures, result.counts) == (0, {"update": 1}), odd
        assert (await pair.account(f"p{number}"))["externalId"] == odd


async def test_05_nested_groups_count_when_somebody_says_so(pair: Pair) -> None:
    await pair.policies(nested="flatten")
    ada = await pair.user("ada", assigned=False)
    inner = await pair.group("Inner", ada, assigned=False)
    outer = await pair.group("Outer")
    async with pair.edit() as work:
        await groups.add_members(work, [(outer, inner, "Group")])
    await pair.sync()
    assert members(await pair.team("Outer")) == {(await pair.account("ada"))["id"]}


async def test_06_from_sync_all_to_assigned_without_a_restart(pair: Pair) -> None:
    from dataclasses import replace

    await pair.user("ada")
    await pair.user("bob", assigned=False)
    for scope, active in (("all", True), ("assigned", False)):
        async with pair.edit() as work:
            before = await applications.locked(work, pair.application)
            await applications.save(work, before, replace(before, scope=scope), "scope")
        await pair.sync()
        assert (await pair.account("bob"))["active"] is active
    assert (await pair.account("ada"))["active"] is True


async def test_07_stop_means_stop(pair: Pair) -> None:
    for number in range(90):
        await pair.user(f"p{number}")
    began, told, slow = asyncio.Event(), asyncio.Event(), []

    def wrap(target: Any) -> Any:
        slow.append(Slow(target, began, told))
        return slow[0]

    task = asyncio.create_task(pair.cycle(wrap))
    await began.wait()
    async with pair.edit() as work:
        await control.switch(work, pair.application, "Off")
    told.set()
    result = await task
    assert (result.status, slow[0].sent < 90) == ("stopped", True)


def test_08_the_interval_is_configurable() -> None:
    now = datetime.now(UTC)
    row = {"last_cycle": now - timedelta(minutes=6), "now": now, "quarantine": None, "initial": False, "retries": 0}
    row |= {"seq": 7, "watermark": 7, "resting": False, "leavers": False, "refused": 0, "schedule": None}
    assert due(row, timedelta(minutes=5)) == "time" and due(row, timedelta(minutes=40)) is None
    # What changed waits for no interval at all.
    assert due({**row, "seq": 8}, timedelta(minutes=40)) == "change"


async def test_09_changes_at_the_target_are_noticed_and_named(pair: Pair) -> None:
    ada = await pair.user("ada", surname="Lovelace")
    await pair.sync()
    account = await pair.account("ada")
    operations = [{"op": "replace", "path": "displayName", "value": "Countess"}]
    await pair.call("PATCH", f"/Users/{account['id']}", {"Operations": operations})
    assert (await pair.cycle(lambda target: target, full=True)).counts == {"drift": 1}
    assert "was changed at the target" in (await pair.log(ada))[0]["reason"]


async def test_10_who_may_only_read_reads_the_configuration(pair: Pair) -> None:
    ada = await pair.user("ada")
    async with pair.edit() as work:
        await tenants.give_role(work, ada, "Global Reader")
    reader = await tenants.actor(pair.house.database, pair.tenant, "ada@contoso.com")
    assert may(reader, "application.read", pair.application)
    assert not may(reader, "provisioning.write", pair.application)
    assert not may(reader, "provisioning.run", pair.application)


async def test_11_extension_attributes_take_several_values_and_are_replaced_as_a_whole(standard: Pair) -> None:
    pair = standard
    urn = "urn:ietf:params:scim:schemas:extension:contoso:2.0:User"
    field = {"name": "teams", "type": "string", "multiValued": True, "mutability": "readWrite"}
    await pair.extend({"id": urn, "name": "Contoso", "attributes": [field]})
    name = f"{urn}:teams"
    await pair.mapping(
        lambda d: edit.add_mapping(
            _listed(d, name, multi_valued=True), "User", name, expression='Split([department], ",")'
        )
    )
    ada = await pair.user("ada", department="red,green")
    await pair.sync()
    assert sorted((await pair.account("ada"))[urn]["teams"]) == ["green", "red"]
    await pair.set_user(ada, department="green,blue")
    await pair.sync()
    assert sorted((await pair.account("ada"))[urn]["teams"]) == ["blue", "green"], "nothing piles up"


async def test_12_reactivation_restores_memberships(pair: Pair) -> None:
    ada, bob = await pair.user("ada"), await pair.user("bob")
    await pair.group("Engineering", ada, bob)
    await pair.sync()
    before = members(await pair.team("Engineering"))
    async with pair.edit() as work:
        await users.recycle(work, ada)
    await pair.sync()
    assert members(await pair.team("Engineering")) < before
    async with pair.edit() as work:
        await users.restore(work, ada)
    await pair.sync()
    assert members(await pair.team("Engineering")) == before
    assert (await pair.account("ada"))["active"] is True


async def test_13_a_configuration_that_is_rolled_back_shows_a_plan_first(pair: Pair) -> None:
    before = (await pair.app()).schema
    await pair.user("ada", mailNickname="adal", surname="Lovelace")
    await pair.sync()
    await pair.mapping(lambda d: edit.edit_mapping(d, "User", "displayName", attribute="mailNickname"))
    await pair.sync()
    async with pair.house.job(pair.tenant, pair.application, read_only=True, schema=before) as job:
        from provisor.sync.cycle import dry_run

        planned = await dry_run(job, lambda stage, done, total: None, everything=True)
    assert planned.counts == {"update": 1}
    assert (await pair.account("ada"))["displayName"] == "adal", "the plan of a rollback writes nothing"


async def test_14_who_was_unassigned_first_and_deleted_later_is_deleted(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    await pair.unassign(ada)
    await pair.sync()
    assert (await pair.account("ada"))["active"] is False
    async with pair.edit() as work:
        await users.recycle(work, ada)
        await users.purge(work, ada)
    await pair.sync()
    assert await pair.account("ada") is None
