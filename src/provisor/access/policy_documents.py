"""Conditional access policies and named locations as documents: Microsoft Graph's JSON, read strictly into values.

The forms are Graph's ``conditionalAccessPolicy`` and ``ipNamedLocation`` (v1.0). A property that Graph knows and that
is not evaluated here may be there empty, as exports have it; whatever else would be asked for and not done is refused
with a sentence that names the place. ``policy_document`` and ``location_document`` write the same forms.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, get_args
from uuid import UUID

from provisor.access.conditional_access import (
    ALL,
    ALL_TRUSTED,
    NONE,
    PORTAL,
    Frequency,
    Grant,
    Location,
    Network,
    Policy,
    Selection,
    State,
    Unit,
    network,
)
from provisor.access.roles import ROLE_TEMPLATES
from provisor.refusal import Invalid

#: Graph's ids of the authentication strengths that can be asked for: two factors, and one that cannot be phished.
MULTIFACTOR: Final = "00000000-0000-0000-0000-000000000002"
PHISHING_RESISTANT: Final = "00000000-0000-0000-0000-000000000004"
LONGEST_NAME: Final = 256
MOST_RANGES: Final = 2000
_MOST_CHOSEN: Final = 1000
#: The longest sign-in frequency, by unit.
_MOST: Final[Mapping[Unit, int]] = {"hours": 8760, "days": 365}
#: What Graph says of an object and nobody can set.
_READ_ONLY: Final = frozenset({"id", "createdDateTime", "modifiedDateTime", "deletedDateTime", "templateId"})
#: Values that a property which is not evaluated may have, beside none and an empty list.
_MEANS_NOTHING: Final[Mapping[str, tuple[Any, ...]]] = {
    "clientAppTypes": (["all"],),
    "disableResilienceDefaults": (False,),
}
_STRENGTH: Final = (
    "displayName description policyType requirementsSatisfied allowedCombinations combinationConfigurations"
).split()


def policy(given: Any, identity: str) -> Policy:
    """The policy that a document says; ``identity`` is its id. Raises Invalid."""
    top = _read(given, "", {"displayName", "state", "conditions", "grantControls", "sessionControls"}, ())
    conditions = _read(
        top.get("conditions"),
        "conditions",
        {"users", "applications", "locations"},
        "userRiskLevels signInRiskLevels clientAppTypes servicePrincipalRiskLevels platforms devices "
        "clientApplications authenticationFlows insiderRiskLevels agentIdRiskLevels".split(),
    )
    users, groups, roles = _people(conditions.get("users"))
    grant = _grant(top.get("grantControls"))
    frequency = _session(top.get("sessionControls"))
    if grant is None and frequency is None:
        raise Invalid(
            "The policy asks for nothing: grantControls must block or ask for a factor, or "
            "sessionControls.signInFrequency must say how often to sign in."
        )
    return Policy(
        identity,
        _name(top.get("displayName")),
        _state(top.get("state")),
        users=users,
        groups=groups,
        roles=roles,
        applications=_applications(conditions.get("applications")),
        locations=_places(conditions.get("locations")),
        grant=grant,
        frequency=frequency,
    )


def policy_document(value: Policy) -> dict[str, Any]:
    """A policy in Graph's form; read again it is the same policy."""
    operator: dict[str, Any] = {"operator": "OR", "customAuthenticationFactors": [], "termsOfUse": []}
    strength = {"id": PHISHING_RESISTANT, "displayName": "Phishing-resistant MFA"} if value.grant == "passkey" else None
    controls = {"block": ["block"], "mfa": ["mfa"]}.get(value.grant or "", [])
    grants = {**operator, "builtInControls": controls, "authenticationStrength": strength} if value.grant else None
    roles = Selection(_templates(value.roles.include), _templates(value.roles.exclude))
    users = {**_sides(value.users, "Users"), **_sides(value.groups, "Groups"), **_sides(roles, "Roles")}
    return {
        "id": value.id,
        "displayName": value.name,
        "state": value.state.value,
        "conditions": {
            "clientAppTypes": ["all"],
            "users": users,
            "applications": _sides(value.applications, "Applications"),
            "locations": None if value.locations is None else _sides(value.locations, "Locations"),
        },
        "grantControls": grants,
        "sessionControls": {"signInFrequency": _frequency_document(value.frequency)} if value.frequency else None,
    }


