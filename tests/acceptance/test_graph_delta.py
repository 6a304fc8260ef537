"""Changes of users and groups, followed with delta tokens: nothing is missed, whatever changes between two pages."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest

from graphs import Graph
from installation import Installation
from pair import Pair
from provisor.api.graph import rounds
from provisor.api.graph.delta import QUERIES
from provisor.directory import groups, users
from provisor.directory.edit import QUERIES as DIRECTORY
from provisor.directory.edit import edit
from provisor.directory.groups import Group
from provisor.refusal import Refusal


def person(name: str, **more: Any) -> dict[str, Any]:
    upn = f"{name}@contoso.com"
    return {"accountEnabled": True, "displayName": name, "mailNickname": name, "userPrincipalName": upn, **more}


def team(name: str, **more: Any) -> dict[str, Any]:
    return {"displayName": name, "mailEnabled": False, "mailNickname": "x", "securityEnabled": True, **more}


async def page(graph: Graph, address: str, size: int = 100) -> dict[str, Any]:
    status, found = await graph.ask("GET", address, Prefer=f"odata.maxpagesize={size}")
    assert status == 200, found
    assert graph.headers["preference-applied"] == f"odata.maxpagesize={size}"
    assert isinstance(found, dict)
    return found


async def whole(graph: Graph, address: str) -> tuple[list[Any], str]:
    """All entries of a round, and its deltaLink."""
    found: list[Any] = []
    while True:
        answer = await graph.get(address)
        found += answer["value"]
        if "@odata.deltaLink" in answer:
            return found, answer["@odata.deltaLink"]
        address = answer["@odata.nextLink"]


@dataclass
class Follower:
    """A client that keeps a copy by what delta tells, and nothing else."""

    link: str
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    rounds: int = 0

    async def step(self, graph: Graph, size: int) -> None:
        answer = await page(graph, self.link, size)
        for entry in answer["value"]:
            self.apply(entry)
        self.rounds += "@odata.deltaLink" in answer
        self.link = answer.get("@odata.nextLink") or answer["@odata.deltaLink"]

    def apply(self, entry: dict[str, Any]) -> None:
        if "@removed" in entry:
            self.objects.pop(entry["id"], None)
            return
        kept = self.objects.setdefault(entry["id"], {"members": set()})
        kept["name"] = entry["displayName"]
        for member in entry.get("members@delta", ()):
            (kept["members"].discard if "@removed" in member else kept["members"].add)(member["id"])

    async def finish(self, graph: Graph) -> None:
        """To the end of a round that began after the last change."""
        until = self.rounds + 2
        while self.rounds < until:
            await self.step(graph, 50)


class Changes:
    """Anything that can happen to a directory, at random."""

    def __init__(self, pair: Pair, seed: int) -> None:
        self.pair, self.random = pair, Random(seed)
        self.people: list[UUID] = []
        self.teams: list[UUID] = []
        self.gone: list[UUID] = []

    async def happen(self) -> None:
        steps = (self.hire, self.rename, self.recycle, self.recycle, self.restore, self.purge, self.purge, self.found)
        steps += (self.call, self.dissolve, self.refound, self.leave, self.leave) + (self.join,) * 6
        await self.do(self.random.choice(steps))

    async def begin(self) -> None:
        for step in (self.hire,) * 8 + (self.found,) * 3 + (self.join,) * 20:
            await self.do(step)

    async def do(self, step: Callable[[Any], Awaitable[None]]) -> None:
        try:
            async with edit(self.pair.house.database, self.pair.tenant, self.pair.actor) as work:
                await step(work)
        except (Refusal, IndexError):
            pass  # Nobody is there to whom it could happen.

    def word(self) -> str:
        return f"n{self.random.getrandbits(40)}"

    async def hire(self, work: Any) -> None:
        self.people.append(await users.create(work, person(self.word())))

    async def rename(self, work: Any) -> None:
        await users.change(work, self.random.choice(self.people), {"displayName": self.word()})

    async def recycle(self, work: Any) -> None:
        await users.recycle(work, self.random.choice(self.people))

    async def restore(self, work: Any) -> None:
        await users.restore(work, self.random.choice(self.people))

    async def purge(self, work: Any) -> None:
        await users.purge(work, self.random.choice(self.people))

    async def found(self, work: Any) -> None:
        self.teams.append(await groups.create(work, team(self.word())))

    async def call(self, work: Any) -> None:
        one = await groups.by_id(work.tx, work.tenant, self.random.choice(self.teams))
        await groups.change(work, one, {"displayName": self.word()})

    async def dissolve(self, work: Any) -> None:
        one = await groups.by_id(work.tx, work.tenant, self.random.choice(self.teams))
        await groups.delete(work, one)
        self.teams.remove(one.id)
        self.gone.append(one.id)

    async def refound(self, work: Any) -> None:
        """An import may bring a group whose id another had before, even at once."""
        if self.random.random() < 0.7:
            await self.do(self.dissolve)
        identity = self.random.choice(self.gone)
        self.gone.remove(identity)
        await groups.save(work, {identity: None}, [Group(identity, team(self.word()))])
        self.teams.append(identity)

    async def join(self, work: Any) -> None:
        group = self.random.choice(self.teams)
        nested = self.random.random() < 0.2
        member = self.random.choice(self.teams if nested else self.people)
        await groups.add_members(work, [(group, member, "Group" if nested else "User")])

    async def leave(self, work: Any) -> None:
        rows = await work.tx.fetch("select * from directory_member where tenant = $1 order by 2, 3", work.tenant.id)
        row = self.random.choice(rows)
        await groups.remove_members(work, [(row["group_id"], row["member_id"], row["member_type"])])


async def truth(graph: Graph, kind: str) -> dict[str, dict[str, Any]]:
    found = {}
    for item in await graph.all(f"/{kind}?$select=displayName"):
        members = await graph.all(f"/groups/{item['id']}/members?$select=id") if kind == "groups" else []
        found[item["id"]] = {"name": item["displayName"], "members": {member["id"] for member in members}}
    return found


@pytest.mark.parametrize("seed", range(8))
async def test_a_copy_that_follows_ends_equal_to_the_directory(graph: Graph, pair: Pair, seed: int) -> None:
    changes, random = Changes(pair, seed), Random(seed)
    await changes.begin()
    people, teams = Follower("/users/delta?$select=displayName"), Follower("/groups/delta")
    for _ in range(80):
        for _ in range(random.randrange(3)):
            await changes.happen()
        await random.choice((people, teams, teams)).step(graph, random.randrange(1, 9))
    for follower, kind in ((people, "users"), (teams, "groups")):
        await follower.finish(graph)
        assert follower.objects == await truth(graph, kind)
    assert people.rounds > 3 and teams.rounds > 3


async def test_users_are_followed(graph: Graph) -> None:
    boss = (await graph.make("/users", person("boss")))["id"]
    await graph.make("/users", person("ada", **{"manager@odata.bind": f"{graph.base}/users/{boss}"}))
    bob = (await graph.make("/users", person("bob")))["id"]
    value, link = await whole(graph, "/users/microsoft.graph.delta()?$select=displayName,manager")
    assert link.startswith(f"{graph.base}/users/") and "$deltatoken=" in link
    boss_of = {item["displayName"]: [one["id"] for one in item["manager@delta"]] for item in value}
    assert (boss_of["ada"], boss_of["bob"], boss_of["boss"]) == ([boss], [], [])
    assert all(set(item) == {"id", "displayName", "manager@delta"} for item in value)
    assert (await whole(graph, link))[0] == []
    await graph.ask("PATCH", f"/users/{bob}", {"displayName": "Robert"})
    await graph.ask("DELETE", f"/users/{boss}")
    value, later = await whole(graph, link)
    assert {item["id"]: item.get("displayName", item.get("@removed")) for item in value} == {
        bob: "Robert",
        boss: {"reason": "changed"},
    }
    await graph.ask("DELETE", f"/directory/deletedItems/{boss}")
    value, last = await whole(graph, later)
    assert {"id": boss, "@removed": {"reason": "deleted"}} in value
    ada = next(item for item in value if item.get("displayName") == "ada")
    assert ada["manager@delta"] == []
    # An old link tells of everything since, and may be used again.
    assert {item["id"] for item in (await whole(graph, link))[0]} >= {bob, boss}
    assert (await whole(graph, last))[0] == []
    # Without $select everything is shown.
    value, _ = await whole(graph, "/users/delta")
    assert {"accountEnabled", "department", "employeeOrgData", "mailNickname"} <= set(value[0])


async def test_groups_and_their_members_are_followed(graph: Graph) -> None:
    ada, bob = [(await graph.make("/users", person(name)))["id"] for name in ("ada", "bob")]
    bound = {"members@odata.bind": [f"{graph.base}/directoryObjects/{ada}"]}
    group = (await graph.make("/groups", team("Team", **bound)))["id"]
    user = "#microsoft.graph.user"
    (entry,), link = await whole(graph, "/groups/delta?$select=displayName,members")
    assert entry == {"id": group, "displayName": "Team", "members@delta": [{"@odata.type": user, "id": ada}]}
    where = f"/groups/{group}/members"
    await graph.ask("POST", f"{where}/$ref", {"@odata.id": f"{graph.base}/users/{bob}"})
    await graph.ask("DELETE", f"{where}/{ada}/$ref")
    (entry,), link = await whole(graph, link)
    assert sorted(entry["members@delta"], key=len) == [
        {"@odata.type": user, "id": bob},
        {"@odata.type": user, "id": ada, "@removed": {"reason": "deleted"}},
    ]
    await graph.ask("DELETE", f"/users/{bob}")
    (entry,), link = await whole(graph, link)
    assert entry["members@delta"] == [{"@odata.type": user, "id": bob, "@removed": {"reason": "deleted"}}]
    await graph.ask("POST", f"/directory/deletedItems/{bob}/restore")
    (entry,), link = await whole(graph, link)
    assert entry["members@delta"] == [{"@odata.type": user, "id": bob}]
    await graph.ask("PATCH", f"/groups/{group}", {"displayName": "Other"})
    assert (await whole(graph, link))[0] == [{"id": group, "displayName": "Other"}]
    _, plain = await whole(graph, "/groups/delta?$select=description")
    await graph.ask("DELETE", f"{where}/{bob}/$ref")
    assert [set(item) for item in (await whole(graph, plain))[0]] == [{"id", "description"}]
    await graph.ask("DELETE", f"/groups/{group}")
    assert (await whole(graph, plain))[0] == [{"id": group, "@removed": {"reason": "deleted"}}]


async def test_many_members_come_on_several_pages(graph: Graph, pair: Pair) -> None:
    async with edit(pair.house.database, pair.tenant, pair.actor) as work:
        people = [await users.create(work, person(f"p{number}")) for number in range(9)]
        big = await groups.create(work, team("Big"))
        small = await groups.create(work, team("Small"))
        await groups.add_members(work, [(group, one, "User") for group in (big, small) for one in people])
    follower = Follower("/groups/delta")
    for _ in range(30):
        if follower.rounds == 0:
            await follower.step(graph, 2)
    assert follower.rounds == 1
    assert [len(follower.objects[str(item)]["members"]) for item in (big, small)] == [9, 9]
    async with edit(pair.house.database, pair.tenant, pair.actor) as work:
        await groups.remove_members(work, [(group, one, "User") for group in (big, small) for one in people])
    await follower.step(graph, 2)
    assert follower.rounds == 1
    await follower.finish(graph)
    assert [follower.objects[str(item)]["members"] for item in (big, small)] == [set(), set()]


async def test_latest_and_filters(graph: Graph) -> None:
    ada, bob, eve = [(await graph.make("/users", person(name)))["id"] for name in ("ada", "bob", "eve")]
    status, answer = await graph.ask("GET", "/users/delta?$deltatoken=latest&$select=displayName")
    assert (status, answer["value"]) == (200, [])
    two = f"/users/delta?$select=displayName&$filter=id eq '{ada}' or id eq '{bob}'"
    value, link = await whole(graph, two)
    assert {item["id"] for item in value} == {ada, bob}
    for one in (ada, eve):
        await graph.ask("PATCH", f"/users/{one}", {"displayName": "New"})
    assert (await whole(graph, link))[0] == [{"id": ada, "displayName": "New"}]
    assert {item["id"] for item in (await whole(graph, answer["@odata.deltaLink"]))[0]} == {ada, eve}
    assert (await whole(graph, "/users/delta?$deltatoken="))[0] != []
    group = (await graph.make("/groups", team("Team")))["id"]
    await graph.make("/groups", team("Other"))
    value, link = await whole(graph, f"/groups/delta?$filter=id in ('{group}')&$select=members")
    assert value == [{"id": group}]
    await graph.ask("POST", f"/groups/{group}/members/$ref", {"@odata.id": f"{graph.base}/users/{ada}"})
    assert [item["members@delta"][0]["id"] for item in (await whole(graph, link))[0]] == [ada]


async def test_what_delta_does_not_take_is_said(graph: Graph) -> None:
    many = " or ".join(f"id eq '{uuid4()}'" for _ in range(51))
    for asked, why in (
        ("$filter=displayName eq 'x'", "The $filter of delta is id eq '…', or several of these with or between them."),
        ("$filter=id eq 'x'", "An id in $filter is none: it looks like 00000000-0000-0000-0000-000000000000."),
        (f"$filter={many}", "The $filter of delta takes at most 50 ids."),
        ("$top=5", "delta takes $select and $filter only; a page is as long as Prefer: odata.maxpagesize says, or 100"),
        ("$skiptoken=latest", "latest is a $deltatoken."),
        (f"$deltatoken={'abcd' * 20}", "The token is broken: use the whole address"),
        ("$deltatoken=x", "The token is broken: use the whole address"),
        ("$deltatoken=%F0%9F%98%80", "The token is broken: use the whole address"),
    ):
        status, code, said = await graph.refused("GET", f"/users/delta?{asked}")
        assert (status, code) == (400, "Request_BadRequest") and said.startswith(why), asked


async def test_tokens_are_for_one_tenant_one_kind_and_seven_days(
    graph: Graph, pair: Pair, shop: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    await graph.make("/groups", team("Team"))
    asked = f"$select=displayName&$filter=id eq '{UUID(int=7)}'"
    _, link = await whole(graph, f"/users/delta?{asked}")
    token = link.partition("$deltatoken=")[2]
    # Another letter somewhere, half of it, another option, another kind, another tenant.
    forged = token[:-4] + ("A" if token[-4] != "A" else "B") + token[-3:]
    assert (await graph.refused("GET", f"/users/delta?$deltatoken={forged}"))[0] == 400
    assert (await graph.refused("GET", f"/users/delta?$deltatoken={token[: len(token) // 2]}"))[0] == 400
    assert (await graph.refused("GET", f"/users/delta?$skiptoken={token}"))[0] == 400
    assert (await graph.refused("GET", f"/groups/delta?$deltatoken={token}"))[0] == 400
    other = await Pair.make(shop, pair.house)
    stranger = await Graph.open(shop, other.tenant.name, "Global Reader")
    status, _, why = await stranger.refused("GET", f"/users/delta?$deltatoken={token}")
    assert (status, why) == (400, "The token was not given for /users/delta of this tenant: use it where it came from.")
    await stranger.close()
    await other.close()
    async with pair.house.database.reading() as tx:
        state = await tx.fetchrow(QUERIES.state, pair.tenant.id)
    began = rounds.seconds(state["at"])
    for age, head, good in ((604_000, 0, True), (605_000, 0, False), (0, state["seq"] + 1, False)):
        old = rounds.Round(
            str(pair.tenant.id), "users", began - age, -1, head, ("displayName",), (str(UUID(int=7)),), phase="done"
        )
        status, answer = await graph.ask("GET", f"/users/delta?$deltatoken={rounds.write(old, state['key'])}")
        assert status == (200 if good else 410)
        if not good:
            assert answer["error"]["code"] == "syncStateNotFound"
            assert graph.headers["Location"].endswith("$deltatoken=")
            assert f"{UUID(int=7)}" in graph.headers["Location"]
            assert (await whole(graph, graph.headers["Location"]))[0] == []
    # Of before a restore.
    strange = rounds.write(old, "another key")
    assert (await graph.refused("GET", f"/users/delta?$deltatoken={strange}"))[:2] == (410, "syncStateNotFound")


def nodes(plan: Any) -> list[dict[str, Any]]:
    return [plan, *(inner for part in plan.get("Plans", ()) for inner in nodes(part))]


async def test_ten_changes_cost_the_same_in_a_large_directory(pair: Pair) -> None:
    tenant = pair.tenant.id
    fill = (
        "insert into directory_user (tenant, id, upn, upn_key, name_key, enabled, doc) "
        "select $1, md5('u' || n)::uuid, 'u' || n || '@x', 'u' || n || '@x', '', true, '{}' "
        "from generate_series(1, 20000) n",
        "insert into directory_group (tenant, id, name_key, doc) "
        "select $1, md5('g' || n)::uuid, 'g', '{\"displayName\": \"g\"}' from generate_series(1, 2000) n",
        "insert into directory_member (tenant, group_id, member_id, member_type) "
        "select $1, md5('g' || 1 + n % 2000)::uuid, md5('u' || n)::uuid, 'User' from generate_series(1, 20000) n",
        "insert into directory_change (tenant, object_id, object_type, seq) "
        "select tenant, id, 'User', 100 + row_number() over () from directory_user where tenant = $1 "
        "on conflict do nothing",
        "insert into directory_member_change (tenant, group_id, member_id, member_type, seq) "
        "select tenant, group_id, member_id, 'User', 100 + row_number() over () from directory_member "
        "where tenant = $1",
    )
    async with pair.house.database.transaction() as tx:
        savepoint = tx.transaction()
        await savepoint.start()
        for statement in fill:
            await tx.execute(statement, tenant)
        await tx.execute("analyze directory_user, directory_group, directory_member")
        await tx.execute("analyze directory_change, directory_member_change")
        ids = [UUID(int=number) for number in range(10)]
        for statement, index, *values in (
            (QUERIES.changed, "directory_change_seq", "User", 20_090, 20_100, None, 101),
            (QUERIES.members_changed, "directory_member_change_seq", 20_090, UUID(int=0), 20_100, None, 201),
            (QUERIES.users_page, "directory_user_pkey", UUID(int=1 << 120), 101),
            (QUERIES.groups_page, "directory_group_pkey", UUID(int=1 << 120), UUID(int=0), 101),
            (QUERIES.members_pages, "directory_member_pkey", ids, ids, 201),
            (DIRECTORY.member_changes_forget, "directory_member_change_seq", 2),
        ):
            plan = json.loads(await tx.fetchval(f"explain (format json) {statement}", tenant, *values))
            found = nodes(plan[0]["Plan"])
            assert index in {node.get("Index Name") for node in found}, plan
            assert "Seq Scan" not in {node["Node Type"] for node in found}, plan
        await savepoint.rollback()


async def test_the_table_of_memberships_does_not_grow_without_end(pair: Pair) -> None:
    database, tenant = pair.house.database, pair.tenant
    async with edit(database, tenant, pair.actor) as work:
        people = [await users.create(work, person(f"p{number}")) for number in range(4)]
        group = await groups.create(work, team("Team"))
        await groups.add_members(work, [(group, one, "User") for one in people])
    async with database.transaction() as tx:
        old = "update directory_member_change set at = now() - interval '9 days' where tenant = $1"
        await tx.execute(old, tenant.id)
    for change in (groups.remove_members, groups.add_members, groups.remove_members):
        async with edit(database, tenant, pair.actor) as work:
            await change(work, [(group, people[0], "User")])
    async with database.reading() as tx:
        rows = await tx.fetch("select member_id from directory_member_change where tenant = $1", tenant.id)
    assert [row["member_id"] for row in rows] == [people[0]]
