"""``/users``: the people of the tenant, by id or user principal name."""

from __future__ import annotations

from typing import Any

from provisor.api.graph import lists, names, objects
from provisor.api.graph.call import DONE, Answer, Call, identity, referred
from provisor.directory import users
from provisor.refusal import Invalid, NotFound

_REQUIRED = ("accountEnabled", "displayName", "mailNickname", "userPrincipalName")


_SOURCE = "directory_user u where u.tenant = $1 and u.deleted is null"
_COLUMNS = "u.id, u.upn, u.enabled, u.deleted, u.doc, u.created"


async def listed(call: Call) -> Answer:
    async with call.database.reading() as tx:
        return await lists.of_table(tx, call, names.USERS, _COLUMNS, _SOURCE, names.user_view, names.USUAL)


async def count(call: Call) -> Answer:
    async with call.database.reading() as tx:
        return Answer(text=str(await lists.how_many(tx, call, names.USERS, _SOURCE)))


async def deleted(call: Call) -> Answer:
    """Those in the recycle bin."""
    source = "directory_user u where u.tenant = $1 and u.deleted is not null"
    async with call.database.reading() as tx:
        return await lists.of_table(tx, call, names.USERS, _COLUMNS, source, names.user_view, None)


async def get(call: Call) -> Answer:
    async with call.database.reading() as tx:
        found = await objects.user(tx, call.tenant, call.keys[0])
        properties = names.user(found.user, found.created)
        if call.query.expanded("manager"):
            properties["manager"] = await _manager(call, tx, found.user)
    return objects.single(call, "users/$entity", properties, names.USUAL)


async def create(call: Call) -> Answer:
    """A new user. The password in ``passwordProfile`` is not kept: nobody signs in with it here."""
    given = call.given
    said = {name.lower() for name, value in given.items() if value is not None}
    missing = [name for name in _REQUIRED if name.lower() not in said]
    if missing:
        raise Invalid(f"A value is required for property {missing[0]!r} of a user.")
    manager = next((given.pop(name) for name in list(given) if name.lower() == "manager@odata.bind"), None)
    attributes = names.user_attributes(given)
    if manager is not None:
        attributes["manager"] = referred(manager, "manager@odata.bind")
    async with call.edit() as work:
        made = await users.create(work, attributes)
        found = await objects.user(work.tx, call.tenant, str(made))
    answer = objects.single(call, "users/$entity", names.user(found.user, found.created), (*names.USUAL, *given))
    return objects.created(call, answer, f"users/{made}")


async def change(call: Call) -> Answer:
    attributes = names.user_attributes(call.given)
    async with call.edit() as work:
        found = await objects.user(work.tx, call.tenant, call.keys[0])
        await users.change(work, found.user.id, attributes)
    return DONE


async def delete(call: Call) -> Answer:
    """Into the recycle bin, as in Graph."""
    async with call.edit() as work:
        found = await objects.user(work.tx, call.tenant, call.keys[0])
        await users.recycle(work, found.user.id)
    return DONE


async def manager(call: Call) -> Answer:
    async with call.database.reading() as tx:
        found = await objects.user(tx, call.tenant, call.keys[0])
        boss = await _manager(call, tx, found.user)
    if boss is None:
        raise NotFound(f"Resource 'manager' does not exist: {found.user.upn} has none.")
    return objects.single(call, "directoryObjects/$entity", boss, None)


async def set_manager(call: Call) -> Answer:
    named = referred(call.given_ref, "@odata.id")
    async with call.edit() as work:
        found = await objects.user(work.tx, call.tenant, call.keys[0])
        boss = await objects.user(work.tx, call.tenant, named)
        await users.change(work, found.user.id, {"manager": str(boss.user.id)})
    return DONE


async def clear_manager(call: Call) -> Answer:
    async with call.edit() as work:
        found = await objects.user(work.tx, call.tenant, call.keys[0])
        await users.change(work, found.user.id, {"manager": None})
    return DONE


async def _manager(call: Call, tx: Any, user: users.User) -> dict[str, Any] | None:
    if not user.doc.get("manager"):
        return None
    rows = await objects.users_by_id(tx, call.tenant, [identity(user.doc["manager"], "user")])
    return (
        objects.typed("user", names.user(rows[0].user, rows[0].created)) if rows and not rows[0].user.recycled else None
    )