def location(given: Any, identity: str) -> Location:
    """The named location that a document says. Raises Invalid."""
    kind = given.get("@odata.type", _LOCATION) if isinstance(given, Mapping) else _LOCATION
    if kind != _LOCATION:
        raise Invalid(f"@odata.type is {_LOCATION}: other named locations than address ranges are not known here.")
    top = _read(given, "", {"displayName", "isTrusted", "ipRanges"}, ())
    trusted = top.get("isTrusted", False)
    if not isinstance(trusted, bool):
        raise Invalid("isTrusted is true or false.")
    ranges = _list(top.get("ipRanges"), "ipRanges", most=MOST_RANGES)
    if not ranges:
        raise Invalid("ipRanges is empty: a named location has at least one address range.")
    networks = [_range(item, f"ipRanges[{place}]") for place, item in enumerate(ranges)]
    return Location(identity, _name(top.get("displayName")), trusted, tuple(dict.fromkeys(networks)))


def location_document(value: Location) -> dict[str, Any]:
    """A named location in Graph's form."""
    return {
        "@odata.type": _LOCATION,
        "id": value.id,
        "displayName": value.name,
        "isTrusted": value.trusted,
        "ipRanges": [
            {"@odata.type": f"#microsoft.graph.iPv{item.version}CidrRange", "cidrAddress": str(item)}
            for item in value.networks
        ],
    }


_LOCATION: Final = "#microsoft.graph.ipNamedLocation"


# ── parts of a policy ───────────────────────────────────────────────────────────────────────────────────────────────


def _people(given: Any) -> tuple[Selection, Selection, Selection]:
    place = "conditions.users"
    known = {f"{verb}{what}" for verb in ("include", "exclude") for what in ("Users", "Groups", "Roles")}
    found = _read(given, place, known, ("includeGuestsOrExternalUsers", "excludeGuestsOrExternalUsers"))
    users = _selection(found, place, "Users", {ALL, NONE})
    groups = _selection(found, place, "Groups")
    roles = Selection(
        _roles(found.get("includeRoles"), f"{place}.includeRoles"),
        _roles(found.get("excludeRoles"), f"{place}.excludeRoles"),
    )
    if not (users.include or groups.include or roles.include):
        raise Invalid(
            f"{place} says nobody: name users (or {ALL}, or {NONE}), groups or roles in includeUsers, includeGroups or "
            "includeRoles."
        )
    return _without_none(users, f"{place}.includeUsers", bool(groups.include or roles.include)), groups, roles


def _applications(given: Any) -> Selection:
    place = "conditions.applications"
    unused = ("includeUserActions", "includeAuthenticationContextClassReferences", "applicationFilter")
    found = _read(given, place, {"includeApplications", "excludeApplications"}, unused)
    chosen = _selection(found, place, "Applications", {ALL, NONE, PORTAL}, {PORTAL})
    if not chosen.include:
        raise Invalid(f"{place}.includeApplications is empty: name applications, {PORTAL}, {ALL} or {NONE}.")
    return _without_none(chosen, f"{place}.includeApplications", False)


def _places(given: Any) -> Selection | None:
    if given is None:
        return None
    place = "conditions.locations"
    found = _read(given, place, {"includeLocations", "excludeLocations"}, ())
    chosen = _selection(found, place, "Locations", {ALL, ALL_TRUSTED}, {ALL_TRUSTED})
    if not chosen.include:
        raise Invalid(f"{place}.includeLocations is empty: name locations, {ALL} or {ALL_TRUSTED}, or leave both out.")
    return chosen


