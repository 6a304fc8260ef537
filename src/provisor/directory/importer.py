"""Importing files of people, groups and members: one transaction, in whatever order the files come.

Importing again updates: users are found by object id, else by user principal name, groups by object id, else by display
name. A cell that is empty clears the attribute; whether somebody is enabled or in the recycle bin changes only where a
file says so. Members are added, never taken away. A bad row is named with its file and line, and nothing is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID, uuid4

from provisor.directory import groups, users
from provisor.directory.edit import QUERIES, Edit
from provisor.directory.groups import Group
from provisor.directory.rows import Row, rows
from provisor.directory.users import User
from provisor.refusal import Conflict, Invalid

_PAGE = 5000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Imported:
    """How many users and groups were made or changed, and how many members were new."""

    users: int
    groups: int
    members: int

    def __str__(self) -> str:
        """``2,000 users, 1 group``; empty when there is nothing."""
        counts = ((self.users, "user"), (self.groups, "group"), (self.members, "member"))
        return ", ".join(f"{count:,} {name}{'s' * (count != 1)}" for count, name in counts if count)


async def import_files(work: Edit, files: Sequence[tuple[str, bytes]]) -> Imported:
    """Import ``files`` (name, content). Raises Invalid or Conflict that begins with the file and the line."""
    work.require("directory.write")
    found = [row for name, data in files for row in rows(name, data)]
    people = await _users(work, [row for row in found if row.kind == "User"])
    teams = await _groups(work, [row for row in found if row.kind == "Group"])
    members = await _members(work, [row for row in found if row.kind == "Member"])
    return Imported(people, teams, members)


async def _users(work: Edit, found: list[Row]) -> int:
    by_key, by_id = await _known_users(work, found)
    before: dict[UUID, User | None] = {}
    after: dict[UUID, User] = {}
    places: dict[UUID, str] = {}
    for row in found:
        known = by_id.get(row.id) if row.id else None
        known = known or by_key.get(str(row.values["userPrincipalName"]).casefold())
        user = _user(row, known)
        if user.id in places:
            raise Conflict(f"{row.place}: {user.upn} is in {places[user.id]} already.")
        places[user.id], before[user.id], after[user.id] = row.place, known, user
        by_key[user.upn.casefold()], by_id[user.id] = user, user
    await _set_managers(work, found, after, by_key, by_id)
    changed = 0
    for page in _pages(list(after.values())):
        for user in page:
            _named(places[user.id], partial(users.check, user))
        changed += await users.save(work, before, page)
    return changed


async def _known_users(work: Edit, found: list[Row]) -> tuple[dict[str, User], dict[UUID, User]]:
    by_key: dict[str, User] = {}
    by_id: dict[UUID, User] = {}
    for page in _pages(found):
        keys = [str(row.values["userPrincipalName"]).casefold() for row in page]
        # Locked until the import is done: what a file does not say must not go back to what it was.
        for record in await work.tx.fetch(QUERIES.users_by_key_lock, work.tenant.id, keys):
            # The living one comes first.
            by_key.setdefault(record["upn"].casefold(), users.from_row(record))
        ids = [row.id for row in page if row.id]
        for record in await work.tx.fetch(QUERIES.users_lock, work.tenant.id, ids):
            by_id[record["id"]] = users.from_row(record)
    return by_key, by_id


def _user(row: Row, known: User | None) -> User:
    values = dict(row.values)
    enabled = values.pop("accountEnabled", None)
    doc = _merged(known.doc if known else {}, values)
    if enabled is None:
        enabled = known.enabled if known else True
    deleted = known.deleted if known else None
    if row.soft_deleted is not None and row.soft_deleted != (deleted is not None):
        deleted = datetime.now(UTC) if row.soft_deleted else None
    identity = known.id if known else row.id or uuid4()
    return User(identity, str(doc["userPrincipalName"]), enabled, deleted, doc)


async def _set_managers(
    work: Edit, found: list[Row], after: dict[UUID, User], by_key: dict[str, User], by_id: dict[UUID, User]
) -> None:
    """Managers are named by user principal name or id and kept by id; they may stand anywhere in the files."""
    asked = {row.place: str(name) for row in found if (name := row.values.get("manager"))}
    missing = [name for name in set(asked.values()) if not _lookup(name, by_key, by_id)]
    for record in await work.tx.fetch(QUERIES.users_by_key, work.tenant.id, [name.casefold() for name in missing]):
        by_key.setdefault(record["upn"].casefold(), users.from_row(record))
    for record in await work.tx.fetch(QUERIES.users_by_id, work.tenant.id, list(filter(None, map(_uuid, missing)))):
        by_id[record["id"]] = users.from_row(record)
    for row in found:
        if row.place not in asked:
            continue
        manager = _lookup(asked[row.place], by_key, by_id)
        if manager is None:
            raise Invalid(f"{row.place}: there is no user {asked[row.place]} who could be the manager.")
        user = by_key[str(row.values["userPrincipalName"]).casefold()]
        doc = {**user.doc, "manager": str(manager.id)}
        after[user.id] = User(user.id, user.upn, user.enabled, user.deleted, doc)


async def _groups(work: Edit, found: list[Row]) -> int:
    names: dict[str, list[Group]] = {}
    by_id: dict[UUID, Group] = {}
    for page in _pages(found):
        keys = list({str(row.values["displayName"]).casefold() for row in page})
        for record in await work.tx.fetch(QUERIES.groups_by_key, work.tenant.id, keys):
            group = Group(record["id"], record["doc"])
            names.setdefault(group.name.casefold(), []).append(group)
        for record in await work.tx.fetch(QUERIES.groups_by_id, work.tenant.id, [row.id for row in page if row.id]):
            by_id[record["id"]] = Group(record["id"], record["doc"])
    before: dict[UUID, Group | None] = {}
    after: dict[UUID, Group] = {}
    places: dict[UUID | str, str] = {}
    for row in found:
        name = str(row.values["displayName"])
        known = by_id.get(row.id) if row.id else _only(row, names.get(name.casefold(), []))
        start = known.doc if known else {"securityEnabled": True, "mailEnabled": False}
        group = Group(known.id if known else row.id or uuid4(), _merged(start, row.values))
        # Two rows with ids of their own may share a name, two without cannot be told apart.
        same: UUID | str = row.id or name.casefold()
        if same in places:
            raise Conflict(f"{row.place}: {name} is in {places[same]} already.")
        places[same], before[group.id], after[group.id] = row.place, known, group
    return await groups.save(work, before, after.values())


async def _members(work: Edit, found: list[Row]) -> int:
    """Names are looked up after users and groups are written, so that the files may come in any order."""
    people: dict[str, UUID] = {}
    teams: dict[str, list[UUID]] = {}
    for page in _pages(found):
        keys = list({name.casefold() for row in page for name in (row.group, row.member)})
        for record in await work.tx.fetch(QUERIES.users_by_key, work.tenant.id, keys):
            people.setdefault(record["upn"].casefold(), record["id"])
        for record in await work.tx.fetch(QUERIES.groups_by_key, work.tenant.id, keys):
            teams.setdefault(record["doc"]["displayName"].casefold(), []).append(record["id"])
        ids = list({identity for key in keys if (identity := _uuid(key))})
        for record in await work.tx.fetch(QUERIES.users_by_id, work.tenant.id, ids):
            people[str(record["id"])] = record["id"]
        for record in await work.tx.fetch(QUERIES.groups_by_id, work.tenant.id, ids):
            teams[str(record["id"])] = [record["id"]]
    memberships: dict[tuple[UUID, UUID], str] = {}
    for row in found:
        group = _team(row, row.group, teams)
        person = people.get(row.member.casefold())
        member = person or _team(row, row.member, teams)
        if member == group:
            raise Invalid(f"{row.place}: {row.group} cannot be a member of itself.")
        memberships[group, member] = "User" if person else "Group"
    return await groups.add_members(work, [(group, member, kind) for (group, member), kind in memberships.items()])


def _team(row: Row, name: str, teams: Mapping[str, list[UUID]]) -> UUID:
    found = teams.get(name.casefold(), [])
    if len(found) > 1:
        raise Conflict(f"{row.place}: several groups are called {name}: use an object id.")
    if not found:
        what = "group" if name == row.group else "user or group"
        raise Invalid(f"{row.place}: there is no {what} {name}.")
    return found[0]


def _only(row: Row, found: list[Group]) -> Group | None:
    if len(found) > 1:
        raise Conflict(f"{row.place}: several groups are called {row.values['displayName']}: add a column objectId.")
    return found[0] if found else None


def _merged(before: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**before, **values}.items() if value is not None}


def _lookup(name: str, by_key: Mapping[str, User], by_id: Mapping[UUID, User]) -> User | None:
    identity = _uuid(name)
    return by_key.get(name.casefold()) or (by_id.get(identity) if identity else None)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _named(place: str, check: Callable[[], None]) -> None:
    try:
        check()
    except Invalid as error:
        raise Invalid(f"{place}: {error}") from None


def _pages(items: list[T]) -> Iterator[list[T]]:
    for start in range(0, len(items), _PAGE):
        yield items[start : start + _PAGE]
