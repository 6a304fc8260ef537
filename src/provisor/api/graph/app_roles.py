"""Who is assigned to an application: ``appRoleAssignedTo`` of its service principal, and the same seen from a user or a
group. To assign is one thing in the directory; with which role is remembered for whoever asks."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from provisor.api.graph import enterprise, lists, objects
from provisor.api.graph.call import DONE, Answer, Call
from provisor.api.graph.enterprise import NO_ROLE, ROLES
from provisor.api.graph.fields import Field, Fields
from provisor.api.graph.identifiers import assigned, assignment_id
from provisor.api.graph.names import moment
from provisor.directory import applications, assignments
from provisor.directory.applications import Application
from provisor.refusal import Invalid, NotFound
from provisor.storage.pool import Row, Tx
from provisor.storage.queries import queries

QUERIES = queries("graph_provisioning")
_FIELDS: Final = Fields(
    "appRoleAssignment",
    {
        "id": Field("exact"),
        "principalId": Field("uuid"),
        "resourceId": Field("uuid"),
        "appRoleId": Field("uuid"),
        "principalDisplayName": Field("text"),
        "principalType": Field("text"),
        "createdDateTime": Field("moment"),
    },
)
_KNOWN_ROLES: Final = frozenset({NO_ROLE, *(UUID(role["id"]) for role in ROLES)})
_CONTEXT: Final = "appRoleAssignments"


def _shown(row: Row) -> dict[str, Any]:
    return {
        "id": assignment_id(row["application"], row["principal_id"]),
        "appRoleId": str(row["role"] or NO_ROLE),
        "createdDateTime": moment(row["created"]),
        "deletedDateTime": None,
        "principalDisplayName": row["name"],
        "principalId": str(row["principal_id"]),
        "principalType": row["principal_type"],
        "resourceDisplayName": row["resource"],
        "resourceId": str(row["application"]),
    }


async def of_application(call: Call) -> Answer:
    async with call.database.reading() as tx:
        found = await enterprise.named(tx, call)
        rows = await tx.fetch(QUERIES.assigned, call.tenant.id, found.id, None)
    return lists.in_memory_of(call, _FIELDS, [_shown(row) for row in rows], _CONTEXT)


async def of_user(call: Call) -> Answer:
    async with call.database.reading() as tx:
        return await _of(tx, call, (await objects.user(tx, call.tenant, call.keys[0])).user.id)


async def of_group(call: Call) -> Answer:
    async with call.database.reading() as tx:
        return await _of(tx, call, (await objects.group(tx, call.tenant, call.keys[0])).group.id)


async def _of(tx: Tx, call: Call, principal: UUID) -> Answer:
    rows = await tx.fetch(QUERIES.assigned, call.tenant.id, None, principal)
    return lists.in_memory_of(call, _FIELDS, [_shown(row) for row in rows], _CONTEXT)


async def assign(call: Call) -> Answer:
    """Assign one user or group. Whoever is assigned already is a bad request, as in Graph."""
    app = await enterprise.full(call, "provisioning.write")
    if _given(call, "resourceId", app.id) != app.id:
        raise Invalid("resourceId must be the id of the service principal that the address names.")
    return await _assign(call, app, _given(call, "principalId"))


async def assign_user(call: Call) -> Answer:
    async with call.database.reading() as tx:
        principal = (await objects.user(tx, call.tenant, call.keys[0])).user.id
    return await _assign_to(call, principal)


async def assign_group(call: Call) -> Answer:
    async with call.database.reading() as tx:
        principal = (await objects.group(tx, call.tenant, call.keys[0])).group.id
    return await _assign_to(call, principal)


async def _assign_to(call: Call, principal: UUID) -> Answer:
    """The same, where the address names who is assigned and ``resourceId`` to what."""
    if _given(call, "principalId", principal) != principal:
        raise Invalid("principalId must be the id of whom the address names.")
    resource = _given(call, "resourceId")
    async with call.database.reading() as tx:
        app = await applications.by_id(tx, call.tenant, resource)
    return await _assign(call, app, principal)


async def _assign(call: Call, app: Application, principal: UUID) -> Answer:
    role = _given(call, "appRoleId", NO_ROLE)
    if role not in _KNOWN_ROLES:
        raise Invalid(f"Permission being assigned was not found on application '{app.name}': it has no role '{role}'.")
    async with call.edit() as work:
        locked = await applications.locked(work, app.id)
        found = await assignments.principals(work.tx, call.tenant, [principal])
        if not found:
            raise NotFound(f"Resource '{principal}' does not exist.")
        if not await assignments.assign(work, locked, found):
            raise Invalid("Permission being assigned already exists on the object.")
        await work.tx.execute(QUERIES.role_put, call.tenant.id, app.id, principal, role)
        (row,) = await work.tx.fetch(QUERIES.assigned, call.tenant.id, app.id, principal)
    return Answer(201, {"@odata.context": call.context(f"{_CONTEXT}/$entity"), **_shown(row)})


async def get(call: Call) -> Answer:
    app = await enterprise.full(call)
    principal = _principal(call, app.id)
    async with call.database.reading() as tx:
        rows = await tx.fetch(QUERIES.assigned, call.tenant.id, app.id, principal)
    if not rows:
        raise _missing(call)
    return objects.single(call, f"{_CONTEXT}/$entity", _shown(rows[0]), None)


async def unassign(call: Call) -> Answer:
    app = await enterprise.full(call, "provisioning.write")
    return await _unassign(call, app.id, _principal(call, app.id))


async def unassign_user(call: Call) -> Answer:
    async with call.database.reading() as tx:
        principal = (await objects.user(tx, call.tenant, call.keys[0])).user.id
    return await _unassign_from(call, principal)


async def unassign_group(call: Call) -> Answer:
    async with call.database.reading() as tx:
        principal = (await objects.group(tx, call.tenant, call.keys[0])).group.id
    return await _unassign_from(call, principal)


async def _unassign_from(call: Call, principal: UUID) -> Answer:
    application, whose = assigned(call.keys[1])
    if whose != principal:
        raise _missing(call)
    return await _unassign(call, application, principal)


async def _unassign(call: Call, application: UUID, principal: UUID) -> Answer:
    async with call.edit() as work:
        locked = await applications.locked(work, application)
        found = await assignments.principals(work.tx, call.tenant, [principal])
        if not await assignments.unassign(work, locked, found):
            raise _missing(call)
    return DONE


def _principal(call: Call, application: UUID) -> UUID:
    of, principal = assigned(call.keys[1])
    if of != application:
        raise _missing(call)
    return principal


def _missing(call: Call) -> NotFound:
    return NotFound(f"There is no assignment {call.keys[1]!r}.")


def _given(call: Call, name: str, default: UUID | None = None) -> UUID:
    value = call.given.get(name, default)
    try:
        return UUID(str(value))
    except ValueError:
        raise Invalid(f"{name} must be a GUID.") from None
