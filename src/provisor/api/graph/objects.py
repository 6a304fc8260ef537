"""What users and groups have in common: found by id, shown with their kind, deleted and restored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from provisor.api.graph import names
from provisor.api.graph.call import DONE, Answer, Call, identity
from provisor.api.graph.projection import project
from provisor.directory import users
from provisor.directory.edit import Tenant
from provisor.directory.groups import Group
from provisor.directory.users import User
from provisor.refusal import Invalid, NotFound
from provisor.storage.pool import Row, Tx
from provisor.storage.queries import queries

QUERIES = queries("graph")
_MOST_IDS: Final = 1000
_NOBODY: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Person:
    user: User
    created: datetime


@dataclass(frozen=True, slots=True)
class Team:
    group: Group
    created: datetime


def person(row: Row) -> Person:
    return Person(users.from_row(row), row["created"])


def team(row: Row) -> Team:
    return Team(Group(row["id"], row["doc"]), row["created"])


async def user(tx: Tx, tenant: Tenant, key: str) -> Person:
    """The user with this id or user principal name, not one in the recycle bin. Raises NotFound."""
    try:
        found = UUID(key)
    except ValueError:
        found = _NOBODY
    row = await tx.fetchrow(QUERIES.users_by_key, tenant.id, key.casefold(), found)
    if row is None:
        raise _missing(key)
    return person(row)


async def group(tx: Tx, tenant: Tenant, key: str) -> Team:
    """The group with this id. Raises NotFound."""
    rows = await tx.fetch(QUERIES.groups_by_id, tenant.id, [identity(key, "group")])
    if not rows:
        raise _missing(key)
    return team(rows[0])


async def users_by_id(tx: Tx, tenant: Tenant, ids: Sequence[UUID]) -> list[Person]:
    return [person(row) for row in await tx.fetch(QUERIES.users_by_id, tenant.id, list(ids))]


async def shown(tx: Tx, tenant: Tenant, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Users and groups with these ids, in this order, each with its kind; without those that are in the recycle bin."""
    people = await users_by_id(tx, tenant, ids)
    teams = [team(row) for row in await tx.fetch(QUERIES.groups_by_id, tenant.id, list(ids))]
    found = {
        item.user.id: typed("user", names.user(item.user, item.created)) for item in people if not item.user.recycled
    }
    found |= {item.group.id: typed("group", names.group(item.group, item.created)) for item in teams}
    return [found[item] for item in ids if item in found]


def typed(kind: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"@odata.type": f"#microsoft.graph.{kind}", **properties}


def single(call: Call, context: str, properties: Mapping[str, Any], usual: Iterable[str] | None) -> Answer:
    """One object: what was selected of it, else what is ``usual`` (None: all)."""
    return Answer(body={"@odata.context": call.context(context), **selected(call, properties, usual)})


def selected(call: Call, properties: Mapping[str, Any], usual: Iterable[str] | None) -> dict[str, Any]:
    """What was selected of an object and what was expanded, else what is ``usual`` (None: all)."""
    return project(properties, selection(call, usual))


def selection(call: Call, usual: Iterable[str] | None) -> tuple[str, ...]:
    """The words of what is asked for; none: everything."""
    select = tuple(call.query.select or usual or ())
    return (*select, *(item.name for item in call.query.expand)) if select else ()


def created(call: Call, answer: Answer, path: str) -> Answer:
    return Answer(201, answer.body, headers={"Location": f"{call.base}/{path}"})


async def get(call: Call) -> Answer:
    async with call.database.reading() as tx:
        found = await shown(tx, call.tenant, [identity(call.keys[0], "directory object")])
    if not found:
        raise _missing(call.keys[0])
    return single(call, "directoryObjects/$entity", found[0], None)


async def by_ids(call: Call) -> Answer:
    """Those that there are of up to 1,000 ids; ``types`` may leave users or groups out."""
    ids, types = call.given.get("ids"), call.given.get("types") or ["user", "group"]
    if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids) or len(ids) > _MOST_IDS:
        raise Invalid(f"ids must be a list of at most {_MOST_IDS} ids.")
    if not isinstance(types, list):
        raise Invalid("types must be a list.")
    wanted = {f"#microsoft.graph.{str(item).lower()}" for item in types}
    every = "#microsoft.graph.directoryobject" in wanted
    async with call.database.reading() as tx:
        found = await shown(tx, call.tenant, [identity(item, "directory object") for item in dict.fromkeys(ids)])
    kept = [item for item in found if every or item["@odata.type"] in wanted]
    context = call.context("directoryObjects")
    return Answer(body={"@odata.context": context, "value": [selected(call, item, None) for item in kept]})


async def restore(call: Call) -> Answer:
    async with call.edit() as work:
        found = await _recycled(work.tx, call)
        await users.restore(work, found.user.id)
    return single(call, "directoryObjects/$entity", typed("user", names.user(found.user, found.created)), None)


async def purge(call: Call) -> Answer:
    """Delete for good."""
    async with call.edit() as work:
        await users.purge(work, (await _recycled(work.tx, call)).user.id)
    return DONE


async def recycled(call: Call) -> Answer:
    async with call.database.reading() as tx:
        found = await _recycled(tx, call)
    return single(call, "directoryObjects/$entity", typed("user", names.user(found.user, found.created)), None)


async def _recycled(tx: Tx, call: Call) -> Person:
    rows = await users_by_id(tx, call.tenant, [identity(call.keys[0], "directory object")])
    if not rows or not rows[0].user.recycled:
        raise NotFound(f"Resource {call.keys[0]!r} is not among the deleted items.")
    return rows[0]


def _missing(key: str) -> NotFound:
    return NotFound(f"Resource {key!r} does not exist.")
