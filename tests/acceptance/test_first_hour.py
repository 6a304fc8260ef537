"""The portal leads from nothing to a first cycle, and stops when it is there."""

from __future__ import annotations

import re

from browser_like import signed_in
from pair import Pair
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.directory import applications, tenants


async def test_the_first_page_leads_to_the_first_cycle_and_then_stops(pair: Pair) -> None:
    link = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "admin@contoso.com")
    client = await signed_in(pair.base.partition("/w/")[0], link)
    start = f"/t/{pair.tenant.name}"

    async def following(path: str = "/") -> str:
        found = re.search(r'aria-current="step">\s*<strong><a href="([^"]*)"', (await client.get(start + path)).text)
        return found[1].removeprefix(start) if found else ""

    app = f"/applications/{pair.application}"
    assert await following() == "/users"
    ada = await pair.user("ada", assigned=False)
    assert await following() == f"{app}/users-and-groups"
    assert await following(app) == f"{app}/users-and-groups"
    await pair.group("Analysts", ada)
    assert await following() == f"{app}/plan"
    await pair.plan()
    assert await following() == f"{app}/provisioning"
    await pair.sync()
    assert await following() == ""
    assert await following(app) == ""


async def test_who_can_set_nothing_up_is_not_told_to(pair: Pair) -> None:
    ada = await pair.user("ada")
    async with pair.edit() as work:
        await tenants.give_role(work, ada, "Global Reader")
    link = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "ada@contoso.com")
    client = await signed_in(pair.base.partition("/w/")[0], link)
    assert "First steps" not in (await client.get(f"/t/{pair.tenant.name}/")).text


async def test_pages_people_groups_and_applications_are_found_by_a_part_of_their_name(pair: Pair) -> None:
    ada = await pair.user("ada", displayName="Ada Lovelace")
    team = await pair.group("Adamantine", ada)
    link = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "admin@contoso.com")
    client = await signed_in(pair.base.partition("/w/")[0], link)
    start = f"/t/{pair.tenant.name}"
    app = f"/applications/{pair.application}"

    async def found(text: str) -> list[str]:
        answered = await client.get(f"{start}/find?q={text}")
        return [path.removeprefix(start) for path in re.findall(r'<a href="([^"]*)"', answered.text)]

    assert await found("ada") == [f"/users/{ada}", f"/groups/{team}"]
    assert "/workers" in await found("work")
    async with pair.house.database.reading() as tx:
        name = (await applications.by_id(tx, pair.tenant, pair.application)).name
    assert app in await found(name)
    assert f"{app}/logs" in await found(f"{name[:4]} logs")
    assert await found("") == []
    assert "Nothing is called" in (await client.get(f"{start}/find?q=%3Cb%3E")).text


async def test_nothing_is_found_that_somebody_may_not_see(pair: Pair) -> None:
    await pair.user("ada", assigned=False)
    link = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "ada@contoso.com")
    client = await signed_in(pair.base.partition("/w/")[0], link)
    async with pair.house.database.reading() as tx:
        name = (await applications.by_id(tx, pair.tenant, pair.application)).name
    for text in ("ada", "work", "audit", name):
        assert "href" not in (await client.get(f"/t/{pair.tenant.name}/find?q={text}")).text
