"""Members page by page, direct ones and everybody through groups in a group: complete, in order, each with the way; and
a page of a large group costs a page."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from pair import Pair
from provisor.access.actors import PROVISOR
from provisor.directory import groups as directory_groups
from provisor.workspace import edit as workspace_edit
from provisor.workspace import groups, members, nesting, users
from provisor.workspace.edit import QUERIES

MANY = 600
NESTED = {"Top": ["Left", "Right"], "Left": ["Shared"], "Right": ["Shared", "Crew"], "Shared": ["Crew"], "Crew": []}


async def filled(pair: Pair) -> dict[str, str]:
    """Ids by name: groups in groups, MANY people in Crew, every tenth in Left, p0007 in Top."""
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        # Ids are drawn: their order is not that of the names.
        people = await users.create_many(
            work, [{"userName": f"p{number:04}@contoso.com", "displayName": f"P {number}"} for number in range(MANY)]
        )
        made = {name: await groups.add(work, name) for name in NESTED}
        for name, children in NESTED.items():
            await groups.move(work, made[name], add=[made[child].id for child in children])
        await groups.move(work, made["Crew"], add=[person.id for person in people])
        await groups.move(work, made["Left"], add=[person.id for person in people[::10]])
        await groups.move(work, made["Top"], add=[people[7].id])
    return {name: group.id for name, group in made.items()}


async def paged(page: Any, size: int = 70) -> list[Any]:
    found: list[Any] = []
    after = ("", "")
    while rows := await page(after, size):
        found += rows
        after = rows[-1].key, rows[-1].id
    return found


@pytest.mark.parametrize("many", [1, 10**6], ids=["walked", "gathered"])
async def test_every_member_is_on_one_page_with_the_way(pair: Pair, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    ids = await filled(pair)
    monkeypatch.setattr(members, "_MANY", many)
    names = [f"p{number:04}@contoso.com" for number in range(MANY)]
    async with pair.house.database.snapshot() as tx:
        ways = await nesting.below(tx, pair.workspace, ids["Top"])
        direct = await paged(lambda *place: members.page(tx, pair.workspace, ids["Left"], *place))
        everybody = await paged(lambda *place: nesting.effective(tx, pair.workspace, ways, *place))
        searched = await nesting.effective(tx, pair.workspace, ways, ("", ""), 50, "P 59")
        number = await nesting.number(tx, pair.workspace, ways)
    assert [one.name for one in direct] == [*names[::10], "Shared"]
    assert [one.name for one in everybody] == names
    assert number == MANY
    assert [one.name for one in searched] == [names[59], *names[590:600]]
    crew = ("Right", "Crew")
    assert list(everybody[5].ways) == [crew]
    assert (everybody[7].direct, list(everybody[7].ways)) == (True, [(), crew])
    assert list(everybody[10].ways) == [("Left",), crew]
    assert list(ways.values()) == [(), ("Left",), ("Right",), ("Left", "Shared"), crew]


async def test_what_is_in_a_group_is_counted_and_searched(pair: Pair) -> None:
    ids = await filled(pair)
    async with pair.house.database.snapshot() as tx:
        inside = await nesting.inside(tx, pair.workspace, ids["Right"], ("", ""), 50)
        further = await nesting.inside(tx, pair.workspace, ids["Right"], ("crew", ids["Crew"]), 50, "SHA")
    assert [(one.name, one.members, one.groups) for one in inside] == [("Crew", MANY, 0), ("Shared", 1, 1)]
    assert [one.name for one in further] == ["Shared"]


async def test_members_in_the_directory_are_found_by_whatever_letters_are_the_same(pair: Pair) -> None:
    person = await pair.user("ada", displayName="Ada Groß")
    other = await pair.user("groß")
    group = await pair.group("Crew", person, other)
    street = await pair.group("Weiße Straße")
    async with pair.edit() as work:
        await directory_groups.add_members(work, [(group, street, "Group")])
    async with pair.house.database.snapshot() as tx:
        for text, found in (("GROSS", 2), ("groß", 2), ("Straße", 1), ("STRASSE", 1), ("%", 0)):
            rows = await directory_groups.members_page(tx, pair.tenant, group, ("", UUID(int=0)), 50, text)
            assert len(rows) == found, text


async def test_a_page_of_a_large_group_costs_a_page(pair: Pair) -> None:
    ids = await filled(pair)
    async with pair.house.database.transaction() as tx:
        await tx.execute("analyze workspace_user, workspace_member")
    asked = (pair.workspace.id, [ids["Crew"]], "p0300@contoso.com", "", "", 20)
    async with pair.house.database.snapshot() as tx:
        shown = await tx.fetchval(f"explain (analyze, format json) {QUERIES.members_walked}", *asked)
    touched = _touched((shown if isinstance(shown, list) else json.loads(shown))[0]["Plan"])
    assert 20 <= touched < MANY / 4, shown


def _touched(node: dict[str, Any]) -> float:
    """The most rows that one step of a plan went through."""
    passed = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return max([passed * node["Actual Loops"], *(_touched(child) for child in node.get("Plans", ()))])
