"""``/identity/conditionalAccess``: policies and named locations, in Graph's own form as they are kept.

An application stands in a policy under its appId, as Graph's clients know it; the portal and workspaces under their own
ids. PATCH changes what it names and leaves the rest. A change that would shut every administrator out is refused here
without a way around it: that is for whoever sees what they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from provisor.api.graph import lists, objects
from provisor.api.graph.call import DONE, Answer, Call, identity
from provisor.api.graph.fields import Field, Fields
from provisor.api.graph.names import moment
from provisor.directory import applications, conditional_access
from provisor.directory.applications import app_id
from provisor.directory.conditional_access import Kept
from provisor.storage.pool import Tx

_COMMON: Final = {
    "id": Field("uuid"),
    "displayName": Field("text"),
    "createdDateTime": Field("moment"),
    "modifiedDateTime": Field("moment"),
}
_POLICIES: Final = Fields("policy", {**_COMMON, "state": Field("text")})
_LOCATIONS: Final = Fields("named location", {**_COMMON, "isTrusted": Field("boolean")})
_POLICY, _LOCATION = "identity/conditionalAccess/policies", "identity/conditionalAccess/namedLocations"


async def policies(call: Call) -> Answer:
    async with call.database.reading() as tx:
        kept = await conditional_access.policies(tx, call.tenant)
        known = await _app_ids(tx, call)
    return lists.in_memory_of(call, _POLICIES, [_shown(item, known) for item in kept], _POLICY)


async def policy(call: Call) -> Answer:
    async with call.database.reading() as tx:
        found = await conditional_access.find_policy(tx, call.tenant, str(identity(call.keys[0], "policy")))
        return objects.single(call, f"{_POLICY}/$entity", _shown(found, await _app_ids(tx, call)), None)


async def policy_create(call: Call) -> Answer:
    async with call.edit() as work:
        known = await _app_ids(work.tx, call)
        made = await conditional_access.create_policy(work, _kept(call.given, known))
    return Answer(201, {"@odata.context": call.context(f"{_POLICY}/$entity"), **_shown(made, known)})


async def policy_change(call: Call) -> Answer:
    async with call.edit() as work:
        before = await conditional_access.find_policy(work.tx, call.tenant, str(identity(call.keys[0], "policy")))
        given = _kept(call.given, await _app_ids(work.tx, call))
        await conditional_access.change_policy(work, before.id, _merged(before.to_json(), given))
    return DONE


async def policy_delete(call: Call) -> Answer:
    async with call.edit() as work:
        await conditional_access.delete_policy(work, identity(call.keys[0], "policy"))
    return DONE


async def locations(call: Call) -> Answer:
    async with call.database.reading() as tx:
        kept = await conditional_access.locations(tx, call.tenant)
    return lists.in_memory_of(call, _LOCATIONS, [_shown(item, {}) for item in kept], _LOCATION)


async def location(call: Call) -> Answer:
    async with call.database.reading() as tx:
        found = await conditional_access.find_location(tx, call.tenant, str(identity(call.keys[0], "named location")))
    return objects.single(call, f"{_LOCATION}/$entity", _shown(found, {}), None)


async def location_create(call: Call) -> Answer:
    async with call.edit() as work:
        made = await conditional_access.create_location(work, _typed(call))
    return Answer(201, {"@odata.context": call.context(f"{_LOCATION}/$entity"), **_shown(made, {})})


async def location_change(call: Call) -> Answer:
    async with call.edit() as work:
        key = str(identity(call.keys[0], "named location"))
        before = await conditional_access.find_location(work.tx, call.tenant, key)
        await conditional_access.change_location(work, before.id, {**before.to_json(), **_typed(call)})
    return DONE


async def location_delete(call: Call) -> Answer:
    async with call.edit() as work:
        await conditional_access.delete_location(work, identity(call.keys[0], "named location"))
    return DONE


async def _app_ids(tx: Tx, call: Call) -> dict[str, str]:
    """The appId of each application by its id."""
    every = await applications.everyone(tx, call.tenant)
    return {str(item.id): str(app_id(item.id)) for item in every}


def _typed(call: Call) -> dict[str, Any]:
    """The body with its type, which says what kind of location it is."""
    kind = (call.body or {}).get("@odata.type")
    return {**call.given, **({"@odata.type": kind} if kind is not None else {})}


def _shown(item: Kept, known: Mapping[str, str]) -> dict[str, Any]:
    """As Graph's clients know it: an application by its appId."""
    document = _renamed(item.to_json(), known)
    return {**document, "createdDateTime": moment(item.created), "modifiedDateTime": moment(item.modified)}


def _kept(given: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    """As it is kept: an application by its id, whichever of both was sent."""
    return _renamed(given, {sent.lower(): identity for identity, sent in known.items()})


def _renamed(document: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    conditions = document.get("conditions")
    chosen = conditions.get("applications") if isinstance(conditions, Mapping) else None
    if not isinstance(conditions, Mapping) or not isinstance(chosen, Mapping):
        return dict(document)
    renamed = {
        side: [names.get(item.lower(), item) if isinstance(item, str) else item for item in value]
        if isinstance(value, list)
        else value
        for side, value in chosen.items()
    }
    return {**document, "conditions": {**conditions, "applications": renamed}}


def _merged(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is named takes the place of what was there; of conditions each by itself."""
    merged = {**before, **given}
    conditions = given.get("conditions")
    if isinstance(conditions, Mapping):
        merged["conditions"] = {**before["conditions"], **conditions}
        for name, value in conditions.items():
            inside = before["conditions"].get(name)
            if isinstance(value, Mapping) and isinstance(inside, Mapping):
                merged["conditions"][name] = {**inside, **value}
    return merged
