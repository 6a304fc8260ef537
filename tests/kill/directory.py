"""The directory of a tenant as a value: what it should say, and what the database says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from pair import Pair
from provisor.storage.pool import AWAY

ADMINISTRATOR: Final = "admin@contoso.com"
#: Seconds after which a database that was restarted must answer.
_PATIENCE = 60.0


class Wrong(AssertionError):
    """Something that must not be."""


@dataclass(frozen=True, slots=True)
class Person:
    upn: str
    mail: str
    given: str
    surname: str
    enabled: bool = True
    recycled: bool = False
    assigned: bool = False
    manager: UUID | None = None

    @property
    def display(self) -> str:
        """What the mapping makes of the names."""
        return f"{self.given} {self.surname}"


@dataclass(frozen=True, slots=True)
class Team:
    name: str
    members: frozenset[UUID] = frozenset()
    assigned: bool = True


@dataclass(frozen=True, slots=True)
class Directory:
    people: Mapping[UUID, Person] = field(default_factory=dict)
    teams: Mapping[UUID, Team] = field(default_factory=dict)

    def inside(self, identity: UUID) -> bool:
        """Whether somebody is in the application's scope."""
        person = self.people[identity]
        through = any(team.assigned and identity in team.members for team in self.teams.values())
        return person.enabled and not person.recycled and (person.assigned or through)

    def person(self, identity: UUID, **values: Any) -> Directory:
        return replace(self, people={**self.people, identity: replace(self.people[identity], **values)})

    def team(self, identity: UUID, **values: Any) -> Directory:
        return replace(self, teams={**self.teams, identity: replace(self.teams[identity], **values)})

    def without(self, identity: UUID) -> Directory:
        """After somebody, or a group, is deleted for good."""
        people = {
            one: replace(person, manager=None) if person.manager == identity else person
            for one, person in self.people.items()
            if one != identity
        }
        teams = {
            one: replace(team, members=team.members - {identity}) for one, team in self.teams.items() if one != identity
        }
        return Directory(people, teams)


async def read(pair: Pair) -> Directory:
    """The directory as the database has it."""
    async with pair.house.database.snapshot() as tx:
        here, app = pair.tenant.id, pair.application
        people = await tx.fetch("select * from directory_user where tenant = $1 and upn <> $2", here, ADMINISTRATOR)
        teams = await tx.fetch("select * from directory_group where tenant = $1", here)
        rows = await tx.fetch("select group_id, member_id from directory_member where tenant = $1", here)
        assigned = await tx.fetch("select principal_id from application_assignment where application = $1", app)
    given = {row["principal_id"] for row in assigned}
    return Directory(
        {
            row["id"]: Person(
                row["upn"],
                row["doc"]["mail"],
                row["doc"]["givenName"],
                row["doc"]["surname"],
                row["enabled"],
                row["deleted"] is not None,
                row["id"] in given,
                UUID(row["doc"]["manager"]) if row["doc"].get("manager") else None,
            )
            for row in people
        },
        {
            row["id"]: Team(
                row["doc"]["displayName"],
                frozenset(member["member_id"] for member in rows if member["group_id"] == row["id"]),
                row["id"] in given,
            )
            for row in teams
        },
    )


async def patiently(ask: Callable[[], Awaitable[Any]]) -> Any:
    """What the database says once it is back. Raises what it raises when that takes too long."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return await ask()
        except AWAY:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)
