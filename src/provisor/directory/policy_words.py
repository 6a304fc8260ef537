"""Policies in words: people, groups, applications and locations by name, as commands and forms say them, and back.

``document`` makes Microsoft Graph's document of what somebody wants; ``words`` shows a policy in the same words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from provisor.access.conditional_access import ALL, ALL_TRUSTED, NONE, Frequency, Policy, often
from provisor.access.policy_documents import PHISHING_RESISTANT, policy_document
from provisor.access.roles import DIRECTORY_ROLES
from provisor.directory import conditional_access, groups, users
from provisor.directory.admission import PORTAL, Resource
from provisor.directory.edit import Tenant
from provisor.refusal import Conflict, Invalid, NotFound
from provisor.storage.pool import Tx
from provisor.storage.queries import queries

QUERIES = queries("conditional_access")
#: What is said → Graph's state, and back.
STATES: Final = {"on": "enabled", "off": "disabled", "report-only": "enabledForReportingButNotEnforced"}
STATE_NAMES: Final = {value: name for name, value in STATES.items()}
#: What can be asked for.
REQUIRED: Final = ("mfa", "passkey", "block")
EVERY_TIME: Final = "every-time"
TRUSTED: Final = "trusted"
_EVERY: Final = re.compile(r"([1-9][0-9]{0,4})\s*([hd])", re.ASCII)
_ALL_WORDS: Final = {"all": ALL, "none": NONE}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A policy in words. ``users`` and ``apps`` may be All (or None), ``locations`` trusted; none: from anywhere.

    ``require`` is one of :data:`REQUIRED` or empty, ``every`` like 4h, 7d or every-time, or empty.
    """

    name: str
    state: str = "report-only"
    users: tuple[str, ...] = ()
    exclude_users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    exclude_groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    exclude_roles: tuple[str, ...] = ()
    apps: tuple[str, ...] = (ALL,)
    exclude_apps: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    exclude_locations: tuple[str, ...] = ()
    require: str = ""
    every: str = ""


@dataclass(frozen=True, slots=True)
class _Names:
    """Who and what is called so."""

    tx: Tx
    tenant: Tenant

    async def user(self, name: str) -> str:
        if name.casefold() in _ALL_WORDS:
            return _ALL_WORDS[name.casefold()]
        user = await users.find(self.tx, self.tenant, name)
        if user.recycled:
            raise NotFound(f"{user.upn} is in the recycle bin.")
        return str(user.id)

    async def group(self, name: str) -> str:
        return str((await groups.find(self.tx, self.tenant, name)).id)

    async def role(self, name: str) -> str:
        found = next((role for role in DIRECTORY_ROLES if role.casefold() == name.casefold()), None)
        if found is None:
            raise Invalid(f"{name!r} is not a role: {', '.join(DIRECTORY_ROLES)}.")
        return found

    async def app(self, name: str) -> str:
        return _ALL_WORDS.get(name.casefold()) or (await resource(self.tx, self.tenant, name)).id

    async def location(self, name: str) -> str:
        if name.casefold() in ("all", TRUSTED, ALL_TRUSTED.casefold()):
            return ALL if name.casefold() == "all" else ALL_TRUSTED
        return str((await conditional_access.find_location(self.tx, self.tenant, name)).id)


async def document(tx: Tx, tenant: Tenant, wanted: Wanted) -> dict[str, Any]:
    """Graph's document of a policy in words. Raises NotFound, Conflict and Invalid for names that say nobody, or
    several."""
    names = _Names(tx, tenant)
    if wanted.state not in STATES:
        raise Invalid(f"The state is {', '.join(STATES)}, not {wanted.state!r}.")
    locations = None
    if wanted.locations or wanted.exclude_locations:
        locations = {
            "includeLocations": [await names.location(name) for name in wanted.locations or (ALL,)],
            "excludeLocations": [await names.location(name) for name in wanted.exclude_locations],
        }
    return {
        "displayName": wanted.name,
        "state": STATES[wanted.state],
        "conditions": {
            "users": {
                "includeUsers": [await names.user(name) for name in wanted.users],
                "excludeUsers": [await names.user(name) for name in wanted.exclude_users],
                "includeGroups": [await names.group(name) for name in wanted.groups],
                "excludeGroups": [await names.group(name) for name in wanted.exclude_groups],
                "includeRoles": [await names.role(name) for name in wanted.roles],
                "excludeRoles": [await names.role(name) for name in wanted.exclude_roles],
            },
            "applications": {
                "includeApplications": [await names.app(name) for name in wanted.apps],
                "excludeApplications": [await names.app(name) for name in wanted.exclude_apps],
            },
            "locations": locations,
        },
        "grantControls": _grant(wanted.require),
        "sessionControls": {"signInFrequency": _frequency(wanted.every)} if wanted.every else None,
    }


#: The word of :class:`Wanted` → where it stands in the document.
_PLACES: Final = {
    "name": ("displayName",),
    "state": ("state",),
    "users": ("conditions", "users", "includeUsers"),
    "exclude_users": ("conditions", "users", "excludeUsers"),
    "groups": ("conditions", "users", "includeGroups"),
    "exclude_groups": ("conditions", "users", "excludeGroups"),
    "roles": ("conditions", "users", "includeRoles"),
    "exclude_roles": ("conditions", "users", "excludeRoles"),
    "apps": ("conditions", "applications", "includeApplications"),
    "exclude_apps": ("conditions", "applications", "excludeApplications"),
    "locations": ("conditions", "locations", "includeLocations"),
    "exclude_locations": ("conditions", "locations", "excludeLocations"),
    "require": ("grantControls",),
    "every": ("sessionControls",),
}


