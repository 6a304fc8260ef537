"""Scenarios in which somebody once kept access, lost it, or was forgotten between two steps of a cycle."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from installation import Installation
from pair import OPS, Broken, Pair, members
from provisor.compose import House
from provisor.connectors.base import Target, TargetError
from provisor.directory import applications, assignments, groups, importer, users
from provisor.provisioning import edit as mappings
from provisor.refusal import Conflict
from provisor.scim.requests import Request
from provisor.storage.queries import queries
from provisor.sync import cycle
from provisor.sync.leavers import how_many
from provisor.sync.schedule import due
from provisor.workspace import edit as workspace_edit
from provisor.workspace import groups as teams
from provisor.workspace import tokens
from provisor.workspace import users as accounts


def unheard(method: str) -> Callable[[Request], str | None]:
    """Requests of this method are done, and their answers are lost."""
    return lambda request: "unheard" if request.method == method else None


def lost(method: str) -> Callable[[Request], str | None]:
    """Requests of this method never arrive."""
    return lambda request: "lost" if request.method == method else None


def every_mapping(object_type: str | None = None, **values: Any) -> Callable[[Any], Any]:
    """Sets fields of the object mappings."""

    def change(document: Any) -> Any:
        changed = copy.deepcopy(document)
        for mapping in changed["synchronizationRules"][0]["objectMappings"]:
            if object_type in (None, mapping["sourceObjectName"]):
                mapping.update(values)
        return changed

    return change


async def set_application(pair: Pair, **values: Any) -> None:
    async with pair.edit() as work:
        before = await applications.locked(work, pair.application)
        await applications.save(work, before, replace(before, **values), "configure")


async def recycle(pair: Pair, identity: UUID) -> None:
    async with pair.edit() as work:
        await users.recycle(work, identity)


async def purge(pair: Pair, identity: UUID) -> None:
    async with pair.edit() as work:
        if not (await users.find(work.tx, pair.tenant, str(identity))).recycled:
            await users.recycle(work, identity)
        await users.purge(work, identity)


async def join(pair: Pair, team: UUID, *people: UUID, kind: str = "User") -> None:
    async with pair.edit() as work:
        await groups.add_members(work, [(team, person, kind) for person in people])


async def leave(pair: Pair, team: UUID, *people: UUID, kind: str = "User") -> None:
    async with pair.edit() as work:
        await groups.remove_members(work, [(team, person, kind) for person in people])


async def set_active(pair: Pair, identity: str, active: bool) -> None:
    """As somebody does by hand at the target."""
    operations = [{"op": "replace", "path": "active", "value": active}]
    await pair.call("PATCH", f"/Users/{identity}", {"Operations": operations})


async def rename_by_hand(pair: Pair, name: str) -> None:
    account = await pair.account("ada")
    operations = [{"op": "replace", "path": "displayName", "value": name}]
    await pair.call("PATCH", f"/Users/{account['id']}", {"Operations": operations})


# ── one account, one person ──────────────────────────────────────────────────────────────────────────────────────


async def test_who_is_hired_again_gets_the_account_and_keeps_it(pair: Pair) -> None:
    old = await pair.user("ada")
    await pair.sync()
    await recycle(pair, old)
    await pair.sync()
    new = await pair.user("ada", surname="Second")
    await pair.sync()
    account = await pair.account("ada")
    assert (account["active"], account["displayName"]) == (True, "Ada Second")
    assert ((await pair.known(old)).target_id, (await pair.known(new)).target_id) == (None, account["id"])
    assert "who is gone" in (await pair.log(new))[0]["reason"]
    await purge(pair, old)
    assert (await pair.sync()).counts == {}
    assert (await pair.account("ada"))["active"] is True


async def test_who_is_hired_again_at_once_is_not_locked_out(pair: Pair) -> None:
    old = await pair.user("ada")
    await pair.sync()
    await recycle(pair, old)
    new = await pair.user("ada")
    assert (await pair.sync()).counts == {"disable": 1, "refuse": 1}
    assert "it is another object's" in (await pair.log(new))[0]["reason"]
    await pair.sync()
    assert (await pair.account("ada"))["active"] is True
    assert (await pair.known(new)).linked


async def test_two_groups_of_one_name_do_not_get_each_others_members(pair: Pair) -> None:
    ada, bob = await pair.user("ada"), await pair.user("bob")
    one, two = await pair.group("Team", ada), await pair.group("Team", bob)
    for _ in range(3):
        await pair.sync()
    linked = [await pair.known(group) for group in (one, two)]
    assert sorted(known.linked for known in linked) == [False, True]
    assert len(members(await pair.team("Team"))) == 1


async def test_two_people_of_one_matching_value_do_not_share_an_account(pair: Pair) -> None:
    await pair.mapping(lambda document: mappings.edit_mapping(document, "User", "userName", attribute="mail"))
    ada = await pair.user("ada", mail="shared@contoso.com")
    bob = await pair.user("bob", mail="Shared@contoso.com")
    for _ in range(3):
        await pair.sync()
    assert sorted([(await pair.known(ada)).linked, (await pair.known(bob)).linked]) == [False, True]


async def test_a_group_that_is_made_again_is_made_again_at_the_target(pair: Pair) -> None:
    ada = await pair.user("ada")
    team = await pair.group("Engineering", ada)
    await pair.sync()
    async with pair.edit() as work:
        await groups.delete(work, await groups.find(work.tx, pair.tenant, str(team)))
    again = await pair.group("Engineering", ada)
    for _ in range(2):
        await pair.sync()
    found = await pair.team("Engineering")
    assert (await pair.known(again)).target_id == found["id"]
    assert members(found) == {(await pair.account("ada"))["id"]}


# ── what is configured while a cycle runs or waits ───────────────────────────────────────────────────────────────


async def test_a_scope_that_changes_while_a_cycle_waits_counts(pair: Pair) -> None:
    await pair.user("ada", assigned=False)
    await set_application(pair, scope="all")
    await pair.sync()
    ledger = pair.house.ledger(pair.tenant, pair.application)
    epoch = await ledger.take("other", 30)
    assert epoch is not None
    waiting = asyncio.Event()
    task = asyncio.create_task(pair.cycle(lambda target: target, waiting=waiting.set))
    await waiting.wait()
    await set_application(pair, scope="assigned")
    await ledger.give_back(epoch)
    await task
    await pair.sync()
    assert (await pair.account("ada"))["active"] is False


async def test_a_mapping_that_changes_while_a_cycle_runs_is_applied_after_it(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await pair.user("ada", jobTitle="Countess")
    await pair.sync()
    await pair.set_user(ada, surname="King")
    real, once = cycle._plan, []

    async def plan(job: Any, run: Any, *rest: Any, **more: Any) -> None:
        if run.cycle.mode == "cycle" and not once:
            once.append(1)
            await pair.mapping(lambda document: mappings.add_mapping(document, "User", "title", attribute="jobTitle"))
            await pair.plan()
        await real(job, run, *rest, **more)

    monkeypatch.setattr(cycle, "_plan", plan)
    await pair.sync()
    await pair.sync()
    account = await pair.account("ada")
    assert (account["title"], account["displayName"]) == ("Countess", "Ada King")


async def test_a_restart_while_an_initial_cycle_runs_is_not_forgotten(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pair.user("ada", surname="Lovelace")
    real, once = cycle.apply, []

    async def apply(*args: Any) -> Any:
        done = await real(*args)
        if not once:
            once.append(1)
            await rename_by_hand(pair, "Somebody")
            await pair.restart()
            await pair.plan()
        return done

    monkeypatch.setattr(cycle, "apply", apply)
    await pair.sync()
    assert (await pair.sync()).cycle.kind == "initial"
    assert (await pair.account("ada"))["displayName"] == "Ada Lovelace"


async def test_a_group_that_comes_back_while_it_is_deleted_is_made_again(pair: Pair) -> None:
    ada = await pair.user("ada")
    team = await pair.group("Engineering", ada)
    await pair.sync()
    await pair.unassign(team)

    class Hook(Broken):
        async def send(self, request: Request) -> Any:
            answer = await self._target.send(request)
            if request.method == "DELETE":
                await pair.assign(team)
                await pair.plan()
            return answer

    await pair.cycle(lambda target: Hook(target, lambda _: None))
    await pair.sync()
    assert members(await pair.team("Engineering")) == {(await pair.account("ada"))["id"]}


async def test_a_dry_run_hides_nobody_from_the_scheduler(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    await set_application(pair, provisioning="On")
    try:
        await pair.sync()
        await pair.unassign(ada)
        await pair.plan()
        async with pair.house.database.reading() as tx:
            row = await tx.fetchrow(queries("applications").running, pair.application)
        assert due(row, timedelta(minutes=30)) is not None
        await pair.sync()
        async with pair.house.database.reading() as tx:
            row = await tx.fetchrow(queries("applications").running, pair.application)
        assert due(row, timedelta(minutes=30)) is None
    finally:
        await set_application(pair, provisioning="Off")


# ── answers that are lost ────────────────────────────────────────────────────────────────────────────────────────


async def test_who_leaves_after_an_unheard_re_enable_is_disabled(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    await pair.unassign(ada)
    await pair.sync()
    await pair.assign(ada)
    await pair.sync(unheard("PATCH"))
    await pair.unassign(ada)
    assert (await pair.sync()).counts == {"disable": 1}
    assert (await pair.account("ada"))["active"] is False


async def test_who_leaves_after_the_server_was_stopped_in_the_middle_is_disabled(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    await pair.unassign(ada)
    await pair.sync()
    await pair.assign(ada)
    sent = asyncio.Event()

    class Hook(Broken):
        async def send(self, request: Request) -> Any:
            answer = await self._target.send(request)
            sent.set()
            await asyncio.sleep(60)
            return answer

    task = asyncio.create_task(pair.cycle(lambda target: Hook(target, lambda _: None)))
    await sent.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await pair.unassign(ada)
    await pair.sync()
    assert (await pair.account("ada"))["active"] is False


async def test_a_member_whose_adding_was_not_heard_can_leave_again(pair: Pair) -> None:
    ada = await pair.user("ada")
    team = await pair.group("Engineering")
    await pair.sync()
    await join(pair, team, ada)
    assert (await pair.sync(unheard("PATCH"))).failures == 1
    await leave(pair, team, ada)
    assert (await pair.sync()).counts == {"remove members": 1}
    assert members(await pair.team("Engineering")) == set()


async def test_a_member_of_a_part_that_was_added_can_leave_again(pair: Pair) -> None:
    people = [await pair.user(f"p{number}") for number in range(101)]
    team = await pair.group("Engineering")
    await pair.sync()
    await join(pair, team, *people)
    patches: list[Request] = []

    def second(request: Request) -> str | None:
        if request.method == "PATCH":
            patches.append(request)
        return "lost" if len(patches) == 2 else None

    assert (await pair.sync(second)).failures == 1
    inside = members(await pair.team("Engineering"))
    first = [person for person in people if (await pair.known(person)).target_id in inside][0]  # noqa: RUF015 (async)
    await leave(pair, team, first)
    await pair.sync()
    found = members(await pair.team("Engineering"))
    assert (len(found), (await pair.known(first)).target_id in found) == (100, False)


async def test_a_conflict_with_the_account_that_an_unheard_create_made_keeps_the_promise(pair: Pair) -> None:
    class Lagging(Broken):
        async def find(self, *_: Any) -> Any:
            return []

    ada = await pair.user("ada")
    await pair.sync(unheard("POST"))
    await pair.cycle(lambda target: Lagging(target, lambda _: None))
    assert (await pair.known(ada)).intent is not None
    await pair.unassign(ada)
    await pair.sync()
    assert (await pair.account("ada"))["active"] is False


async def test_a_promise_that_the_target_refuses_is_given_up(pair: Pair) -> None:
    """What was promised must not be repeated for ever when it is the value itself that is refused."""
    ada = await pair.user("ada", surname="x" * 20)
    await pair.sync(lost("POST"))

    class Refusing(Broken):
        async def send(self, request: Request) -> Any:
            if request.method == "POST":
                raise TargetError("POST /Users was answered 400", status=400)
            return await self._target.send(request)

    await pair.cycle(lambda target: Refusing(target, lambda _: None))
    assert (await pair.known(ada)).intent is None
    await pair.set_user(ada, surname="Lovelace")
    await pair.sync()
    assert (await pair.account("ada"))["displayName"] == "Ada Lovelace"


async def test_a_lookup_that_failed_in_an_initial_cycle_is_made_up_for(pair: Pair) -> None:
    await pair.user("ada", surname="Lovelace")
    await pair.sync()
    await rename_by_hand(pair, "Somebody")
    await pair.restart()

    class Hook(Broken):
        async def get(self, *_: Any) -> Any:
            raise TargetError("500", status=500)

    assert (await pair.cycle(lambda target: Hook(target, lambda _: None))).counts == {"refuse": 1}
    await pair.sync()
    assert (await pair.account("ada"))["displayName"] == "Ada Lovelace"


# ── groups ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_group_is_not_let_go_before_its_members_are_removed(pair: Pair) -> None:
    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        await teams.add(work, "Engineering")
    team = await pair.group("Engineering", await pair.user("ada"))
    await pair.sync()
    await pair.unassign(team)
    result = await pair.sync(lambda request: "lost" if request.path.startswith("/Groups") else None)
    assert result.failures == 2
    await pair.sync()
    assert members(await pair.team("Engineering")) == set()
    assert await pair.known(team) is None or not (await pair.known(team)).linked


async def test_a_group_that_stays_at_the_target_leaves_its_parent(standard: Pair) -> None:
    async with workspace_edit.edit(standard.house.database, standard.workspace, standard.actor) as work:
        child = await teams.add(work, "Inner")
    inner, outer = await standard.group("Inner"), await standard.group("Outer")
    await join(standard, outer, inner, kind="Group")
    await standard.sync()
    assert members(await standard.team("Outer")) == {child.id}
    await leave(standard, outer, inner, kind="Group")
    await standard.unassign(inner)
    await standard.sync()
    assert members(await standard.team("Outer")) == set()
    assert await standard.team("Inner") is not None


async def test_a_member_who_is_gone_at_the_target_keeps_nobody_else_out(pair: Pair) -> None:
    ada, bob = await pair.user("ada"), await pair.user("bob")
    team = await pair.group("Engineering")
    await pair.sync()
    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        await accounts.remove(work, "ada@contoso.com")
    await join(pair, team, ada, bob)
    result = await pair.sync()
    assert result.failures == 1
    assert members(await pair.team("Engineering")) == {(await pair.account("bob"))["id"]}
    assert any("1 members were not taken" in (row["message"] or "") for row in await pair.log(team))


async def test_a_group_that_left_the_scope_and_stays_gets_no_members(pair: Pair) -> None:
    await pair.mapping(every_mapping(flowTypes="Add,Update"))
    team = await pair.group("Engineering")
    await pair.sync()
    await pair.unassign(team)
    bob = await pair.user("bob", assigned=False, accountEnabled="False")
    await join(pair, team, bob)
    await pair.sync()
    await pair.set_user(bob, accountEnabled="True")
    await pair.assign(bob)
    await pair.sync()
    assert members(await pair.team("Engineering")) == set()


# ── leavers ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_is_purged_while_the_object_mapping_is_disabled_is_deleted_later(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    await pair.mapping(every_mapping("User", enabled=False))
    await purge(pair, ada)
    await pair.sync()
    await pair.mapping(every_mapping("User", enabled=True))
    await pair.sync()
    assert await pair.account("ada") is None


async def test_who_is_purged_without_delete_is_disabled(pair: Pair) -> None:
    await pair.mapping(every_mapping(flowTypes="Add,Update"))
    ada = await pair.user("ada")
    await pair.sync()
    await purge(pair, ada)
    assert (await pair.sync()).counts == {"disable": 1}
    assert (await pair.account("ada"))["active"] is False


async def test_a_mapping_that_fails_keeps_nobody_from_being_disabled(pair: Pair) -> None:
    await pair.mapping(lambda document: mappings.edit_mapping(document, "User", "displayName", attribute="otherMails"))
    ada = await pair.user("ada", otherMails=["a@x.example"])
    await pair.sync()
    await pair.set_user(ada, otherMails=["a@x.example", "b@x.example"], accountEnabled="False")
    assert (await pair.sync()).counts == {"disable": 1}
    assert (await pair.account("ada"))["active"] is False


async def test_a_pattern_that_takes_too_long_concerns_one_person(pair: Pair) -> None:
    clause = {
        "sourceOperandName": "department",
        "operatorName": "REGEX MATCH",
        "targetOperand": {"values": ["^Sales$|^(.*?,){11}P(.*,)+(.+)+x$"]},
    }
    await pair.mapping(every_mapping("User", scope={"groups": [{"name": "f", "clauses": [clause]}]}))
    await pair.user("ada", department="Sales")
    bob = await pair.user("bob", department="Sales")
    await pair.sync()
    await pair.unassign(bob)
    await pair.user("eve", department="1,2,3,4,5,6,7,8,9,10,11,P" + "a,b,c," * 12)
    assert (await pair.sync()).counts == {"disable": 1, "refuse": 1}
    assert (await pair.account("bob"))["active"] is False


async def test_who_was_found_closed_already_is_opened_again_on_return(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    account = await pair.account("ada")
    operations = [{"op": "replace", "path": "active", "value": False}]
    await pair.call("PATCH", f"/Users/{account['id']}", {"Operations": operations})
    await pair.unassign(ada)
    await pair.restart()
    assert (await pair.sync()).counts == {}
    assert (await pair.known(ada)).state == "disabled"
    await pair.assign(ada)
    assert (await pair.sync()).counts == {"update": 1}
    assert (await pair.account("ada"))["active"] is True


async def test_another_admins_token_ends_the_refusal_to_disable_the_first_one(pair: Pair) -> None:
    ops = await pair.user(OPS, assigned=False)
    await pair.assign(ops, force=True)
    await pair.sync()
    await pair.unassign(ops)
    assert (await pair.sync()).counts == {"refuse": 1}
    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        await accounts.add(work, "second@contoso.com", {}, admin=True)
        owner = await accounts.find(work.tx, pair.workspace, "second@contoso.com")
        token = (await tokens.create(work, owner)).value
    await pair.connect(pair.base, token)
    assert (await pair.sync()).counts == {"disable": 1}
    async with pair.house.database.reading() as tx:
        assert (await accounts.find(tx, pair.workspace, OPS)).active is False


async def test_a_leaver_whose_disabling_fails_is_tried_every_five_minutes(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    await pair.unassign(ada)
    for _ in range(7):
        await pair.sync(lost("PATCH"))
    question = "select extract(epoch from next_try - now()) from sync_object where source_id = $1"
    async with pair.house.database.reading() as tx:
        assert await tx.fetchval(question, ada) <= 301
    assert (await pair.sync()).counts == {"disable": 1}


# ── found by a second look ───────────────────────────────────────────────────────────────────────────────────────

_MANAGER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"


async def with_managers(pair: Pair) -> None:
    await pair.mapping(lambda d: mappings.add_mapping(d, "User", _MANAGER, attribute="manager"))


async def would_be_due(pair: Pair) -> bool:
    """As the running query says, without switching the application on (the shared server would run it)."""
    sql = queries("applications").running
    text = str(sql).replace("a.provisioning = 'On' and ", "")
    async with pair.house.database.reading() as tx:
        row = await tx.fetchrow(text, pair.application)
    return due(row, timedelta(minutes=30)) is not None


async def test_a_manager_that_is_set_does_not_hide_an_unheard_re_enable(standard: Pair) -> None:
    await with_managers(standard)
    await standard.user("boss")
    ada = await standard.user("ada")
    await standard.sync()
    await standard.unassign(ada)
    await standard.sync()
    await standard.set_user(ada, manager="boss@contoso.com")
    await standard.assign(ada)
    first: list[int] = []

    def one(request: Any) -> str | None:
        if request.method == "PATCH" and not first:
            first.append(1)
            return "unheard"
        return None

    await standard.sync(one)
    await standard.unassign(ada)
    await standard.sync()
    assert (await standard.account("ada"))["active"] is False


@pytest.mark.parametrize("failing", ["read", "write"])
async def test_a_manager_who_was_set_by_hand_stays_whatever_else_fails(standard: Pair, failing: str) -> None:
    """Somebody who could not be read or written is looked at again; of a manager nothing was sent that is in doubt."""
    await with_managers(standard)
    await standard.policies(wire="entra")
    boss, ada = await standard.user("boss"), await standard.user("ada")
    await standard.sync()
    by_hand = {"op": "add", "path": _MANAGER, "value": (await standard.known(boss)).target_id}
    patch = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [by_hand]}
    await standard.call("PATCH", f"/Users/{(await standard.known(ada)).target_id}", patch)

    class Hook(Broken):
        async def get(self, *asked: Any) -> Any:
            if failing == "read":
                raise TargetError("GET was answered 500", status=500)
            return await self._target.get(*asked)

        async def send(self, request: Any) -> Any:
            raise TargetError("PATCH was answered 500", status=500, unclear=True)

    for surname in ("King", "Queen"):
        await standard.set_user(ada, surname=surname)
        await standard.cycle(lambda target: Hook(target, lambda _: None))
    assert (await standard.known(ada)).unsettled
    assert "update references" not in (await standard.sync()).counts
    account = await standard.account("ada")
    assert account["displayName"] == "Ada Queen"
    assert account[_MANAGER.rpartition(":")[0]]["manager"]["value"] == (await standard.known(boss)).target_id


async def test_a_manager_that_was_not_heard_is_taken_away_again(standard: Pair) -> None:
    await with_managers(standard)
    await standard.user("boss")
    ada = await standard.user("ada")
    await standard.sync()
    await standard.set_user(ada, manager="boss@contoso.com")
    await standard.sync(lambda request: "unheard" if request.method == "PATCH" else None)
    assert "manager" in (await standard.account("ada"))[_MANAGER.rpartition(":")[0]]
    await standard.set_user(ada, manager="")
    assert (await standard.sync()).counts == {"update references": 1}
    assert "manager" not in (await standard.account("ada")).get(_MANAGER.rpartition(":")[0], {})


async def test_an_account_that_is_taken_over_during_a_restart_has_one_owner(pair: Pair) -> None:
    old = await pair.user("ada")
    await pair.sync()
    await recycle(pair, old)
    await pair.sync()
    new = await pair.user("ada")
    await pair.restart()
    await pair.sync()
    await pair.restart()
    for _ in range(2):
        await pair.sync()
    linked = [(await pair.known(old)).linked, (await pair.known(new)).linked]
    assert (linked, (await pair.account("ada"))["active"]) == ([False, True], True)


async def test_an_account_that_was_taken_over_survives_the_purge_of_its_first_owner(pair: Pair) -> None:
    old = await pair.user("ada")
    await pair.sync()
    await recycle(pair, old)
    await pair.sync()
    await pair.user("ada")
    await pair.restart()
    await pair.sync()
    await purge(pair, old)
    await pair.sync()
    assert await pair.account("ada") is not None


async def test_who_leaves_after_an_unheard_adoption_of_a_closed_account_is_disabled(pair: Pair) -> None:
    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        await accounts.add(work, "ada@contoso.com", {})
    acc = await pair.account("ada")
    await pair.call(
        "PATCH", f"/Users/{acc['id']}", {"Operations": [{"op": "replace", "path": "active", "value": False}]}
    )
    ada = await pair.user("ada")
    await pair.sync(unheard("PATCH"))
    assert (await pair.account("ada"))["active"] is True
    await pair.unassign(ada)
    await pair.sync()
    assert (await pair.account("ada"))["active"] is False


async def test_who_leaves_after_an_unheard_takeover_is_disabled(pair: Pair) -> None:
    old = await pair.user("ada")
    await pair.sync()
    await recycle(pair, old)
    await pair.sync()
    new = await pair.user("ada")
    await pair.sync(unheard("PATCH"))
    await pair.unassign(new)
    for _ in range(2):
        await pair.sync()
    assert (await pair.account("ada"))["active"] is False


async def test_who_takes_an_account_over_inherits_no_membership(pair: Pair) -> None:
    old = await pair.user("ada")
    await pair.group("Secret", old)
    await pair.sync()
    await recycle(pair, old)

    def f(request: Any) -> str | None:
        return "lost" if request.path.startswith("/Groups") else None

    await pair.sync(f)
    await pair.user("ada")
    for _ in range(3):
        await pair.sync()
    await pair.restart()
    await pair.sync()
    assert members(await pair.team("Secret")) == set()


async def test_who_takes_an_account_over_inherits_no_attributes(pair: Pair) -> None:
    await pair.mapping(lambda d: mappings.add_mapping(d, "User", "title", attribute="jobTitle"))
    old = await pair.user("ada", jobTitle="Chief Executive")
    await pair.sync()
    await recycle(pair, old)
    await pair.sync()
    await pair.user("ada")
    await pair.sync()
    await pair.restart()
    await pair.sync()
    assert "title" not in await pair.account("ada")


async def test_a_member_whose_removal_was_not_heard_can_join_again(pair: Pair) -> None:
    ada = await pair.user("ada")
    team = await pair.group("Engineering", ada)
    await pair.sync()
    await leave(pair, team, ada)
    await pair.sync(unheard("PATCH"))
    await join(pair, team, ada)
    for _ in range(2):
        await pair.sync()
    assert len(members(await pair.team("Engineering"))) == 1


async def test_somebody_refused_for_good_keeps_no_cycle_busy(standard: Pair) -> None:
    await with_managers(standard)
    await standard.mapping(lambda d: mappings.add_mapping(d, "User", "title", attribute="otherMails"))
    await standard.user("boss")
    ada = await standard.user("ada")
    await standard.sync()
    await standard.set_user(ada, manager="boss@contoso.com", otherMails=["a@x.example", "b@x.example"])
    for _ in range(4):
        await standard.sync(backed_off=False)
    assert not await would_be_due(standard)


async def test_a_purged_token_owner_keeps_no_cycle_busy(pair: Pair) -> None:
    ops = await pair.user(OPS, assigned=False)
    await pair.assign(ops, force=True)
    await pair.sync()
    await purge(pair, ops)
    for _ in range(3):
        await pair.sync(backed_off=False)
    assert not await would_be_due(pair)


async def test_a_purged_person_who_cannot_be_looked_up_keeps_no_cycle_busy(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync(unheard("POST"))
    await purge(pair, ada)

    class Hook(Broken):
        async def find(self, *_: Any) -> Any:
            raise TargetError("500", status=500)

    for _ in range(3):
        await pair.cycle(lambda t: Hook(t, lambda _: None), backed_off=False)
    assert not await would_be_due(pair)


async def test_a_disabled_mapping_forgets_no_promise(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync(unheard("POST"))
    await pair.mapping(every_mapping("User", enabled=False))
    await pair.sync()
    await pair.unassign(ada)
    await pair.mapping(every_mapping("User", enabled=True))
    await pair.sync()
    assert (await pair.account("ada"))["active"] is False


async def test_a_lost_create_claims_no_reserved_group(pair: Pair) -> None:
    ada = await pair.user("ada")
    team = await pair.group("Team", ada)
    await pair.sync(lambda r: "lost" if r.method == "POST" and r.path == "/Groups" else None)
    async with pair.edit() as work:
        await groups.change(work, await groups.find(work.tx, pair.tenant, str(team)), {"displayName": "admins"})
    for _ in range(2):
        await pair.sync()
    assert (await pair.account("ada"))["id"] not in members(await pair.team("admins"))


async def test_a_lost_create_claims_no_foreign_account(pair: Pair) -> None:
    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        await accounts.add(work, "svc@contoso.com", {})
    ada = await pair.user("ada")
    await pair.sync(lost("POST"))
    await pair.set_user(ada, userPrincipalName="svc@contoso.com")
    await pair.unassign(ada)
    await pair.sync()
    assert (await pair.account("svc"))["active"] is True


async def test_a_group_whose_deletion_was_not_heard_can_come_back(pair: Pair) -> None:
    ada = await pair.user("ada")
    team = await pair.group("Engineering", ada)
    await pair.sync()
    await pair.unassign(team)
    await pair.sync(unheard("DELETE"))
    await pair.assign(team)
    for _ in range(3):
        await pair.sync()
    assert await pair.team("Engineering") is not None


async def test_the_looks_for_a_promised_account_begin_with_leaving(pair: Pair) -> None:
    class Lagging(Broken):
        async def find(self, *_: Any) -> Any:
            return []

        async def send(self, request: Any) -> Any:
            if request.method == "POST":
                if not sent:
                    sent.append(1)
                    await self._target.send(request)
                raise TargetError("504", status=504, unclear=True)
            return await self._target.send(request)

    sent: list[int] = []
    ada = await pair.user("ada")
    for _ in range(6):
        await pair.cycle(lambda t: Lagging(t, lambda _: None))
    await pair.unassign(ada)
    await pair.cycle(lambda t: Lagging(t, lambda _: None))
    await pair.sync()
    assert (await pair.account("ada"))["active"] is False


async def test_who_is_restored_by_an_import_is_in_their_groups_again(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.group("Engineering", ada)
    await pair.sync()
    await recycle(pair, ada)
    await pair.sync()
    assert members(await pair.team("Engineering")) == set()
    async with pair.edit() as work:
        await importer.import_files(work, [("p.csv", b"userPrincipalName,IsSoftDeleted\nada@contoso.com,False\n")])
    for _ in range(2):
        await pair.sync()
    assert (await pair.account("ada"))["active"] is True
    assert len(members(await pair.team("Engineering"))) == 1


async def test_who_is_recycled_by_an_import_leaves_their_groups(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.group("Engineering", ada)
    await pair.sync()
    async with pair.edit() as work:
        await importer.import_files(work, [("p.csv", b"userPrincipalName,IsSoftDeleted\nada@contoso.com,True\n")])
    for _ in range(2):
        await pair.sync()
    assert len(members(await pair.team("Engineering"))) == 0


async def test_purging_a_manager_and_changing_a_report_do_not_wait_for_each_other(pair: Pair) -> None:
    boss = await pair.user("boss")
    ada = await pair.user("ada", manager="boss@contoso.com")

    async def slow() -> None:
        async with pair.edit() as work:
            await users.change(work, ada, {"jobTitle": "X"})
            await asyncio.sleep(0.5)

    task = asyncio.create_task(slow())
    await asyncio.sleep(0.2)
    results = await asyncio.gather(task, purge(pair, boss), return_exceptions=True)
    assert results == [None, None]


async def test_a_leaver_who_changes_during_an_initial_cycle_is_still_compared(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await pair.user("ada", surname="Lovelace")
    await pair.sync()
    await pair.unassign(ada)
    await pair.sync()
    acc = await pair.account("ada")
    await pair.call(
        "PATCH", f"/Users/{acc['id']}", {"Operations": [{"op": "replace", "path": "active", "value": True}]}
    )
    await pair.restart()
    real, once = cycle.apply, []

    async def apply(*args: Any) -> Any:
        if not once:
            once.append(1)
            await pair.set_user(ada, jobTitle="X")
        return await real(*args)

    monkeypatch.setattr(cycle, "apply", apply)
    for _ in range(2):
        await pair.sync()
    assert (await pair.account("ada"))["active"] is False


async def test_a_group_that_changes_all_the_time(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await pair.user("ada")
    others = [await pair.user(f"p{n}") for n in range(8)]
    team = await pair.group("Engineering", ada)
    await pair.sync()
    await leave(pair, team, ada)
    real = cycle.apply

    async def apply(*args: Any) -> Any:
        await join(pair, team, others.pop())
        return await real(*args)

    monkeypatch.setattr(cycle, "apply", apply)
    for _ in range(5):
        await pair.sync()
    assert (await pair.known(ada)).target_id not in members(await pair.team("Engineering"))


# ── the directory, at the same time ──────────────────────────────────────────────────────────────────────────────


async def test_an_import_enables_nobody_who_was_disabled_meanwhile(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await pair.user("ada")
    real, others = importer._set_managers, []

    async def slow(*args: Any) -> None:
        await real(*args)
        others.append(asyncio.create_task(pair.set_user(ada, accountEnabled="False")))
        await asyncio.sleep(0.3)

    monkeypatch.setattr(importer, "_set_managers", slow)
    async with pair.edit() as work:
        await importer.import_files(work, [("p.csv", b"userPrincipalName,jobTitle\nada@contoso.com,Countess\n")])
    await asyncio.gather(*others)
    async with pair.house.database.reading() as tx:
        user = await users.find(tx, pair.tenant, "ada@contoso.com")
    assert (user.enabled, user.doc["jobTitle"]) == (False, "Countess")


@pytest.mark.parametrize("step", ["unassign", "delete"])
async def test_who_joins_a_group_while_it_is_taken_away_is_not_forgotten(pair: Pair, step: str) -> None:
    team = await pair.group("Engineering")
    bob = await pair.user("bob", assigned=False)
    await pair.sync()
    async with pair.edit() as work:
        item = await groups.find(work.tx, pair.tenant, str(team))
        if step == "unassign":
            await assignments.unassign(work, await pair.app(work.tx), [item])
        else:
            await groups.delete(work, item)
        joining = asyncio.create_task(join(pair, team, bob))
        await asyncio.sleep(0.3)
        assert not joining.done()
        await pair.sync()
    await asyncio.gather(joining, return_exceptions=True)
    await pair.sync()
    account = await pair.account("bob")
    assert account is None or account["active"] is False


async def test_another_target_is_said_to_need_a_full_clear(pair: Pair, shop: Installation, house: House) -> None:
    """Links are ids of the old target: after a full clear, everybody is looked up and made at the new one."""
    await pair.user("ada")
    await pair.sync()
    other = await Pair.make(shop, house)
    try:
        with pytest.raises(Conflict, match=r"app knows 1 accounts by .* --clear full\. Nothing was saved"):
            await pair.connect(other.base, other.token)
        await pair.restart(full=True)
        await pair.connect(other.base, other.token)
        await pair.sync()
        assert await other.account("ada") is not None
    finally:
        await other.close()


async def test_another_target_behind_the_links_takes_nobody_off_the_list(
    pair: Pair, shop: Installation, house: House
) -> None:
    """Ids of the old target are nobody at the new one: that everybody is gone there is no news of anybody."""
    people = [await pair.user(f"p{number}") for number in range(6)]
    await pair.sync()
    other = await Pair.make(shop, house)
    try:
        await pair.set_user(people[0], accountEnabled=False)
        await pair.house.notice_leavers(pair.tenant, pair.application)
        # Somebody says that it is the same system, and is wrong.
        await pair.connect(other.base, other.token, force=True)
        result = await pair.cycle(lambda target: target, full=True)
        assert (result.status, result.counts) == ("quarantined", {"removed": 6})
        assert "finds gone 6 accounts" in str(result.error)
        async with house.database.reading() as tx:
            assert await how_many(tx, pair.tenant.id, pair.application) == 1
        assert (await pair.known(people[1])).linked
    finally:
        await other.close()


async def test_links_with_leavers_behind_them_are_forgotten_by_force_only(pair: Pair, shop: Installation) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    # Nobody has noticed it yet.
    await pair.set_user(ada, accountEnabled=False)
    of = ("--tenant", pair.tenant.name)
    for words in (("app", "restart", "app", "--clear", "full"), ("app", "delete", "app")):
        said = await asyncio.to_thread(shop.refused, *words, *of)
        assert said.startswith("1 who left may still be active at the target of app, and nobody would know of them any")
    assert (await pair.known(ada)).linked
    assert "BAD  leavers" in (await asyncio.to_thread(shop.command, "doctor", "app", *of)).out
    await asyncio.to_thread(shop.run, "app", "restart", "app", "--clear", "full", "--force", *of)
    assert await pair.known(ada) is None or not (await pair.known(ada)).linked


class Nobody:
    """A target that is not there any more: whatever stands in its place answers everything with 404."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if name not in ("send", "get", "find", "page", "probe", "me", "schemas"):
            return found

        async def missing(*_: Any, **__: Any) -> Any:
            if name == "get":
                return None
            raise TargetError("it was answered 404", status=404, reached=True)

        return missing


@pytest.mark.parametrize("quick", [False, True])
async def test_a_target_that_knows_nobody_is_not_believed(pair: Pair, quick: bool) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    await pair.set_user(ada, accountEnabled=False)
    await pair.house.notice_leavers(pair.tenant, pair.application)
    await pair.cycle(Nobody, quick=quick)
    async with pair.house.database.reading() as tx:
        assert await how_many(tx, pair.tenant.id, pair.application) == 1
    assert (await pair.known(ada)).linked
    assert (await pair.sync()).counts == {"disable": 1}
