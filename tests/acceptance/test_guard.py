"""A plan that would take away too much is held before its first write, and goes through when somebody names it."""

from __future__ import annotations

import asyncio
from uuid import UUID

from installation import Installation
from pair import Pair


async def crowd(pair: Pair, count: int) -> list[UUID]:
    """So many people, provisioned."""
    await pair.connect(pair.base, pair.token)
    people = [await pair.user(f"p{number}") for number in range(count)]
    assert (await pair.sync()).status == "done"
    return people


async def active(pair: Pair) -> int:
    _, found = await pair.call("GET", "/Users", params={"filter": 'active eq true and userName sw "p"'})
    return int(found["totalResults"])


async def test_too_many_leavers_are_held_and_released_by_name(pair: Pair, shop: Installation) -> None:
    people = await crowd(pair, 24)
    for identity in people[:6]:
        await pair.unassign(identity)
    plan = await pair.plan()
    assert plan.held is not None and "6 accounts, more than 20 % of 24" in plan.held
    before = await pair.everything()
    result = await pair.sync()
    assert result.status == "quarantined" and "Nothing was sent" in str(result.error)
    assert f"--release {result.hash[:12]}" in str(result.error) and result.hash == plan.hash
    assert await pair.everything() == before
    shown = await asyncio.to_thread(shop.command, "--tenant", pair.tenant.name, "plan", "app")
    assert "disable user 6; 6 writes held by the guard: nothing would be sent." in shown.out.splitlines()[0]
    words = ("--tenant", pair.tenant.name, "sync", "app", "--release")
    assert "8 characters" in await asyncio.to_thread(shop.refused, *words, "1234")
    # Another plan than the one that is held is nobody's release.
    assert "holds the plan" in await asyncio.to_thread(shop.refused, *words, "0" * 12)
    assert await active(pair) == 24
    assert "Quarantine" not in await asyncio.to_thread(shop.run, "--tenant", pair.tenant.name, "app", "test", "app")
    await asyncio.to_thread(shop.run, *words, result.hash[:12])
    assert await active(pair) == 18
    state = await asyncio.to_thread(shop.json, "--tenant", pair.tenant.name, "app", "show", "app")
    assert state["quarantine"] is None
    # What was released does not count for what comes after it.
    await pair.unassign(people[6])
    assert (await pair.sync()).status == "done"


async def test_small_steps_count_together_for_a_day(pair: Pair) -> None:
    people = await crowd(pair, 24)
    for identity in people[:4]:
        await pair.unassign(identity)
    assert (await pair.sync()).status == "done"
    await pair.unassign(people[4])
    result = await pair.sync()
    assert result.status == "quarantined" and "1 account after 4 in the last 24 hours" in str(result.error)
    # Whoever comes back makes it small again, and it goes on by itself.
    await pair.assign(people[4])
    assert (await pair.sync()).status == "done" and await active(pair) == 20


async def test_an_emptied_group_is_held_like_its_members(pair: Pair) -> None:
    people = await crowd(pair, 24)
    group = await pair.group("Crew", *people)
    await pair.sync()
    async with pair.edit() as work:
        from provisor.directory import groups

        await groups.remove_members(work, [(group, identity, "User") for identity in people])
    result = await pair.sync()
    assert result.status == "quarantined" and "24 accounts" in str(result.error)


async def test_the_limits_are_settings_and_who_sets_them_is_audited(pair: Pair, shop: Installation) -> None:
    people = await crowd(pair, 24)
    for identity in people[:6]:
        await pair.unassign(identity)
    words = ("--tenant", pair.tenant.name)
    assert "0 (no guard) to 100" in await asyncio.to_thread(
        shop.refused, *words, "app", "set", "app", "--guard-percent", "101"
    )
    await asyncio.to_thread(shop.run, *words, "app", "set", "app", "--guard-percent", "30")
    rows = await asyncio.to_thread(shop.json, *words, "audit", "list", "--what", "application app", "--limit", "1")
    assert (rows[0]["before"], rows[0]["after"]) == ({"guardPercent": 20}, {"guardPercent": 30})
    assert (await pair.sync()).status == "done" and await active(pair) == 18


async def test_few_accounts_are_nobodys_mass(pair: Pair) -> None:
    people = await crowd(pair, 5)
    for identity in people[:4]:
        await pair.unassign(identity)
    assert (await pair.sync()).status == "done" and await active(pair) == 1


async def test_an_empty_source_is_held_however_small_it_was(pair: Pair) -> None:
    people = await crowd(pair, 5)
    for identity in people:
        await pair.unassign(identity)
    result = await pair.sync()
    assert result.status == "quarantined" and "5 accounts, all that there are" in str(result.error)
    assert await active(pair) == 5
    assert (await pair.cycle(lambda target: target, release=result.hash)).status == "done" and await active(pair) == 0


async def test_whoever_is_in_a_group_that_is_deleted_counts(pair: Pair) -> None:
    people = await crowd(pair, 24)
    team = await pair.group("Team", *people[:10])
    await pair.sync()
    await pair.unassign(team)
    plan = await pair.plan()
    assert plan.counts == {"delete": 1} and "11 accounts, more than 20 % of 25" in str(plan.held)
