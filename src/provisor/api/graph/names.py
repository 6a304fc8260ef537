"""Graph's names of what the directory keeps, and back.

The directory stores attributes under the names that mappings are written with (``telephoneNumber``); Graph calls some
of them otherwise (``businessPhones``, a list) and puts some into structures (``employeeOrgData``). One table for both
ways. A page has up to 999 users, so what is shown of them is made from the rows of a statement as they come, and which
properties is found out once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias

from provisor.api.graph.fields import Field, Fields
from provisor.api.graph.projection import selection
from provisor.directory import attributes
from provisor.directory.groups import Group
from provisor.directory.users import User
from provisor.refusal import Invalid
from provisor.storage.pool import Row

#: A user as a statement gives it: ``id``, ``enabled``, ``deleted``, ``created`` and the document, ``doc``.
Person: TypeAlias = "Mapping[str, Any] | Row"
#: Graph's name → the directory's, where both are not the same.
_USER: Final[Mapping[str, str]] = {
    "officeLocation": "physicalDeliveryOfficeName",
    "mobilePhone": "mobile",
    "faxNumber": "facsimileTelephoneNumber",
    "onPremisesImmutableId": "immutableId",
}
#: Structures: Graph's name of each part → the directory's.
_EXTENSIONS: Final = {f"extensionAttribute{number}": f"extensionAttribute{number}" for number in range(1, 16)}
_STRUCTURES: Final[Mapping[str, Mapping[str, str]]] = {
    "employeeOrgData": {"costCenter": "employeeOrgData.costCenter", "division": "employeeOrgData.division"},
    "onPremisesExtensionAttributes": _EXTENSIONS,
}
#: What Graph shows of a user when nothing is selected.
USUAL: Final = (
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
)
#: What clients send as a matter of course and the directory does not keep.
_LEFT_OUT: Final = frozenset({"passwordprofile", "passwordpolicies", "agegroup", "consentprovidedforminor", "usertype"})
_GROUP_LEFT_OUT: Final = frozenset(
    {"isassignabletorole", "resourcebehavioroptions", "resourceprovisioningoptions", "writebackconfiguration", "theme"}
    | {"autosubscribenewmembers", "allowexternalsenders", "hidefromaddresslists", "hidefromoutlookclients"}
)
_PLAIN_USER: Final = frozenset(attributes.known("User")) - {"manager", "telephoneNumber", *_USER.values()}
_PLAIN_GROUP: Final = frozenset(attributes.known("Group"))


def user(found: User, created: datetime | None = None) -> dict[str, Any]:
    """All that Graph shows of a user, empty properties too."""
    row = {"id": found.id, "enabled": found.enabled, "deleted": found.deleted, "created": created, "doc": found.doc}
    return user_view(())(row)


@lru_cache(maxsize=64)
def user_view(select: tuple[str, ...]) -> Callable[[Person], dict[str, Any]]:
    """What makes the selected properties of a user, and no others. The words of ``select`` are read as
    :func:`projection.project` reads them."""
    wanted = selection(select)
    made = [(name, make) for name, make in _MADE.items() if wanted is None or name.lower() in wanted]
    copied = {name: item for name, item in _COPIED.items() if wanted is None or name.lower() in wanted}
    copy = _copying(copied)
    extended = wanted is None or any(name.startswith("extension_") for name in wanted)

    def show(row: Person) -> dict[str, Any]:
        shown = copy(row)
        for name, make in made:
            shown[name] = make(row)
        if extended:
            for name, value in row["doc"].items():
                if name.startswith("extension_") and (wanted is None or name.lower() in wanted):
                    shown[name] = value
        return shown

    return show


def group(found: Group, created: datetime | None = None) -> dict[str, Any]:
    doc = found.doc
    shown: dict[str, Any] = {
        "id": str(found.id),
        "createdDateTime": moment(created),
        "deletedDateTime": None,
        "isAssignableToRole": False,
        "membershipRule": None,
        "membershipRuleProcessingState": None,
    }
    shown |= {name: doc.get(name) for name in _PLAIN_GROUP if name not in _EXTENSIONS}
    shown |= {name: value for name, value in doc.items() if name.startswith("extension_")}
    for name in ("groupTypes", "proxyAddresses"):
        shown[name] = doc.get(name) or []
    return shown


def moment(at: datetime | None) -> str | None:
    return f"{at.astimezone(UTC).isoformat(timespec='seconds')[:19]}Z" if at is not None else None


def _phones(row: Person) -> list[str]:
    phone = row["doc"].get("telephoneNumber")
    return [phone] if phone else []


def _list(attribute: str) -> Callable[[Person], Any]:
    return lambda row: row["doc"].get(attribute) or []


def _copying(attributes_: Mapping[str, str]) -> Callable[[Person], dict[str, Any]]:
    """What makes an object of the document: its names → the attributes. (No loop of Python's own goes over them.)"""
    names, found = tuple(attributes_), tuple(attributes_.values())
    return lambda row: dict(zip(names, map(row["doc"].get, found), strict=True))


#: Properties of a user that are not in the document as they are shown.
_MADE: Final[Mapping[str, Callable[[Person], Any]]] = {
    "id": lambda row: str(row["id"]),
    "accountEnabled": lambda row: row["enabled"],
    "businessPhones": _phones,
    "userType": lambda _: "Member",
    "createdDateTime": lambda row: moment(row["created"]),
    "deletedDateTime": lambda row: moment(row["deleted"]),
    "otherMails": _list("otherMails"),
    "proxyAddresses": _list("proxyAddresses"),
    **{name: _copying(parts) for name, parts in _STRUCTURES.items()},
}
#: Those that are: Graph's name → the attribute.
_COPIED: Final = {
    name: attribute
    for name, attribute in {**_USER, **{item: item for item in sorted(_PLAIN_USER)}}.items()
    if "." not in name and name not in _EXTENSIONS and name not in _MADE
}


def user_attributes(given: Mapping[str, Any]) -> dict[str, Any]:
    """A body's properties as attributes of the directory; None clears one. Raises Invalid naming the property."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        lower = name.lower()
        if lower in _LEFT_OUT:
            continue
        if lower == "businessphones":
            found["telephoneNumber"] = _first(value)
        elif (structure := _any_case(_STRUCTURES, name)) is not None:
            found |= _parts(structure, value)
        else:
            found[_any_case(_USER, name) or _attribute("User", _PLAIN_USER, name)] = value
    return found


def group_attributes(given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name.lower() in _GROUP_LEFT_OUT:
            continue
        if name.lower() in ("membershiprule", "membershiprulprocessingstate", "membershipruleprocessingstate"):
            if value is not None:
                raise Invalid("Groups whose members follow a rule are not kept here: leave membershipRule out.")
            continue
        found[_attribute("Group", _PLAIN_GROUP, name)] = value
    return found


def _attribute(kind: str, plain: frozenset[str], name: str) -> str:
    if name.startswith("extension_"):
        return name
    found = next((item for item in plain if item.lower() == name.lower() and "." not in item), None)
    if found is None:
        raise Invalid(f"Invalid property {name!r}: the directory keeps no such thing of a {kind.lower()}.")
    return found


def _any_case(table: Mapping[str, Any], name: str) -> Any:
    return next((value for item, value in table.items() if item.lower() == name.lower()), None)


def _parts(structure: Mapping[str, str], value: Any) -> dict[str, Any]:
    if value is None:
        return dict.fromkeys(structure.values())
    if not isinstance(value, Mapping):
        raise Invalid(f"{' and '.join(sorted(structure)[:2])} … stand in an object.")
    found = {}
    for name, item in value.items():
        attribute = _any_case(structure, name)
        if attribute is None and "@odata" not in name:
            raise Invalid(f"Invalid property {name!r}: expected one of {', '.join(structure)}.")
        if attribute is not None:
            found[attribute] = item
    return found


def _first(value: Any) -> Any:
    if isinstance(value, list):
        return value[0] if value else None
    return value


def _user_fields() -> dict[str, Field]:
    """What users can be filtered and sorted by, with where each stands in the table."""
    found = {
        "id": Field("uuid", "u.id", required=True),
        "userPrincipalName": Field("key", "u.upn_key"),
        "displayName": Field("key", "u.name_key"),
        "accountEnabled": Field("boolean", "u.enabled", required=True),
        "createdDateTime": Field("moment", "u.created", required=True),
        "deletedDateTime": Field("moment", "u.deleted"),
        "userType": Field("text", "'Member'::text", required=True),
        "businessPhones": Field("texts", "jsonb_build_array(u.doc -> 'telephoneNumber')"),
    }
    plain = {name: name for name in _PLAIN_USER if "." not in name and name not in _EXTENSIONS}
    nested = {f"{holder}/{part}": name for holder, parts in _STRUCTURES.items() for part, name in parts.items()}
    for name, attribute in {**plain, **_USER, **nested}.items():
        found.setdefault(name, _in_document("u", attribute, attributes.known("User")[attribute]))
    return found


def _group_fields() -> dict[str, Field]:
    found = {
        "id": Field("uuid", "g.id", required=True),
        "displayName": Field("key", "g.name_key"),
        "createdDateTime": Field("moment", "g.created", required=True),
        "mailEnabled": Field("boolean", "(g.doc ->> 'mailEnabled')::boolean"),
        "securityEnabled": Field("boolean", "(g.doc ->> 'securityEnabled')::boolean"),
    }
    for name in _PLAIN_GROUP - _EXTENSIONS.keys():
        found.setdefault(name, _in_document("g", name, attributes.known("Group")[name]))
    return found


def _in_document(table: str, attribute: str, kind: str) -> Field:
    if kind.endswith("[]"):
        return Field("texts", f"{table}.doc -> '{attribute}'")
    if kind == "Boolean":
        return Field("boolean", f"({table}.doc ->> '{attribute}')::boolean")
    return Field("text", f"{table}.doc ->> '{attribute}'")


USERS: Final = Fields("user", _user_fields(), searched=("displayName", "userPrincipalName"), extensions="u.doc")
GROUPS: Final = Fields("group", _group_fields(), extensions="g.doc")