def _grant(given: Any) -> Grant | None:
    place = "grantControls"
    unused = ("customAuthenticationFactors", "termsOfUse")
    found = _read(given, place, {"operator", "builtInControls", "authenticationStrength"}, unused)
    controls = _list(found.get("builtInControls"), f"{place}.builtInControls")
    strength = _strength(found.get("authenticationStrength"), f"{place}.authenticationStrength")
    if not controls and strength is None:
        return None
    if found.get("operator", "OR") not in ("OR", "AND"):
        raise Invalid(f"{place}.operator is OR or AND.")
    for control in controls:
        if control not in ("block", "mfa"):
            raise Invalid(f"{place}.builtInControls has {_shown(control)}: block and mfa are known here.")
    asked: list[Grant] = [*dict.fromkeys(controls), *([strength] if strength else [])]
    if len(asked) > 1:
        raise Invalid(
            f"{place} asks for {' and '.join(asked)} at once: one of them is enough (block lets nobody in, and a "
            "passkey is two factors by itself)."
        )
    return asked[0]


def _strength(given: Any, place: str) -> Grant | None:
    if given is None:
        return None
    found = _read(given, place, {"id", *_STRENGTH}, ())
    known: dict[Any, Grant] = {MULTIFACTOR: "mfa", PHISHING_RESISTANT: "passkey"}
    identity = found.get("id") if isinstance(found.get("id"), str) else None
    if identity not in known:
        raise Invalid(
            f"{place}.id is {MULTIFACTOR} (two factors) or {PHISHING_RESISTANT} (a passkey): no other strength is "
            "known here."
        )
    return known[identity]


def _session(given: Any) -> Frequency | None:
    place = "sessionControls"
    unused = (
        "applicationEnforcedRestrictions cloudAppSecurity persistentBrowser disableResilienceDefaults "
        "continuousAccessEvaluation secureSignInSession globalSecureAccessFilteringProfile"
    ).split()
    frequency = _read(given, place, {"signInFrequency"}, unused).get("signInFrequency")
    if frequency is None:
        return None
    place += ".signInFrequency"
    known = {"value", "type", "isEnabled", "frequencyInterval", "authenticationType"}
    found = _read(frequency, place, known, ())
    enabled = found.get("isEnabled", True)
    if not isinstance(enabled, bool):
        raise Invalid(f"{place}.isEnabled is true or false.")
    if not enabled:
        return None
    if found.get("authenticationType") not in (None, "primaryAndSecondaryAuthentication"):
        raise Invalid(f"{place}.authenticationType is primaryAndSecondaryAuthentication: no other is known here.")
    interval = found.get("frequencyInterval") or "timeBased"
    if interval == "everyTime":
        if found.get("value") is not None or found.get("type") is not None:
            raise Invalid(f"{place} says everyTime: leave value and type out.")
        return Frequency()
    if interval != "timeBased":
        raise Invalid(f"{place}.frequencyInterval is timeBased or everyTime.")
    value = found.get("value")
    unit: Unit | None = next((word for word in get_args(Unit) if word == found.get("type")), None)
    if unit is None:
        raise Invalid(f"{place}.type is hours or days.")
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST[unit]:
        raise Invalid(f"{place}.value is a whole number of {unit}, from 1 to {_MOST[unit]}.")
    return Frequency(value, unit)


