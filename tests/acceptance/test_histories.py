"""Random histories: people and groups come, go and change while requests and answers are lost; in the end all is right.

Each seed is one history. After it the faults end, and a few cycles later the workspace must say what the directory
says: everybody in scope at work, nobody else, and in each group just who belongs to it. ``HISTORIES`` says how many.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace
from uuid import UUID

import pytest

from pair import Pair, members
from provisor.directory import applications, groups, users
from provisor.refusal import Refusal
from provisor.scim.requests import Request

SEEDS = range(int(os.environ.get("HISTORIES", "6")))
STEPS, PEOPLE, TEAMS = 45, 5, 2


class History:
    """What was done, and what the directory says of it."""

    def __init__(self, pair: Pair, seed: int) -> None:
        self.pair, self.chance = pair, random.Random(seed)
        self.people: dict[str, UUID] = {}
        self.teams: dict[str, UUID] = {}
        self.done: list[str] = []

    async def step(self) -> None:
        acts = (self.hire, self.change, self.leave, self.come_back, self.purge, self.assign, self.unassign)
        acts += (self.join, self.quit, self.team, self.drop_team, self.restart, self.plan)
        act = self.chance.choice(acts)
        self.done.append(act.__name__)
        try:
            await act()
        except Refusal as refusal:
            self.done.append(f"({refusal})")
        if self.chance.random() < 0.6:
            await self.cycle()

    async def cycle(self) -> None:
        kinds = self.chance.choice([(), ("lost",), ("unheard",), ("lost", "unheard")])
        self.done.append(f"cycle {kinds}")

        def fails(_: Request) -> str | None:
            return self.chance.choice(kinds) if kinds and self.chance.random() < 0.3 else None

        await self.pair.sync(fails)

    async def hire(self) -> None:
        name = f"p{self.chance.randrange(PEOPLE)}"
        self.people[name] = await self.pair.user(name, assigned=self.chance.random() < 0.7, surname="New")

    async def change(self) -> None:
        await self.pair.set_user(self.somebody(), surname=f"S{self.chance.randrange(1000)}")

    async def leave(self) -> None:
        person = self.somebody()
        async with self.pair.edit() as work:
            if self.chance.random() < 0.5:
                await users.change(work, person, {"accountEnabled": "False"})
            else:
                await users.recycle(work, person)

    async def come_back(self) -> None:
        person = self.somebody()
        async with self.pair.edit() as work:
            found = await users.find(work.tx, self.pair.tenant, str(person))
            if found.recycled:
                await users.restore(work, person)
            else:
                await users.change(work, person, {"accountEnabled": "True"})

    async def purge(self) -> None:
        person = self.somebody()
        async with self.pair.edit() as work:
            if not (await users.find(work.tx, self.pair.tenant, str(person))).recycled:
                await users.recycle(work, person)
            await users.purge(work, person)

    async def assign(self) -> None:
        await self.pair.assign(self.anything())

    async def unassign(self) -> None:
        await self.pair.unassign(self.anything())

    async def join(self) -> None:
        async with self.pair.edit() as work:
            await groups.add_members(work, [(self.some_team(), self.somebody(), "User")])

    async def quit(self) -> None:
        async with self.pair.edit() as work:
            await groups.remove_members(work, [(self.some_team(), self.somebody(), "User")])

    async def team(self) -> None:
        name = f"G{self.chance.randrange(TEAMS)}"
        if name not in self.teams:
            self.teams[name] = await self.pair.group(name, assigned=self.chance.random() < 0.7)

    async def drop_team(self) -> None:
        name = self.chance.choice(sorted(self.teams) or ["none"])
        identity = self.teams.pop(name, None)
        if identity is not None:
            async with self.pair.edit() as work:
                await groups.delete(work, await groups.find(work.tx, self.pair.tenant, str(identity)))

    async def restart(self) -> None:
        await self.pair.restart()

    async def plan(self) -> None:
        await self.pair.plan()

    def somebody(self) -> UUID:
        return self.chance.choice(sorted(self.people.values(), key=str) or [UUID(int=1)])

    def some_team(self) -> UUID:
        return self.chance.choice(sorted(self.teams.values(), key=str) or [UUID(int=2)])

    def anything(self) -> UUID:
        return self.somebody() if self.chance.random() < 0.6 else self.some_team()


@pytest.mark.parametrize("seed", SEEDS)
async def test_in_the_end_the_workspace_says_what_the_directory_says(standard: Pair, seed: int) -> None:
    # Of so few people a history may take all away, which the guard would rightly hold.
    async with standard.edit() as work:
        before = await applications.locked(work, standard.application)
        await applications.save(work, before, replace(before, guard_percent=0, guard_most=0), "set")
    history = History(standard, seed)
    for _ in range(STEPS):
        await history.step()
    for _ in range(12):
        result = await standard.sync()
        if not result.counts:
            break
    told = f"seed {seed}: {', '.join(history.done)}"
    assert result.counts == {}, told
    await _check(standard, told)
    # And what was left alone until now is right as well: a restart finds nothing to do.
    await standard.restart()
    assert (await standard.sync()).counts == {}, told


async def _check(pair: Pair, told: str) -> None:
    app, source = pair.application, pair.house
    async with source.database.reading() as tx:
        everybody = await tx.fetch(
            """
            select u.id, u.upn, u.enabled and u.deleted is null as open, u.doc,
                   exists (select from application_assignment a
                           where a.application = $2 and (a.principal_id = u.id or a.principal_id in (
                               select group_id from directory_member m where m.member_id = u.id))) as assigned
            from directory_user u where u.tenant = $1
            """,
            pair.tenant.id,
            app,
        )
        teams = await tx.fetch(
            """
            select g.id, g.doc ->> 'displayName' as name,
                   exists (select from application_assignment a
                           where a.application = $2 and a.principal_id = g.id) as assigned,
                   array(select m.member_id from directory_member m where m.group_id = g.id) as members
            from directory_group g where g.tenant = $1
            """,
            pair.tenant.id,
            app,
        )
    accounts = {item["userName"]: item for item in (await pair.everything())[0]}
    expected = {row["upn"]: row for row in everybody if row["open"] and row["assigned"]}
    for name, account in accounts.items():
        if not name.startswith("ops@"):
            assert account["active"] is (name in expected), f"{name} {account} {told}"
    for name, row in expected.items():
        assert accounts[name]["displayName"] == f"{row['doc']['givenName']} {row['doc']['surname']}", told
    at_work = {row["id"]: accounts[name]["id"] for name, row in expected.items()}
    closed = {item["id"] for item in accounts.values() if not item["active"]}
    for row in teams:
        found = await pair.team(row["name"])
        assert (found is not None) is row["assigned"], f"{row['name']} {told}"
        if found is not None:
            wanted = {at_work[member] for member in row["members"] if member in at_work}
            assert wanted <= members(found) <= wanted | closed, f"{row['name']} {told}"
