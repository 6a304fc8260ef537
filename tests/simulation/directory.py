"""A directory in memory, and how it changes: people come, are renamed, leave, come back; groups are filled and emptied.

It is the Source of the simulated cycles. Every change gets the next number, as in the real feed, and is atomic.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal
from uuid import UUID

from provisor.connectors.base import SourceChange
from provisor.provisioning.scope import SourceObject

#: How often which change is made, unless a scenario wants others.
USUAL: Final[Mapping[str, int]] = {
    "leave": 6,
    "rename": 3,
    "describe": 3,
    "move": 3,
    "hire": 2,
    "reorganise": 1,
    "recycle": 2,
    "lead": 2,
}
_DEPARTMENTS = ("Sales", "Research", "Support", None)


@dataclass(slots=True)
class Person:
    id: str
    upn: str
    display: str
    department: str | None
    enabled: bool = True
    recycled: bool = False
    assigned: bool = True
    manager: str | None = None
    #: Whether there ever was one.
    managed: bool = False
    seq: int = 0


@dataclass(slots=True)
class Team:
    id: str
    name: str
    members: set[str] = field(default_factory=set)
    assigned: bool = True
    seq: int = 0


class Directory:
    """``told`` is called after each change with what happened; ``io`` before each read with its name."""

    def __init__(self, random: Random, told: Callable[[str], None]) -> None:
        self._random = random
        self._told = told
        self.people: dict[str, Person] = {}
        self.teams: dict[str, Team] = {}
        self.seq = 1
        self._numbers = 0
        self.feed: dict[str, tuple[int, Literal["User", "Group"]]] = {}

    # ── what is asked ────────────────────────────────────────────────────────────────────────────────────────

    def entitled(self, identity: str) -> bool:
        """Whether this person should have an account that is active."""
        person = self.people.get(identity)
        return person is not None and person.enabled and not person.recycled and self.assigned(person)

    def assigned(self, person: Person) -> bool:
        return person.assigned or any(team.assigned and person.id in team.members for team in self.teams.values())

    def teams_of(self, identity: str) -> list[Team]:
        return [team for team in self.teams.values() if identity in team.members]

    # ── how it changes ───────────────────────────────────────────────────────────────────────────────────────

    def hire(self, upn: str | None = None, *, assigned: bool = True) -> Person:
        self._numbers += 1
        person = Person(
            self._new_id(),
            upn or f"user{self._numbers}@contoso.com",
            f"User {self._numbers}",
            self._random.choice(_DEPARTMENTS),
            assigned=assigned,
        )
        self.people[person.id] = person
        self._touch(person, "hired")
        return person

    def found(self) -> Team:
        """A new team with some of the people in it."""
        self._numbers += 1
        team = Team(self._new_id(), f"Team {self._numbers}")
        people = [person for person in self.people.values() if not person.recycled]
        team.members = {person.id for person in self._random.sample(people, self._random.randint(0, len(people) // 2))}
        self.teams[team.id] = team
        self._touch(team, "founded")
        for person in people:
            if person.id in team.members:
                self._touch(person)
        return team

    def anything(self, weights: Mapping[str, int]) -> None:
        """One change, by chance; some are of nothing. ``weights``: how often which."""
        people, teams = list(self.people.values()), list(self.teams.values())
        acts = {
            "leave": self._leave,
            "rename": self._rename,
            "describe": self._describe,
            "move": self._move,
            "hire": self._hire,
            "reorganise": self._reorganise,
            "recycle": self._recycle,
            "lead": self._lead,
        }
        what = self._random.choices(list(weights), weights=list(weights.values()))[0]
        acts[what if people else "hire"](people, teams)

    def _leave(self, people: list[Person], _: list[Team]) -> None:
        person = self._random.choice(people)
        if self._random.random() < 0.5:
            person.enabled = not person.enabled
            self._touch(person, "enabled" if person.enabled else "disabled")
        else:
            person.assigned = not person.assigned
            self._touch(person, "assigned" if person.assigned else "unassigned")

    def _rename(self, people: list[Person], teams: list[Team]) -> None:
        self._numbers += 1
        if teams and self._random.random() < 0.2:
            team = self._random.choice(teams)
            team.name = f"Team {self._numbers}"
            self._touch(team, f"renamed {team.name}")
            return
        person = self._random.choice(people)
        person.upn = f"renamed{self._numbers}@contoso.com"
        self._touch(person, f"renamed {person.upn}")

    def _describe(self, people: list[Person], _: list[Team]) -> None:
        person = self._random.choice(people)
        self._numbers += 1
        person.display, person.department = f"User {self._numbers}", self._random.choice(_DEPARTMENTS)
        self._touch(person, f"is {person.display} of {person.department}")

    def _move(self, people: list[Person], teams: list[Team]) -> None:
        if not teams:
            return
        team, person = self._random.choice(teams), self._random.choice(people)
        if person.recycled:
            return
        team.members ^= {person.id}
        self._touch(team, f"{'gets' if person.id in team.members else 'loses'} {person.upn}")
        self._touch(person)

    def _hire(self, people: list[Person], _: list[Team]) -> None:
        if len(people) < 14:
            self.hire(assigned=self._random.random() < 0.8)

    def _reorganise(self, _: list[Person], teams: list[Team]) -> None:
        if not teams or (len(teams) < 4 and self._random.random() < 0.4):
            self.found()
            return
        team = self._random.choice(teams)
        if self._random.random() < 0.4:
            del self.teams[team.id]
            self._gone(team.id, "Group", f"{team.name} deleted")
        else:
            team.assigned = not team.assigned
            self._touch(team, "assigned" if team.assigned else "unassigned")
        for member in sorted(team.members):
            if member in self.people:
                self._touch(self.people[member])

    def _recycle(self, people: list[Person], _: list[Team]) -> None:
        person = self._random.choice(people)
        if person.recycled and self._random.random() < 0.4:
            for team in self.teams_of(person.id):
                team.members.discard(person.id)
                self._touch(team)
            del self.people[person.id]
            for report in self.people.values():
                if report.manager == person.id:
                    report.manager = None
                    self._touch(report)
            self._gone(person.id, "User", f"{person.upn} purged")
            return
        person.recycled = not person.recycled
        self._touch(person, "recycled" if person.recycled else "restored")
        for team in self.teams_of(person.id):
            self._touch(team)

    def _lead(self, people: list[Person], _: list[Team]) -> None:
        person, manager = self._random.choice(people), self._random.choice([*people, None])
        person.manager = manager.id if manager is not None and manager is not person else None
        person.managed |= person.manager is not None
        self._touch(person, f"managed by {manager.upn if manager else None}")

    def _touch(self, item: Person | Team, what: str = "") -> None:
        self.seq += 1
        item.seq = self.seq
        self.feed[item.id] = (self.seq, "User" if isinstance(item, Person) else "Group")
        if what:
            self._told(f"{item.upn if isinstance(item, Person) else item.name} {what}")

    def _gone(self, identity: str, kind: Literal["User", "Group"], what: str) -> None:
        self.seq += 1
        self.feed[identity] = (self.seq, kind)
        self._told(what)

    def _new_id(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))


class Seen:
    """The directory as a cycle's Source (``connectors.base``); ``io`` is awaited before each read."""

    def __init__(self, directory: Directory, io: Callable[[str], Awaitable[None]]) -> None:
        self._directory = directory
        self._io = io

    async def head(self) -> int:
        await self._io("head")
        return self._directory.seq

    async def changes(self, after: int, limit: int) -> list[SourceChange]:
        await self._io("changes")
        found = sorted((seq, identity, kind) for identity, (seq, kind) in self._directory.feed.items() if seq > after)
        return [SourceChange(identity, kind, seq) for seq, identity, kind in found[:limit]]

    async def everything(self, after: str | None, limit: int) -> list[tuple[str, str]]:
        await self._io("everything")
        directory = self._directory
        found = [(item, "User") for item in directory.people] + [(item, "Group") for item in directory.teams]
        return sorted(item for item in found if after is None or item[0] > after)[:limit]

    async def read(self, object_type: str, ids: Sequence[str]) -> dict[str, SourceObject]:
        await self._io("read")
        directory = self._directory
        if object_type == "Group":
            return {item: _group(directory.teams[item]) for item in ids if item in directory.teams}
        return {item: _user(directory, directory.people[item]) for item in ids if item in directory.people}

    async def seqs(self, ids: Sequence[str]) -> dict[str, int]:
        await self._io("seqs")
        directory = self._directory
        found = {item: _group(directory.teams[item]) for item in ids if item in directory.teams}
        found |= {item: _user(directory, directory.people[item]) for item in ids if item in directory.people}
        return {item: source.seq for item, source in found.items()}

    async def members(self, group_ids: Sequence[str]) -> dict[str, list[str]]:
        await self._io("members")
        people, teams = self._directory.people, self._directory.teams
        return {
            group: sorted(item for item in teams[group].members if not people[item].recycled) if group in teams else []
            for group in group_ids
        }

    async def groups_of(self, ids: Sequence[str]) -> list[str]:
        await self._io("groups_of")
        wanted = set(ids)
        return sorted(team.id for team in self._directory.teams.values() if team.members & wanted)

    async def related(self, group_ids: Sequence[str]) -> list[tuple[str, str]]:
        return []

    async def reports_of(self, ids: Sequence[str]) -> list[str]:
        await self._io("reports_of")
        wanted = set(ids)
        return sorted(person.id for person in self._directory.people.values() if person.manager in wanted)


def _user(directory: Directory, person: Person) -> SourceObject:
    assigned = "directly" if person.assigned else "through a group" if directory.assigned(person) else None
    return SourceObject(
        id=person.id,
        object_type="User",
        name=person.upn,
        attributes={
            "objectId": person.id,
            "userPrincipalName": person.upn,
            "displayName": person.display,
            "department": person.department,
            "accountEnabled": str(person.enabled),
        },
        seq=person.seq,
        enabled=person.enabled,
        recycled=person.recycled,
        assigned=assigned,
        manager=person.manager,
    )


def _group(team: Team) -> SourceObject:
    return SourceObject(
        id=team.id,
        object_type="Group",
        name=team.name,
        attributes={"objectId": team.id, "displayName": team.name},
        seq=team.seq,
        assigned="directly" if team.assigned else None,
    )