async def changed(tx: Tx, tenant: Tenant, before: Policy, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a policy with some words changed; what is not ``asked`` stays as it is, also ids of whoever is
    gone. Raises as :func:`document`."""
    after = policy_document(before)
    # Where locations are said on one side only, the other one is that of before.
    nowhere: dict[str, list[str]] = {"includeLocations": [], "excludeLocations": []}
    after["conditions"]["locations"] = after["conditions"]["locations"] or dict(nowhere)
    said = await document(tx, tenant, Wanted(**{"name": before.name, **asked}))
    said["conditions"]["locations"] = said["conditions"]["locations"] or dict(nowhere)
    for word in asked:
        *way, last = _PLACES[word]
        source, target = said, after
        for name in way:
            source, target = source[name], target[name]
        target[last] = source[last]
    locations = after["conditions"]["locations"]
    if not locations["excludeLocations"] and locations["includeLocations"] in ([], [ALL]):
        after["conditions"]["locations"] = None
    elif not locations["includeLocations"]:
        locations["includeLocations"] = [ALL]
    return after


async def resources(tx: Tx, tenant: Tenant) -> list[Resource]:
    """What somebody can sign in to: the portal, applications and workspaces."""
    rows = await tx.fetch(QUERIES.resources, tenant.id)
    return [PORTAL, *(Resource(row["id"], row["name"]) for row in rows)]


async def resource(tx: Tx, tenant: Tenant, name: str) -> Resource:
    """The one with this name or id. Raises NotFound, or Conflict when several have the name."""
    key, every = name.casefold(), await resources(tx, tenant)
    found = [item for item in every if item.id == key] or [item for item in every if item.name.casefold() == key]
    if len(found) > 1:
        ids = ", ".join(item.id for item in found)
        raise Conflict(f"Several applications or workspaces are called {name}: use an id ({ids}).")
    if not found:
        raise NotFound(f"There is no application or workspace {name} to sign in to; {PORTAL.id} is the portal.")
    return found[0]


async def called(tx: Tx, tenant: Tenant, rules: Iterable[Policy]) -> dict[str, str]:
    """The name of each id in these policies; ids of whoever is gone are not in it."""
    rows = await tx.fetch(QUERIES.names, tenant.id, list(conditional_access.named(rules)))
    return {PORTAL.id: PORTAL.id, ALL_TRUSTED: TRUSTED, **{row["id"]: row["name"] for row in rows}}


def words(rule: Policy, names: Mapping[str, str]) -> Wanted:
    """A policy in words; ``names`` as :func:`called` has them. An id that has none is shown itself."""

    def shown(ids: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted((names.get(item, item) for item in ids), key=str.casefold))

    return Wanted(
        rule.name,
        STATE_NAMES[rule.state.value],
        users=shown(rule.users.include),
        exclude_users=shown(rule.users.exclude),
        groups=shown(rule.groups.include),
        exclude_groups=shown(rule.groups.exclude),
        roles=shown(rule.roles.include),
        exclude_roles=shown(rule.roles.exclude),
        apps=shown(rule.applications.include),
        exclude_apps=shown(rule.applications.exclude),
        locations=shown(rule.locations.include) if rule.locations else (),
        exclude_locations=shown(rule.locations.exclude) if rule.locations else (),
        require=rule.grant or "",
        every=_every(rule.frequency),
    )


def summary(wanted: Wanted) -> dict[str, str]:
    """Who, what, where and what then, each as one line for people."""

    def line(groups: Iterable[tuple[str, Iterable[str]]], without: Iterable[str]) -> str:
        said = "; ".join(f"{label}{', '.join(items)}" for label, items in groups if items)
        left = ", ".join(without)
        return said + (f"; but not {left}" if left else "")

    then = {"mfa": "two factors", "passkey": "a passkey", "block": "block"}.get(wanted.require, "")
    every = often(_parsed(wanted.every)) if wanted.every else ""
    return {
        "who": line(
            [("", wanted.users), ("groups ", wanted.groups), ("roles ", wanted.roles)],
            [*wanted.exclude_users, *wanted.exclude_groups, *wanted.exclude_roles],
        ),
        "what": line([("", wanted.apps)], wanted.exclude_apps),
        "where": line([("", wanted.locations)], wanted.exclude_locations) or "anywhere",
        "then": ", ".join(part for part in (then, f"sign in {every}" if every else "") if part),
    }


def _grant(require: str) -> dict[str, Any] | None:
    if not require:
        return None
    if require not in REQUIRED:
        raise Invalid(f"What is required is {' or '.join(REQUIRED)}, not {require!r}.")
    if require == "passkey":
        return {"operator": "OR", "authenticationStrength": {"id": PHISHING_RESISTANT}}
    return {"operator": "OR", "builtInControls": [require]}


def _frequency(every: str) -> dict[str, Any]:
    frequency = _parsed(every)
    if not frequency.value:
        return {"isEnabled": True, "frequencyInterval": "everyTime"}
    return {"isEnabled": True, "frequencyInterval": "timeBased", "value": frequency.value, "type": frequency.unit}


def _parsed(every: str) -> Frequency:
    if every.casefold() == EVERY_TIME:
        return Frequency()
    found = _EVERY.fullmatch(every.strip().casefold())
    if found is None:
        raise Invalid(f"{every!r} is not how often to sign in: write 4h, 7d or {EVERY_TIME}.")
    return Frequency(int(found[1]), "hours" if found[2] == "h" else "days")


def _every(frequency: Frequency | None) -> str:
    if frequency is None:
        return ""
    return f"{frequency.value}{frequency.unit[0]}" if frequency.value else EVERY_TIME
