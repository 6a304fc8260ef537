"""What a reviewer with fresh eyes found: plans that settled too much, harmed too much, or believed too much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from test_incidents import recycle, with_managers

from pair import OPS, Broken, Pair, members
from provisor.connectors.base import Resource, Stopped, Target, TargetError
from provisor.directory import applications, groups, users
from provisor.provisioning import edit as mappings
from provisor.scim.requests import Request
from provisor.sync.lease import LeaseLost
from provisor.sync.planning import Only

_PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def same(target: Target) -> Target:
    return target


class Answering:
    """A target whose writes ``answer`` may refuse before they are sent (raise), or after (return an error)."""

    def __init__(self, target: Target, answer: Callable[[Request], TargetError | None]) -> None:
        self._target, self._answer = target, answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    async def send(self, request: Request) -> Resource | None:
        after = self._answer(request)
        done = await self._target.send(request)
        if after is not None:
            raise after
        return done


async def _patch(pair: Pair, path: str, *operations: dict[str, Any]) -> None:
    status, said = await pair.call("PATCH", path, {"schemas": [_PATCH], "Operations": list(operations)})
    assert status in (200, 204), said


def _add(*ids: str) -> dict[str, Any]:
    return {"op": "add", "path": "members", "value": [{"value": item} for item in ids]}


async def _rename(pair: Pair, group: Any, name: str) -> None:
    async with pair.edit() as work:
        await groups.change(work, await groups.find(work.tx, pair.tenant, str(group)), {"displayName": name})


# ── partial plans settle what they did, and no more ──────────────────────────────────────────────────────────────


async def test_a_leaver_who_waits_is_not_forgotten_by_a_revert(pair: Pair) -> None:
    bob = await pair.user("bob", surname="Ross")
    await pair.sync()
    await pair.set_user(bob, surname="Rossi")
    number = (await pair.sync()).cycle.number
    await pair.set_user(bob, accountEnabled="False")
    await pair.cycle(same, revert=number)
    await pair.sync()
    assert (await pair.account("bob"))["active"] is False


async def test_members_who_wait_to_be_removed_are_not_forgotten_by_a_revert(standard: Pair) -> None:
    pair = standard
    ada, bob = await pair.user("ada"), await pair.user("bob")
    team = await pair.group("Eng", ada, bob)
    await pair.sync()
    await _rename(pair, team, "Eng2")
    number = (await pair.sync()).cycle.number
    async with pair.edit() as work:
        await groups.remove_members(work, [(team, bob, "User")])
    await pair.sync(lambda request: "lost" if "/Groups" in request.path else None)
    await pair.cycle(same, revert=number)
    await pair.sync()
    found = await pair.team("Eng") or await pair.team("Eng2")
    assert (await pair.account("bob"))["id"] not in members(found)


async def test_the_other_members_of_a_group_on_demand_stay_due(pair: Pair) -> None:
    ada, carol, dave = [await pair.user(name) for name in ("ada", "carol", "dave")]
    team = await pair.group("Eng", ada, carol)
    await pair.sync()
    async with pair.edit() as work:
        await groups.remove_members(work, [(team, carol, "User")])
        await groups.add_members(work, [(team, dave, "User")])
    await pair.cycle(same, only=Only(groups=(str(team),), members=frozenset({str(dave)})))
    await pair.sync()
    assert (await pair.account("carol"))["id"] not in members(await pair.team("Eng"))


async def test_a_row_about_members_does_not_settle_a_rename_that_failed(standard: Pair) -> None:
    pair = standard
    team = await pair.group("Eng", await pair.user("ada"))
    await pair.sync()
    _, stranger = await pair.call("POST", "/Users", {"userName": "local@contoso.com"})
    await _patch(pair, f"/Groups/{(await pair.team('Eng'))['id']}", _add(stranger["id"]))
    await _rename(pair, team, "Eng2")
    lost = lambda request: "lost" if request.method == "PATCH" and "/Groups" in request.path else None  # noqa: E731
    await pair.cycle(lambda target: Broken(target, lost), full=True)
    await pair.sync()
    assert await pair.team("Eng2") is not None


# ── the guard counts what was done ───────────────────────────────────────────────────────────────────────────────


async def test_a_disable_that_fails_again_and_again_is_one_leaver(pair: Pair) -> None:
    people = [await pair.user(f"u{number}") for number in range(25)]
    await pair.sync()
    first = await pair.account("u0")
    await pair.set_user(people[0], accountEnabled="False")

    def broken(request: Request) -> TargetError | None:
        if request.method == "PATCH" and request.path.endswith("/" + first["id"]):
            raise TargetError("PATCH was answered 500", status=500, unclear=True)
        return None

    for _ in range(9):
        assert (await pair.cycle(lambda target: Answering(target, broken))).status == "done"
    await pair.set_user(people[1], accountEnabled="False")
    await pair.cycle(lambda target: Answering(target, broken))
    assert (await pair.account("u1"))["active"] is False


async def test_what_a_stopped_cycle_did_not_do_counts_for_nothing(pair: Pair) -> None:
    people = [await pair.user(f"u{number}") for number in range(25)]
    await pair.sync()
    for person in people[:4]:
        await pair.set_user(person, accountEnabled="False")

    def stopped(request: Request) -> TargetError | None:
        raise Stopped

    assert (await pair.cycle(lambda target: Answering(target, stopped))).status == "stopped"
    assert (await pair.sync()).status == "done"


# ── answers are taken for what they are ──────────────────────────────────────────────────────────────────────────


async def test_a_member_who_is_gone_already_keeps_nobody_else_in_the_group(standard: Pair) -> None:
    pair = standard
    ada, bob, cyd = [await pair.user(name) for name in ("ada", "bob", "cyd")]
    team = await pair.group("Eng", ada, bob, cyd)
    await pair.sync()
    path = f"/Groups/{(await pair.team('Eng'))['id']}"
    gone, left = (await pair.account("ada"))["id"], (await pair.account("bob"))["id"]
    await _patch(pair, path, {"op": "remove", "path": f'members[value eq "{gone}"]'})
    async with pair.edit() as work:
        await groups.remove_members(work, [(team, ada, "User"), (team, bob, "User")])

    def strict(request: Request) -> TargetError | None:
        if request.method == "PATCH" and gone in str(request.body):
            raise TargetError("PATCH was answered 400: noTarget", status=400)
        return None

    assert (await pair.cycle(lambda target: Answering(target, strict))).failures == 0
    assert left not in members(await pair.team("Eng"))
    assert (await pair.cycle(lambda target: Answering(target, strict))).counts == {}


async def test_an_account_that_the_target_protects_stops_nobody_else(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    protected = (await pair.account("ada"))["id"]
    await pair.set_user(ada, accountEnabled="False")
    await pair.user("joiner")

    def strict(request: Request) -> TargetError | None:
        if request.method == "PATCH" and request.path.endswith(f"/{protected}"):
            raise TargetError("PATCH was answered 403: this user is protected", status=403)
        return None

    result = await pair.cycle(lambda target: Answering(target, strict))
    assert (result.status, result.failures) == ("done", 1)
    assert await pair.account("joiner") is not None


async def test_a_target_that_forbids_everything_quarantines_at_once(pair: Pair) -> None:
    for number in range(40):
        await pair.user(f"u{number}")
    sent = []

    def strict(request: Request) -> TargetError | None:
        sent.append(request)
        raise TargetError("POST was answered 403", status=403)

    result = await pair.cycle(lambda target: Answering(target, strict))
    assert result.status == "quarantined" and len(sent) < 40


@pytest.mark.parametrize("status", [503, 524])
async def test_a_create_that_a_gateway_answered_for_is_looked_for(pair: Pair, status: int) -> None:
    from provisor.connectors.base import Exchange
    from provisor.connectors.http import Answer
    from provisor.connectors.scim import _error

    ada = await pair.user("ada")
    answer = Answer(status, None, Exchange("POST", "x", status))

    def late(request: Request) -> TargetError | None:
        return _error(answer, "POST /Users", wrote=True) if request.method == "POST" else None

    await pair.cycle(lambda target: Answering(target, late))
    await pair.unassign(ada)
    for _ in range(2):
        await pair.sync()
    assert (await pair.account("ada"))["active"] is False


async def test_who_takes_an_account_over_clears_what_was_given_before_although_an_answer_is_lost(pair: Pair) -> None:
    await pair.mapping(lambda document: mappings.add_mapping(document, "User", "title", attribute="jobTitle"))
    old = await pair.user("ada", jobTitle="Chief Executive")
    await pair.sync()
    await recycle(pair, old)
    await pair.sync()
    await pair.user("ada")
    await pair.sync(lambda request: "lost" if request.method == "PATCH" else None)
    await pair.sync()
    assert "title" not in await pair.account("ada")


async def test_an_account_that_was_made_again_gets_its_manager_again(standard: Pair) -> None:
    pair = standard
    await with_managers(pair)
    await pair.user("boss")
    ada = await pair.user("ada", manager="boss@contoso.com")
    await pair.sync()
    await pair.call("DELETE", f"/Users/{(await pair.account('ada'))['id']}")
    await pair.cycle(same, full=True)
    await pair.call("POST", "/Users", {"userName": "ada@contoso.com"})
    await pair.cycle(same, only=Only(users=(str(ada),)))
    await pair.sync()
    assert (await pair.account("ada"))[_ENTERPRISE]["manager"]["value"] == (await pair.account("boss"))["id"]


# ── strangers, reverts, other places ─────────────────────────────────────────────────────────────────────────────


async def test_members_made_by_hand_are_removed_within_the_guard_and_never_the_tokens_owner(standard: Pair) -> None:
    pair = standard
    await pair.policies(drift={"members": "overwrite"})
    await pair.group("Eng", *[await pair.user(f"p{number}") for number in range(20)])
    await pair.sync()
    owner = (await pair.account(OPS))["id"]
    made = [(await pair.call("POST", "/Users", {"userName": f"x{number}@contoso.com"}))[1]["id"] for number in range(6)]
    await _patch(pair, f"/Groups/{(await pair.team('Eng'))['id']}", _add(owner, *made))
    result = await pair.cycle(same, full=True)
    assert result.status == "quarantined" and result.held is not None
    result = await pair.cycle(same, full=True, release=result.hash)
    found = members(await pair.team("Eng"))
    assert owner in found and not found & set(made)


async def test_who_is_adopted_by_the_same_plan_is_no_stranger(standard: Pair) -> None:
    pair = standard
    await pair.policies(drift={"members": "overwrite"})
    team = await pair.group("Eng", await pair.user("ada"))
    await pair.sync()
    _, account = await pair.call("POST", "/Users", {"userName": "bob@contoso.com"})
    await _patch(pair, f"/Groups/{(await pair.team('Eng'))['id']}", _add(account["id"]))
    bob = await pair.user("bob")
    async with pair.edit() as work:
        await groups.add_members(work, [(team, bob, "User")])
    sent: list[Request] = []

    def record(request: Request) -> TargetError | None:
        sent.append(request)
        return None

    await pair.cycle(lambda target: Answering(target, record), full=True)
    assert not any("remove" in str(request.body) for request in sent)
    assert account["id"] in members(await pair.team("Eng"))


async def test_a_revert_takes_back_only_the_account_that_the_cycle_made(standard: Pair) -> None:
    pair = standard
    ada = await pair.user("ada")
    number = (await pair.sync()).cycle.number
    await pair.call("DELETE", f"/Users/{(await pair.account('ada'))['id']}")
    await pair.cycle(same, full=True)
    await pair.call("POST", "/Users", {"userName": "ada@contoso.com", "title": "made by hand"})
    await pair.cycle(same, only=Only(users=(str(ada),)))
    assert (await pair.cycle(same, revert=number)).counts == {"refuse": 1}
    assert await pair.account("ada") is not None


async def test_a_revert_spares_the_tokens_owner(pair: Pair) -> None:
    await pair.user("ada")
    number = (await pair.sync()).cycle.number
    account = await pair.account("ada")
    async with pair.edit() as work:
        before = await applications.locked(work, pair.application)
        learned = {**before.capabilities, "owner_id": account["id"], "owner_name": "ada@contoso.com"}
        await applications.save(work, before, replace(before, capabilities=learned), "another owner")
    await pair.cycle(same, revert=number)
    assert await pair.account("ada") is not None


async def test_a_revert_makes_no_second_group_of_one_that_is_back(standard: Pair) -> None:
    pair = standard
    team = await pair.group("Eng", await pair.user("ada"))
    await pair.sync()
    await pair.unassign(team)
    number = (await pair.sync()).cycle.number
    await _rename(pair, team, "Eng2")
    await pair.assign(team)
    await pair.sync()
    result = await pair.cycle(same, revert=number)
    assert "create" not in result.counts
    assert await pair.team("Eng") is None and len(members(await pair.team("Eng2"))) == 1


async def test_a_plan_is_of_one_target_and_done_at_no_other(pair: Pair, standard: Pair) -> None:
    await pair.user("ada")
    plan = await pair.plan()
    await pair.connect(standard.base, standard.token)
    assert (await pair.cycle(same, promised=plan.hash)).status == "failed"
    assert await standard.account("ada") is None


async def test_a_promised_name_that_is_a_strangers_keeps_nobody_from_an_account(pair: Pair) -> None:
    await pair.mapping(lambda d: mappings.add_mapping(d, "User", "externalId", attribute="objectId"))
    ada = await pair.user("ada")
    await pair.sync(lambda request: "lost" if request.method == "POST" else None)
    assert (await pair.known(ada)).intent is not None
    await pair.call("POST", "/Users", {"userName": "ada@contoso.com", "externalId": "somebody else's"})
    assert (await pair.sync()).counts == {"refuse": 1}, "of another source"
    await pair.set_user(ada, userPrincipalName="eve@contoso.com")
    assert (await pair.sync()).counts == {"create": 1}
    assert (await pair.account("eve"))["active"]
    assert (await pair.account("ada"))["externalId"] == "somebody else's"
    assert (await pair.sync()).counts == {}


async def test_a_promised_name_that_is_a_strangers_is_no_account_of_a_leaver(pair: Pair) -> None:
    await pair.mapping(lambda d: mappings.add_mapping(d, "User", "externalId", attribute="objectId"))
    ada = await pair.user("ada")
    await pair.sync(lambda request: "lost" if request.method == "POST" else None)
    await pair.call("POST", "/Users", {"userName": "ada@contoso.com", "externalId": "somebody else's"})
    await pair.unassign(ada)
    assert (await pair.sync()).counts == {}
    assert (await pair.known(ada)).intent is None
    assert (await pair.account("ada"))["active"]


async def test_whoever_wakes_up_after_the_lease_takes_back_the_second_account(
    standard: Pair,
) -> None:
    """Paused between its last look at the lease and the request: its successor has made the account, and renamed it."""
    ada = await standard.user("ada")
    made: list[str] = []

    class Paused:
        def __init__(self, target: Target) -> None:
            self._target = target

        def __getattr__(self, name: str) -> Any:
            return getattr(self._target, name)

        async def send(self, request: Request) -> Resource | None:
            if request.method != "POST":
                return await self._target.send(request)
            async with standard.house.database.transaction() as tx:
                await tx.execute("update sync_job set lease_until = now() where application = $1", standard.application)
            await standard.sync()
            async with standard.edit() as work:
                await users.change(work, ada, {"userPrincipalName": "countess@contoso.com"})
            await standard.sync()
            self._target.before_each(_anything)
            answer = await self._target.send(request)
            assert answer is not None
            made.append(str(answer["id"]))
            return answer

    with pytest.raises(LeaseLost):
        await standard.cycle(Paused)
    assert len(made) == 1
    assert await standard.account("ada") is None
    kept = await standard.account("countess")
    assert kept["active"] and kept["id"] not in made
    assert (await standard.sync()).status == "done"
    assert (await standard.sync()).empty


async def _anything(_: bool) -> None:
    """What was asked before the pause."""
