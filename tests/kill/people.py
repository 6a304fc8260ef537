"""Random changes of a directory, each made for real and then in the value that says what there should be.

What was acknowledged is in the value, so a change that got lost shows when both are compared. A change whose commit was
not answered, because the database went away, is in doubt: it was made as a whole or not at all, and the directory is
read to know which. Whom a change concerns is drawn in the order in which people came: the same seed makes the same
changes.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from kill.directory import Directory, Person, Team, Wrong, patiently, read
from pair import Pair
from provisor.directory import assignments, groups, users
from provisor.directory.edit import Edit
from provisor.storage.pool import AWAY

PEOPLE, TEAMS = 30, 6
#: People who are not deleted: below the first nobody leaves, above the second nobody comes.
_FEWEST, _MOST = 22, 40


@dataclass(frozen=True, slots=True)
class Step:
    """One change: its words, how it is made (returns whom it concerns), and what is so after it."""

    told: str
    work: Callable[[Edit], Awaitable[Any]]
    after: Callable[[Directory, UUID], Directory]
    about: UUID | None = None


class People:
    """The directory of one ``pair``. ``told``: the changes since somebody last emptied it; ``names``: what somebody has
    ever been called."""

    def __init__(self, pair: Pair, seed: int) -> None:
        self.pair = pair
        self.chance = random.Random(seed)
        self.directory = Directory()
        self.told: list[str] = []
        self.names: dict[UUID, set[str]] = {}
        self._count = 0
        self._managing: set[UUID] = set()
        self._handed: set[str] = set()
        self._steps = _weighed(self)

    async def fill(self) -> None:
        """People and groups to begin with, members and managers among them."""
        for _ in range(PEOPLE):
            await self.do(self.come())
        for _ in range(TEAMS):
            await self.do(self.found())
        for _ in range(PEOPLE):
            await self.do(self.join())
            await self.do(self.manage())

    async def change(self) -> None:
        """A change at random."""
        step = None
        while step is None:
            step = self.chance.choice(self._steps)()
        await self.do(step)

    async def do(self, step: Step | None) -> None:
        if step is None:
            return
        before = self.directory
        try:
            async with self.pair.edit() as work:
                about = await step.work(work)
        except AWAY:
            self.directory = await self._as_it_is(step, before)
            self.told.append(f"{step.told} (in doubt, {'not ' if self.directory == before else ''}made)")
        else:
            self.directory = step.after(before, step.about or about)
            self.told.append(step.told)
        for identity, person in self.directory.people.items():
            self.names.setdefault(identity, set()).add(person.upn)

    async def _as_it_is(self, step: Step, before: Directory) -> Directory:
        """After a change in doubt: the directory without it, or with it."""
        found = await patiently(lambda: read(self.pair))
        if found == before:
            return before
        new = [*(found.people.keys() - before.people.keys()), *(found.teams.keys() - before.teams.keys())]
        about = step.about or (new[0] if new else None)
        if about is None or found != (after := step.after(before, about)):
            raise Wrong(f"after a change in doubt ({step.told}) the directory is neither as before nor as after it")
        return after

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────

    def come(self) -> Step | None:
        if len(self._living()) >= _MOST:
            return None
        self._count += 1
        return self._created(f"p{self._count}@contoso.com")

    def come_in_anothers_name(self) -> Step | None:
        """Somebody gets the name of one who is in the recycle bin; that one never comes back, and nobody gets it again:
        who has an account of that name, and keeps it under another one, would be in the way for ever."""
        taken = {person.upn for person in self.directory.people.values() if not person.recycled}
        # Whose account somebody takes over neither had a manager nor was one: whom the account names as its manager,
        # and who names it, is looked at with the next change only.
        free = [
            person.upn
            for identity, person in self.directory.people.items()
            if person.recycled and person.upn not in taken | self._handed and identity not in self._managing
        ]
        if not free:
            return None
        upn = self.chance.choice(free)
        self._handed.add(upn)
        return self._created(upn)

    def _created(self, upn: str) -> Step:
        self._count += 1
        assigned = self.chance.random() < 0.6
        person = Person(upn, upn, f"G{self._count}", "New", assigned=assigned)
        given = {"userPrincipalName": upn, "mail": person.mail, "givenName": person.given, "surname": person.surname}

        async def work(edit: Edit) -> UUID:
            identity = await users.create(edit, given)
            if assigned:
                await self._assign(edit, await users.by_id(edit.tx, edit.tenant, identity))
            return identity

        def after(directory: Directory, identity: UUID) -> Directory:
            return replace(directory, people={**directory.people, identity: person})

        return Step(f"create {upn}{', assigned' if assigned else ''}", work, after)

    def rename(self) -> Step | None:
        surname = f"S{self.chance.randrange(10_000)}"
        return self._set(self._somebody(), f"is called {surname}", {"surname": surname}, surname=surname)

    def rename_principal(self) -> Step | None:
        self._count += 1
        upn = f"p{self._count}@contoso.com"
        return self._set(self._somebody(), f"becomes {upn}", {"userPrincipalName": upn}, upn=upn)

    def manage(self) -> Step | None:
        person, manager = self._somebody(), self._somebody()
        if person is None or manager is None or person == manager:
            return None
        self._managing.update((person, manager))
        upn = self.directory.people[manager].upn
        return self._set(person, f"reports to {upn}", {"manager": str(manager)}, manager=manager)

    def disable(self) -> Step | None:
        if len([one for one in self._living() if self.directory.people[one].enabled]) <= _FEWEST:
            return None
        person = self._somebody(enabled=True)
        return self._set(person, "is disabled", {"accountEnabled": "False"}, enabled=False)

    def enable(self) -> Step | None:
        person = self._somebody(enabled=False)
        return self._set(person, "is enabled", {"accountEnabled": "True"}, enabled=True)

    def recycle(self) -> Step | None:
        person = self._somebody() if len(self._living()) > _FEWEST else None
        return self._about(person, "is deleted", users.recycle, recycled=True)

    def restore(self) -> Step | None:
        person = self._somebody(recycled=True)
        if person is None or self.directory.people[person].upn in self._handed:
            return None
        return self._about(person, "is restored", users.restore, recycled=False)

    def purge(self) -> Step | None:
        person = self._somebody(recycled=True)
        if person is None:
            return None
        told = f"{self.directory.people[person].upn} is deleted for good"
        return Step(told, lambda edit: users.purge(edit, person), Directory.without, person)

    def _set(self, person: UUID | None, told: str, given: Mapping[str, str], **values: Any) -> Step | None:
        async def work(edit: Edit, identity: UUID) -> None:
            await users.change(edit, identity, given)

        return self._about(person, told, work, **values)

    def _about(
        self, person: UUID | None, told: str, work: Callable[[Edit, UUID], Awaitable[None]], **values: Any
    ) -> Step | None:
        if person is None:
            return None
        told = f"{self.directory.people[person].upn} {told}"
        return Step(told, lambda edit: work(edit, person), lambda all_, one: all_.person(one, **values), person)

    # ── groups and assignments ───────────────────────────────────────────────────────────────────────────────

    def found(self) -> Step | None:
        if len(self.directory.teams) > TEAMS + 2:
            return None
        self._count += 1
        name = f"Team {self._count}"

        async def work(edit: Edit) -> UUID:
            identity = await groups.create(edit, {"displayName": name})
            await self._assign(edit, await groups.by_id(edit.tx, edit.tenant, identity))
            return identity

        def after(directory: Directory, identity: UUID) -> Directory:
            return replace(directory, teams={**directory.teams, identity: Team(name)})

        return Step(f"create {name}, assigned", work, after)

    def dissolve(self) -> Step | None:
        team = self._team() if len(self.directory.teams) >= TEAMS else None
        if team is None:
            return None

        async def work(edit: Edit) -> None:
            await groups.delete(edit, await groups.by_id(edit.tx, edit.tenant, team))

        return Step(f"{self.directory.teams[team].name} is deleted", work, Directory.without, team)

    def join(self) -> Step | None:
        team, person = self._team(), self._somebody()
        if team is None or person is None or person in self.directory.teams[team].members:
            return None
        return self._member(team, person, "joins", groups.add_members)

    def leave(self) -> Step | None:
        team = self._team()
        members = [one for one in self.directory.people if team and one in self.directory.teams[team].members]
        if team is None or not members:
            return None
        return self._member(team, self.chance.choice(members), "leaves", groups.remove_members)

    def _member(self, team: UUID, person: UUID, told: str, make: Callable[..., Awaitable[int]]) -> Step:
        members = self.directory.teams[team].members ^ {person}
        told = f"{self.directory.people[person].upn} {told} {self.directory.teams[team].name}"
        return Step(
            told,
            lambda edit: make(edit, [(team, person, "User")]),
            lambda all_, one: all_.team(one, members=members),
            team,
        )

    def assign(self) -> Step | None:
        person = self._somebody()
        return self._assignment(person, not self.directory.people[person].assigned) if person else None

    def assign_team(self) -> Step | None:
        team = self._team()
        return self._assignment(team, not self.directory.teams[team].assigned) if team else None

    def _assignment(self, identity: UUID, assigned: bool) -> Step:
        person = identity in self.directory.people
        name = self.directory.people[identity].upn if person else self.directory.teams[identity].name

        async def work(edit: Edit) -> None:
            found = groups.by_id if not person else users.by_id
            item = await found(edit.tx, edit.tenant, identity)
            make = assignments.assign if assigned else assignments.unassign
            await make(edit, await self.pair.app(edit.tx), [item])

        def after(directory: Directory, one: UUID) -> Directory:
            return (directory.person if person else directory.team)(one, assigned=assigned)

        return Step(f"{name} is {'' if assigned else 'un'}assigned", work, after, identity)

    async def _assign(self, edit: Edit, item: Any) -> None:
        await assignments.assign(edit, await self.pair.app(edit.tx), [item])

    # ── whom ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _living(self) -> list[UUID]:
        return [one for one, person in self.directory.people.items() if not person.recycled]

    def _somebody(self, *, enabled: bool | None = None, recycled: bool = False) -> UUID | None:
        found = [
            one
            for one, person in self.directory.people.items()
            if person.recycled is recycled and enabled in (None, person.enabled)
        ]
        return self.chance.choice(found) if found else None

    def _team(self) -> UUID | None:
        return self.chance.choice(list(self.directory.teams)) if self.directory.teams else None


def _weighed(people: People) -> list[Callable[[], Step | None]]:
    """What happens in a directory, as often as it is drawn."""
    often = [people.come, people.rename, people.rename_principal, people.join, people.leave, people.enable]
    sometimes = [people.disable, people.recycle, people.restore, people.assign, people.manage]
    seldom = [people.purge, people.assign_team, people.found, people.dissolve, people.come_in_anothers_name]
    return [*often * 6, *sometimes * 4, *seldom * 2]
