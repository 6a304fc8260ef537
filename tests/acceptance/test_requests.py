"""How many requests provisioning costs: counted, not timed."""

from __future__ import annotations

from pair import Pair
from provisor.directory import assignments, groups, users

PEOPLE, TEAMS, MEMBERS, CHUNK = 1000, 20, 250, 100


async def test_a_thousand_people_in_twenty_groups_cost_what_they_must(pair: Pair) -> None:
    async with pair.edit() as work:
        people = [
            await users.create(work, {"userPrincipalName": f"p{number}@contoso.com", "givenName": f"P{number}"})
            for number in range(PEOPLE)
        ]
        app = await pair.app(work.tx)
        for number in range(TEAMS):
            team = await groups.create(work, {"displayName": f"Team {number}"})
            chosen = [people[(number * 50 + place) % PEOPLE] for place in range(MEMBERS)]
            await groups.add_members(work, [(team, person, "User") for person in chosen])
            await assignments.assign(work, app, [await groups.find(work.tx, pair.tenant, str(team))])
    result = await pair.sync()
    assert (result.status, result.failures) == ("done", 0)
    lists = 1 + 1  # an empty target: one page of users, one of groups
    assert result.sent <= PEOPLE + TEAMS + TEAMS * -(-MEMBERS // CHUNK) + lists + 1 == 1083
    _, found = await pair.call("GET", "/Users", params={"count": "1"})
    assert found["totalResults"] == PEOPLE + 1
    assert (await pair.sync()).sent == 1, "an unchanged cycle: the probe alone"
