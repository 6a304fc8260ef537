"""A group of more members than are read at once is shown whole, in every projection."""

from __future__ import annotations

from pair import Pair, members
from provisor.access.actors import PROVISOR
from provisor.workspace import edit as workspace_edit
from provisor.workspace import groups, users

MANY = 2_345


async def test_all_members_of_a_large_group_are_shown(pair: Pair) -> None:
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        people = await users.create_many(
            work, [{"userName": f"p{number}@contoso.com", "displayName": f"P {number}"} for number in range(MANY)]
        )
        crew = await groups.add(work, "Crew")
        await groups.move(work, crew, add=[person.id for person in people])
    url = f"/Groups/{crew.id}"
    status, found = await pair.call("GET", url)
    assert status == 200
    assert [member["value"] for member in found["members"]] == sorted(person.id for person in people)
    names = {person.id: person.doc["displayName"] for person in people}
    assert all(
        member == {"value": member["value"], "$ref": f"Users/{member['value']}", "display": names[member["value"]]}
        for member in found["members"]
    )
    _, cut = await pair.call("GET", url, params={"attributes": "members.value"})
    assert cut["members"] == [{"value": member["value"]} for member in found["members"]]
    _, cut = await pair.call("GET", url, params={"excludedAttributes": "members.$ref,displayName"})
    assert cut["members"] == [{k: v for k, v in member.items() if k != "$ref"} for member in found["members"]]
    for params in ({"attributes": "displayName"}, {"excludedAttributes": "members"}):
        _, cut = await pair.call("GET", url, params=params)
        assert "members" not in cut
    assert await pair.call("GET", url, headers={"If-None-Match": found["meta"]["version"]}) == (304, None)
    _, listed = await pair.call("GET", "/Groups", params={"filter": 'displayName eq "Crew"'})
    assert listed["Resources"] == [found]
    assert members(found) == set(names)
