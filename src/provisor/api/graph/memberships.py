"""Who is in a group, which groups somebody is in, and who owns a group."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from provisor.api.graph import lists, objects
from provisor.api.graph.call import DONE, Answer, Call, identity, referred
from provisor.directory import groups, owners
from provisor.directory.edit import QUERIES as DIRECTORY
from provisor.directory.edit import Edit
from provisor.refusal import Invalid, NotFound
from provisor.storage.pool import Tx
from provisor.storage.queries import queries

QUERIES = queries("graph")
_KINDS: Final = {"graph.user": "User", "graph.group": "Group"}


async def listed(call: Call) -> Answer:
    """Direct members, users and groups, or those of one kind; ``$filter=id eq '…'`` asks about one."""
    return await _listed(call, QUERIES.members)


async def below(call: Call) -> Answer:
    """Members of the group, of the groups in it, and so on."""
    return await _listed(call, QUERIES.members_below)


async def _listed(call: Call, statement: str) -> Answer:
    async with call.database.reading() as tx:
        found = await objects.group(tx, call.tenant, call.keys[0])
        kind = _KINDS.get(call.keys[1], "-") if len(call.keys) > 1 else ""

        async def page(after: UUID, limit: int) -> list[UUID]:
            rows = await tx.fetch(statement, call.tenant.id, found.group.id, kind, after, limit)
            return [row["id"] for row in rows]

        return await lists.by_id(tx, call, page)


async def count(call: Call) -> Answer:
    async with call.database.reading() as tx:
        found = await objects.group(tx, call.tenant, call.keys[0])
        return Answer(text=str(await tx.fetchval(QUERIES.members_count, call.tenant.id, found.group.id)))


async def add(call: Call) -> Answer:
    """One more member. Somebody who is in it already is a bad request, as in Graph."""
    named = referred(call.given_ref, "@odata.id")
    async with call.edit() as work:
        found = await objects.group(work.tx, call.tenant, call.keys[0])
        if not await put(work, call, found.group.id, [named]):
            raise Invalid("One or more added object references already exist for the modified property 'members'.")
    return DONE


async def put(work: Edit, call: Call, group: UUID, named: list[str]) -> int:
    """Add members by id; returns how many were new. Raises NotFound for somebody who is not there."""
    kinds = await kinds_of(work.tx, call, named)
    return await groups.add_members(work, [(group, member, kind) for member, kind in kinds.items()])


async def remove(call: Call) -> Answer:
    async with call.edit() as work:
        found = await objects.group(work.tx, call.tenant, call.keys[0])
        kinds = await kinds_of(work.tx, call, [call.keys[1]])
        if not await groups.remove_members(work, [(found.group.id, member, kind) for member, kind in kinds.items()]):
            raise NotFound(f"Resource {call.keys[1]!r} is no member of the group.")
    return DONE


async def kinds_of(tx: Tx, call: Call, named: list[str]) -> dict[UUID, str]:
    """User or Group, by id. Raises NotFound for an id that nobody has."""
    ids = [identity(item, "directory object") for item in named]
    rows = await tx.fetch(DIRECTORY.objects_by_id, call.tenant.id, ids)
    found: dict[UUID, str] = {row["id"]: row["type"] for row in rows}
    missing = next((item for item in ids if item not in found), None)
    if missing is not None:
        raise NotFound(f"Resource '{missing}' does not exist.")
    return found


async def of_user(call: Call) -> Answer:
    async with call.database.reading() as tx:
        return await _of(tx, call, (await objects.user(tx, call.tenant, call.keys[0])).user.id, QUERIES.memberships)


async def above_user(call: Call) -> Answer:
    """The groups that somebody is in, those that these are in, and so on."""
    async with call.database.reading() as tx:
        return await _of(tx, call, (await objects.user(tx, call.tenant, call.keys[0])).user.id, QUERIES.groups_above)


async def of_group(call: Call) -> Answer:
    async with call.database.reading() as tx:
        return await _of(tx, call, (await objects.group(tx, call.tenant, call.keys[0])).group.id, QUERIES.memberships)


async def above_group(call: Call) -> Answer:
    async with call.database.reading() as tx:
        return await _of(tx, call, (await objects.group(tx, call.tenant, call.keys[0])).group.id, QUERIES.groups_above)


async def _of(tx: Tx, call: Call, principal: UUID, statement: str) -> Answer:
    none = len(call.keys) > 1 and call.keys[1] != "graph.group"

    async def page(after: UUID, limit: int) -> list[UUID]:
        if none:
            return []
        rows = await tx.fetch(statement, call.tenant.id, principal, after, limit)
        return [row["id"] for row in rows]

    return await lists.by_id(tx, call, page)


async def owned_by(call: Call) -> Answer:
    """Owners of a group: people, and clients as service principals."""
    async with call.database.reading() as tx:
        found = await objects.group(tx, call.tenant, call.keys[0])
        rows = await owners.owners(tx, call.tenant, found.group.id)
        people = {item["id"]: item for item in await objects.shown(tx, call.tenant, [row["owner_id"] for row in rows])}
    value = [people.get(str(row["owner_id"])) or _client(row) for row in rows]
    return lists.in_memory_of(call, lists.OBJECTS, value, "directoryObjects")


def _client(row: Any) -> dict[str, Any]:
    properties = {"id": str(row["owner_id"]), "displayName": row["name"], "appId": str(row["owner_id"])}
    return objects.typed("servicePrincipal", properties)


async def add_owner(call: Call) -> Answer:
    named = referred(call.given_ref, "@odata.id")
    async with call.edit() as work:
        found = await objects.group(work.tx, call.tenant, call.keys[0])
        if not await own(work, call, found.group, [named]):
            raise Invalid("One or more added object references already exist for the modified property 'owners'.")
    return DONE


async def own(work: Edit, call: Call, group: groups.Group, named: list[str]) -> int:
    """More owners of a group by id; returns how many were none before."""
    added = 0
    for item in named:
        owner = identity(item, "directory object")
        kind = await work.tx.fetchval(QUERIES.owner_kind, call.tenant.id, owner)
        if kind is None:
            raise NotFound(f"Resource '{owner}' does not exist.")
        added += await owners.add_owner(work, group, owner, kind)
    return added


async def remove_owner(call: Call) -> Answer:
    async with call.edit() as work:
        found = await objects.group(work.tx, call.tenant, call.keys[0])
        if not await owners.remove_owner(work, found.group, identity(call.keys[1], "directory object")):
            raise NotFound(f"Resource {call.keys[1]!r} is no owner of the group.")
    return DONE