def _frequency_document(value: Frequency) -> dict[str, Any]:
    return {
        "isEnabled": True,
        "frequencyInterval": "timeBased" if value.value else "everyTime",
        "value": value.value or None,
        "type": value.unit if value.value else None,
        "authenticationType": "primaryAndSecondaryAuthentication",
    }


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read(given: Any, place: str, known: Collection[str], unused: Collection[str]) -> dict[str, Any]:
    """The properties of an object, none for one that is not there. Annotations and what nobody can set are passed over,
    what is ``unused`` must be empty. Raises Invalid."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise Invalid(f"{place or 'The document'} must be a JSON object.")
    found = {}
    for name, value in given.items():
        where = f"{place}.{name}" if place else name
        if name in known:
            found[name] = value
        elif name in unused:
            if value not in (None, [], *_MEANS_NOTHING.get(name, ())):
                raise Invalid(f"{where} is not evaluated here: leave it out, for nothing would come of it.")
        elif "@odata." not in name and not (name in _READ_ONLY and (not place or "Strength" in place)):
            raise Invalid(f"{where[:200]} is no property that is known here.")
    return found


def _list(given: Any, place: str, *, most: int = _MOST_CHOSEN) -> list[Any]:
    if given is None:
        return []
    if not isinstance(given, list):
        raise Invalid(f"{place} must be a list.")
    if len(given) > most:
        raise Invalid(f"{place} has {len(given)} entries: at most {most} are taken.")
    return given


def _selection(
    found: Mapping[str, Any], place: str, what: str, words: Collection[str] = (), excluded: Collection[str] = ()
) -> Selection:
    """Both sides of a condition; beside ids it may have ``words``, and ``excluded`` ones on the other side."""
    sides = []
    for side, special in (("include", words), ("exclude", excluded)):
        where = f"{place}.{side}{what}"
        sides.append(frozenset(_id(item, where, special) for item in _list(found.get(f"{side}{what}"), where)))
    include, exclude = sides
    if ALL in include and len(include) > 1:
        raise Invalid(f"{place}.include{what} has {ALL} and more: {ALL} stands alone.")
    return Selection(include, exclude)


def _without_none(chosen: Selection, place: str, others: bool) -> Selection:
    """``None`` stands for nobody, and alone."""
    if NONE not in chosen.include:
        return chosen
    if len(chosen.include) > 1 or others:
        raise Invalid(f"{place} has {NONE} and more: {NONE} stands alone.")
    return chosen


def _id(item: Any, place: str, words: Collection[str]) -> str:
    if isinstance(item, str):
        if item in words:
            return item
        try:
            return str(UUID(item))
        except ValueError:
            pass
    more = f", or {' or '.join(sorted(words))}" if words else ""
    raise Invalid(f"{place} has {_shown(item)}: ids are needed{more}.")


def _roles(given: Any, place: str) -> frozenset[str]:
    """Roles by name; documents have them by Entra ID's ids, or by name."""
    known = {identity: name for name, identity in ROLE_TEMPLATES.items()}
    known |= {name.casefold(): name for name in ROLE_TEMPLATES}
    found = _list(given, place)
    for item in found:
        if not isinstance(item, str) or item.casefold() not in known:
            raise Invalid(f"{place} has {_shown(item)}, which is no role here: {', '.join(ROLE_TEMPLATES)}.")
    return frozenset(known[item.casefold()] for item in found)


def _templates(roles: Collection[str]) -> frozenset[str]:
    return frozenset(ROLE_TEMPLATES[name] for name in roles)


def _sides(value: Selection, what: str) -> dict[str, list[str]]:
    return {f"include{what}": sorted(value.include), f"exclude{what}": sorted(value.exclude)}


def _range(given: Any, place: str) -> Network:
    text = _read(given, place, {"cidrAddress"}, ()).get("cidrAddress")
    if not isinstance(text, str):
        raise Invalid(f"{place}.cidrAddress is an address range like 192.0.2.0/24.")
    return network(text, f"{place}.cidrAddress")


def _name(given: Any) -> str:
    name = given.strip() if isinstance(given, str) else ""
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Invalid(f"displayName is a text of 1 to {LONGEST_NAME} characters on one line.")
    return name


def _state(given: Any) -> State:
    try:
        return State(given)
    except ValueError:
        raise Invalid(f"state is {', '.join(state.value for state in State)}.") from None


def _shown(item: Any) -> str:
    return repr(item)[:80]
