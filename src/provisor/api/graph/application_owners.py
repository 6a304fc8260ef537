"""Who owns an application: ``owners`` of both of its sides, as the portal's page *Owners* has them.

Owners are people. They manage the application in the portal and on the command line, and no other; a client has its
role for all applications or for none, and so owns none.
"""

from __future__ import annotations

from uuid import UUID

from provisor.api.graph import enterprise, lists, objects
from provisor.api.graph.call import DONE, Answer, Call, identity, referred
from provisor.directory import assignments
from provisor.directory.edit import Edit
from provisor.directory.users import User
from provisor.refusal import Invalid, NotFound
from provisor.storage.queries import queries

QUERIES = queries("graph")


async def listed(call: Call) -> Answer:
    app = await enterprise.full(call)
    async with call.database.reading() as tx:
        rows = await assignments.owners(tx, call.tenant, app)
        value = await objects.shown(tx, call.tenant, [row["id"] for row in rows])
    return lists.in_memory_of(call, lists.OBJECTS, value, "directoryObjects")


async def add(call: Call) -> Answer:
    """One more owner. Somebody who is one already is a bad request, as in Graph."""
    app = await enterprise.full(call, "owner.write")
    named = identity(referred(call.given_ref, "@odata.id"), "directory object")
    async with call.edit() as work:
        if not await assignments.add_owner(work, app, await _person(work, named)):
            raise Invalid("One or more added object references already exist for the modified property 'owners'.")
    return DONE


async def remove(call: Call) -> Answer:
    app = await enterprise.full(call, "owner.write")
    named = identity(call.keys[1], "directory object")
    async with call.edit() as work:
        if not await assignments.remove_owner(work, app, await _person(work, named)):
            raise NotFound(f"Resource {call.keys[1]!r} is no owner of {app.name}.")
    return DONE


async def _person(work: Edit, named: UUID) -> User:
    """Raises Invalid for a client, and NotFound for somebody who is not there."""
    if await work.tx.fetchval(QUERIES.owner_kind, work.tenant.id, named) == "Client":
        raise Invalid("Owners of an application are users: a client acts with its role, and owns none.")
    return (await objects.user(work.tx, work.tenant, str(named))).user
