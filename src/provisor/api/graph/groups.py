"""``/groups``: the groups of the tenant, by id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from provisor.api.graph import lists, memberships, names, objects
from provisor.api.graph.call import DONE, Answer, Call, referred
from provisor.api.graph.projection import project
from provisor.directory import groups
from provisor.refusal import Invalid
from provisor.storage.pool import Row

_REQUIRED: Final = ("displayName", "mailEnabled", "mailNickname", "securityEnabled")
#: Members that one request may name.
_MOST_BOUND: Final = 20


_SOURCE: Final = "directory_group g where g.tenant = $1"


async def listed(call: Call) -> Answer:
    async with call.database.reading() as tx:
        return await lists.of_table(tx, call, names.GROUPS, "g.id, g.doc, g.created", _SOURCE, _view, None)


async def count(call: Call) -> Answer:
    async with call.database.reading() as tx:
        return Answer(text=str(await lists.how_many(tx, call, names.GROUPS, _SOURCE)))


def _view(select: tuple[str, ...]) -> Callable[[Row], dict[str, Any]]:
    def show(row: Row) -> dict[str, Any]:
        found = objects.team(row)
        return project(names.group(found.group, found.created), select)

    return show


async def get(call: Call) -> Answer:
    async with call.database.reading() as tx:
        found = await objects.group(tx, call.tenant, call.keys[0])
        properties = names.group(found.group, found.created)
        if call.query.expanded("members"):
            rows = await groups.members(tx, call.tenant, found.group.id)
            properties["members"] = await objects.shown(tx, call.tenant, [row["member_id"] for row in rows])
    return objects.single(call, "groups/$entity", properties, None)


async def create(call: Call) -> Answer:
    given, bound = _bound(call)
    said = {name.lower() for name, value in given.items() if value is not None}
    missing = [name for name in _REQUIRED if name.lower() not in said]
    if missing:
        raise Invalid(f"A value is required for property {missing[0]!r} of a group.")
    async with call.edit() as work:
        made = await groups.create(work, names.group_attributes(given))
        found = await objects.group(work.tx, call.tenant, str(made))
        if bound["members"]:
            await memberships.put(work, call, made, bound["members"])
        await memberships.own(work, call, found.group, bound["owners"])
    answer = objects.single(call, "groups/$entity", names.group(found.group, found.created), None)
    return objects.created(call, answer, f"groups/{made}")


async def change(call: Call) -> Answer:
    """Properties, and up to 20 more members with ``members@odata.bind``."""
    given, bound = _bound(call)
    async with call.edit() as work:
        found = await objects.group(work.tx, call.tenant, call.keys[0])
        if given:
            await groups.change(work, found.group, names.group_attributes(given))
        if bound["members"]:
            await memberships.put(work, call, found.group.id, bound["members"])
        await memberships.own(work, call, found.group, bound["owners"])
    return DONE


async def delete(call: Call) -> Answer:
    async with call.edit() as work:
        await groups.delete(work, (await objects.group(work.tx, call.tenant, call.keys[0])).group)
    return DONE


def _bound(call: Call) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The body's properties, and the ids that it binds as members and owners. Raises Invalid."""
    given = call.given
    bound: dict[str, list[str]] = {"members": [], "owners": []}
    for name in list(given):
        relation, _, annotation = name.partition("@")
        if annotation != "odata.bind":
            continue
        value = given.pop(name)
        if relation not in bound or not isinstance(value, list):
            raise Invalid(f"{name} is not understood: members@odata.bind and owners@odata.bind take lists.")
        if len(value) > _MOST_BOUND:
            raise Invalid(f"{name} takes at most {_MOST_BOUND} addresses in one request.")
        bound[relation] = [referred(item, name) for item in value]
    return given, bound
