"""How much there is to provision: scales, and a directory of each, filled with the product's own statements.

People and groups go in by the statements that every edit of the directory uses, thousands at a time, with their places
in the feed; what an edit writes beside them (checks, the audit log) is left out. Who is in which group is drawn from a
fixed seed, so two runs provision the same. Nothing here is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final, TypeVar
from uuid import UUID

from provisor.compose import House
from provisor.directory import applications, groups, tenants, users
from provisor.directory.applications import Application
from provisor.directory.edit import QUERIES, Tenant, edit
from provisor.sync import connection

T = TypeVar("T")
SEED: Final = 1
DOMAIN: Final = "contoso.com"
ADMINISTRATOR: Final = f"admin@{DOMAIN}"
#: Members that one request adds, and resources that one page of a list has.
CHUNK: Final = 100
_PAGE: Final = 20_000
_JOB: Final = """
insert into sync_job (tenant, application, watermark, watched, initial, last_cycle, compared)
select id, $2, seq, seq, false, now(), now() from tenant where id = $1
on conflict (tenant, application) do update
set watermark = excluded.watermark, watched = excluded.watched, initial = false, last_cycle = now(), compared = now()
"""
_LINKED: Final = """
insert into sync_object (tenant, application, source_id, object_type, desired_seq, applied_seq, target_id, state,
                         last_applied)
select u.tenant, $2, u.id, 'User', t.seq, t.seq, u.id::text, 'linked',
       jsonb_build_object('userName', u.upn, 'active', true, 'displayName', u.doc -> 'displayName')
