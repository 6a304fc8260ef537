"""Naming people in the portal: they are suggested while one types; a manager is set and taken away."""

from __future__ import annotations

import re
from html import unescape

import pytest
import pytest_asyncio

from browser_like import Client, signed_in
from installation import Installation
from pair import Pair
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.directory import users
from provisor.refusal import NotFound


@pytest_asyncio.fixture
async def portal(shop: Installation, pair: Pair) -> Client:
    link = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "admin@contoso.com")
    return await signed_in(shop.url, link)


def options(text: str) -> list[str]:
    return [unescape(value) for value in re.findall(r'<option value="([^"]*)"', text)]


async def test_people_are_suggested_and_groups_where_they_may_be_meant(portal: Client, pair: Pair) -> None:
    await pair.user("ada", displayName="Ada Lovelace")
    await pair.group("Adagio & Co")
    path = f"/t/{pair.tenant.name}/users/suggest"
    # As what-if and on demand ask it.
    assert options((await portal.get(f"{path}?user=ada", HX_Request="true")).text) == ["ada@contoso.com"]
    of_a_group = f"{path}?field=member&groups=1&member=ada"
    assert options((await portal.get(of_a_group, HX_Request="true")).text) == ["ada@contoso.com", "Adagio & Co"]
    assert options((await portal.get(f"{path}?field=manager&manager=lovelace", HX_Request="true")).text) == [
        "ada@contoso.com"
    ]


async def test_a_manager_is_set_and_taken_away(portal: Client, pair: Pair) -> None:
    ada, bob = await pair.user("ada"), await pair.user("bob")
    page = f"/t/{pair.tenant.name}/users/{bob}"
    assert "Manager" in (await portal.get(page)).text
    await portal.post(f"{page}/manager", {"manager": "ADA@contoso.com"})
    shown = (await portal.get(page)).text
    assert f'href="/t/{pair.tenant.name}/users/{ada}">ada@contoso.com</a>' in shown
    assert 'name="manager" value="ada@contoso.com"' in shown
    for name, sentence in (("nobody@contoso.com", "There is no user nobody"), ("bob@contoso.com", "own manager")):
        assert sentence in (await portal.post(f"{page}/manager", {"manager": name})).text
    await portal.post(f"{page}/manager", {"manager": ""})
    assert 'name="manager" value=""' in (await portal.get(page)).text


async def test_a_group_that_shares_its_name_says_so(portal: Client, pair: Pair) -> None:
    team = await pair.group("Crew")
    start = f"/t/{pair.tenant.name}/groups"
    said = "Another group is called {}, too"

    async def after(path: str, **fields: str) -> str:
        return (await portal.get((await portal.post(path, {"description": "", **fields})).where)).text

    made = await after(start, displayName="Staff")
    assert "The group Staff is created." in made and "Another group" not in made
    assert said.format("Staff") in await after(start, displayName="staff")
    assert "2 other groups are called Staff, too" in await after(f"{start}/{team}", displayName="Staff")
    assert "Another group" not in await after(f"{start}/{team}", displayName="Crew")


async def test_a_check_of_a_file_names_whom_it_is_about(portal: Client, pair: Pair) -> None:
    ada = await pair.user("ada", surname="Lovelace")
    await pair.group("Crew")

    async def check(*lines: str) -> list[str]:
        path = f"/t/{pair.tenant.name}/users/import/check"
        answered = await portal.post(path, {"content": "\n".join(lines)}, HX_Request="true")
        return [unescape(item) for item in re.findall(r"<li>(.*?)</li>", answered.text)]

    assert await check("userPrincipalName,surname,displayName", "ada@contoso.com,King,Ada", "bob@contoso.com,,Bob") == [
        "change user ada@contoso.com: displayName, surname",
        "create user bob@contoso.com",
    ]
    assert await check("group,member", "Crew,ada@contoso.com") == ["add member group Crew: ada@contoso.com"]
    assert await check(
        "userPrincipalName,displayName", *(f"p{number:03}@contoso.com,P {number}" for number in range(101))
    ) == [*(f"create user p{number:03}@contoso.com" for number in range(100)), "and 1 more"]
    async with pair.house.database.reading() as tx:
        assert (await users.find(tx, pair.tenant, "ada@contoso.com")).id == ada
        with pytest.raises(NotFound):
            await users.find(tx, pair.tenant, "bob@contoso.com")
