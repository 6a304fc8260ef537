"""Groups in groups, flattened: who is anywhere below an assigned group is in scope, and a member of it."""

from __future__ import annotations

from uuid import UUID

from pair import Pair, members
from provisor.directory import groups


async def _names(pair: Pair, team: str) -> set[str]:
    found = members(await pair.team(team))
    _, people = await pair.call("GET", "/Users")
    return {person["userName"].partition("@")[0] for person in people["Resources"] if person["id"] in found}


async def _put(pair: Pair, group: UUID, member: UUID, kind: str) -> None:
    async with pair.edit() as work:
        await groups.add_members(work, [(group, member, kind)])


async def _take(pair: Pair, group: UUID, member: UUID, kind: str) -> None:
    async with pair.edit() as work:
        await groups.remove_members(work, [(group, member, kind)])


async def test_whoever_is_below_comes_and_goes_with_every_change_on_the_way(pair: Pair) -> None:
    ada, bob, eve = [await pair.user(name, assigned=False) for name in ("ada", "bob", "eve")]
    top = await pair.group("Top", ada)
    middle = await pair.group("Middle", bob, assigned=False)
    low = await pair.group("Low", eve, assigned=False)
    await _put(pair, top, middle, "Group")
    await _put(pair, middle, low, "Group")
    await pair.sync()
    assert await pair.account("eve") is None, "by default only direct members are in scope"
    await pair.policies(nested="flatten")
    await pair.sync()
    assert await _names(pair, "Top") == {"ada", "bob", "eve"}
    assert await pair.team("Middle") is None, "only assigned groups are groups at the target"
    # Somebody joins two levels down, and is there with the next cycle, which looks at no more than it must.
    joan = await pair.user("joan", assigned=False)
    await _put(pair, low, joan, "User")
    result = await pair.sync()
    assert result.kinds == {"create user": 1, "add members": 1}
    assert await _names(pair, "Top") == {"ada", "bob", "eve", "joan"}
    # A whole branch is cut off.
    await _take(pair, middle, low, "Group")
    await pair.sync()
    assert await _names(pair, "Top") == {"ada", "bob"}
    assert [(await pair.account(name))["active"] for name in ("bob", "eve", "joan")] == [True, False, False]
    assert (await pair.sync()).counts == {}
    assert (await pair.plan()).empty


async def test_groups_that_contain_each_other_are_no_trap(pair: Pair) -> None:
    await pair.policies(nested="flatten")
    ada, bob = [await pair.user(name, assigned=False) for name in ("ada", "bob")]
    one, two = await pair.group("One", ada), await pair.group("Two", bob)
    await _put(pair, one, two, "Group")
    await _put(pair, two, one, "Group")
    await pair.sync()
    assert await _names(pair, "One") == await _names(pair, "Two") == {"ada", "bob"}
    await _take(pair, one, two, "Group")
    await pair.sync()
    assert (await _names(pair, "One"), await _names(pair, "Two")) == ({"ada"}, {"ada", "bob"})
    assert (await pair.sync()).counts == {}