from directory_user u join tenant t on t.id = u.tenant where u.tenant = $1
"""
_CITIES: Final = ("London", "Paris", "Berlin", "Warschau", "Roma")


@dataclass(frozen=True, slots=True)
class Scale:
    """``users`` with the administrator; ``groups`` share the ``memberships``."""

    name: str
    users: int
    groups: int
    memberships: int

    @property
    def objects(self) -> int:
        return self.users + self.groups

    def sizes(self) -> list[int]:
        """How many members each group has: some many, some few, all together as many as there are to be."""
        draw = Random(SEED)
        weights = [0.1 + draw.random() for _ in range(self.groups)]
        most = self.users - 1
        found = [min(most, int(weight / sum(weights) * self.memberships)) for weight in weights]
        for place in range(self.memberships - sum(found)):
            found[place % self.groups] += 1
        return found


SCALES: Final = {
    "S": Scale("S", 1_000, 20, 5_000),
    "M": Scale("M", 10_000, 500, 100_000),
    "L": Scale("L", 100_000, 2_000, 1_000_000),
    # One large group, and somebody who is not in it.
    "G": Scale("G", 20_001, 1, 20_000),
}
#: Ten changes among so many people.
AMONG: Final = (Scale("10,000", 10_000, 0, 0), Scale("1,000,000", 1_000_000, 0, 0))


@dataclass(frozen=True, slots=True)
class Directory:
    """Who is there: ``people`` without the administrator."""

    people: Sequence[UUID]
    teams: Sequence[UUID]
    administrator: UUID


async def fill(house: House, tenant: Tenant, scale: Scale) -> Directory:
    """Everybody, every group and who is in it."""
    draw = Random(SEED)
    people = [UUID(int=draw.getrandbits(128), version=4) for _ in range(scale.users - 1)]
    teams = [UUID(int=draw.getrandbits(128), version=4) for _ in range(scale.groups)]
    async with house.database.transaction() as tx:
        for page in _pages(list(enumerate(people))):
            names = [f"p{number}@{DOMAIN}" for number, _ in page]
            docs = [_person(number) for number, _ in page]
            ids, shown = [identity for _, identity in page], [doc["displayName"].casefold() for doc in docs]
            row = (ids, names, names, shown, [True] * len(page), [None] * len(page), docs)
            await tx.execute(QUERIES.user_upsert, tenant.id, *row)
            await tx.execute(QUERIES.feed_append, tenant.id, ids, ["User"] * len(ids), [], [], [])
        names = [f"Team {number:05}" for number in range(scale.groups)]
        documents = [{"displayName": name, "securityEnabled": True, "mailEnabled": False} for name in names]
        await tx.execute(QUERIES.group_upsert, tenant.id, teams, [name.casefold() for name in names], documents)
        await tx.execute(QUERIES.feed_append, tenant.id, teams, ["Group"] * len(teams), [], [], [])
        rows = [
            (team, one) for team, size in zip(teams, scale.sizes(), strict=True) for one in draw.sample(people, size)
        ]
        for part in _pages(rows):
            pair = [team for team, _ in part], [member for _, member in part]
            await tx.execute(QUERIES.member_insert, tenant.id, *pair, ["User"] * len(part))
        administrator = await users.find(tx, tenant, ADMINISTRATOR)
    async with house.database.reading() as tx:
        # As it is a minute later in any installation: the planner knows what there is.
        for table in ("directory_user", "directory_group", "directory_member", "directory_change"):
            await tx.execute(f"analyze {table}")
    return Directory(people, teams, administrator.id)


def _person(number: int) -> dict[str, Any]:
    given, surname = f"Given{number}", f"Surname{number % 977}"
    return {
        "userPrincipalName": f"p{number}@{DOMAIN}",
        "mail": f"p{number}@{DOMAIN}",
        "mailNickname": f"p{number}",
        "displayName": f"{given} {surname}",
        "givenName": given,
        "surname": surname,
        "jobTitle": f"Title {number % 50}",
        "department": f"Department {number % 40}",
        "employeeId": str(100_000 + number),
        "telephoneNumber": f"+44 20 {number:07}",
        "city": _CITIES[number % len(_CITIES)],
        "country": "GB",
    }


async def application(house: House, tenant: Tenant, name: str, url: str, wire: str) -> Application:
    """An application that provisions everybody to ``url``, its connection tested."""
    actor = await tenants.actor(house.database, tenant, None)
    async with edit(house.database, tenant, actor) as work:
        identity = await applications.create(work, name, "scim")
    async with house.database.reading() as tx:
        before = await applications.by_id(tx, tenant, identity)
    connected = applications.connect(before, house.box, tenant_url=url, secret_token="bench" * 8)

    def changes(current: Application) -> Application:
        changed = applications.with_connection(current, connected, scope="all")
        return replace(changed, policies=replace(changed.policies, wire=wire))

    return await connection.save(
        house.database, tenant, actor, before, changes, lambda item: house.target(item, read_only=True)
    )


async def change_ten(house: House, tenant: Tenant, directory: Directory) -> None:
    """Another title for ten among everybody."""
    actor = await tenants.actor(house.database, tenant, None)
    async with edit(house.database, tenant, actor) as work:
        for person in Random(SEED + 1).sample(directory.people, 10):
            await users.change(work, person, {"jobTitle": "Countess"})


async def provisioned(house: House, tenant: Tenant, application: Application) -> None:
    """Everybody has an account and nothing is due, as after an initial cycle long ago."""
    async with house.database.transaction() as tx:
        await tx.execute(_JOB, tenant.id, application.id)
        await tx.execute(_LINKED, tenant.id, application.id)
    async with house.database.reading() as tx:
        await tx.execute("analyze sync_object")


async def ten(house: House, directory: Directory) -> list[tuple[UUID, str]]:
    """Those whom :func:`change_ten` changes: id and user principal name."""
    chosen = Random(SEED + 1).sample(directory.people, 10)
    async with house.database.reading() as tx:
        rows = await tx.fetch("select id, upn from directory_user where id = any($1)", chosen)
    return [(row["id"], row["upn"]) for row in rows]


async def account(house: House, application: Application, person: UUID, target_id: str) -> None:
    """The account of somebody is this one."""
    async with house.database.transaction() as tx:
        statement = "update sync_object set target_id = $3 where application = $1 and source_id = $2"
        await tx.execute(statement, application.id, person, target_id)


async def join(house: House, tenant: Tenant, directory: Directory) -> None:
    """The administrator becomes a member of the first group."""
    actor = await tenants.actor(house.database, tenant, None)
    async with edit(house.database, tenant, actor) as work:
        await groups.add_members(work, [(directory.teams[0], directory.administrator, "User")])


def _pages(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + _PAGE] for start in range(0, len(items), _PAGE))
