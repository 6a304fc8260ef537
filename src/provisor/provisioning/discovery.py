"""What a target says that its users and groups have, from its /Schemas (RFC 7643 §7), as entries of the attribute list.

Discovery only ever adds: what stands on the list already, whoever put it there, stays as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from provisor.provisioning.edit import Document
from provisor.provisioning.schema import OBJECT_TYPES, compile_schema, target_definitions
from provisor.provisioning.templates import attribute_definition

_CORE: Final = {
    "User": "urn:ietf:params:scim:schemas:core:2.0:user",
    "Group": "urn:ietf:params:scim:schemas:core:2.0:group",
}
#: RFC 7643 §2.3 → the attribute list's types; what is missing here is a String.
_TYPES: Final = {"boolean": "Boolean", "integer": "Integer", "dateTime": "DateTime", "binary": "Binary"}
#: Types of elements that schemas often leave out: RFC 7643 §4.1.2 names these.
_KINDS: Final = {
    "emails": ("work", "home", "other"),
    "phoneNumbers": ("work", "home", "mobile", "fax", "pager", "other"),
    "addresses": ("work", "home", "other"),
}
#: Parts of elements that are no values of a person.
_LABELS: Final = frozenset({"type", "primary", "display", "$ref"})
#: References that provisioning knows how to send.
_REFERENCES: Final = {"members": "Reference[]", "manager": "Reference"}


def discovered(schemas: Sequence[Mapping[str, Any]], object_type: str) -> list[dict[str, Any]]:
    """The attributes (attributeDefinition) that these schemas give a user or group and that a client may write."""
    found = []
    for schema in schemas:
        urn = str(schema.get("id") or "")
        core = urn.casefold() == _CORE[object_type]
        if core or _extends(urn, object_type):
            for attribute in schema.get("attributes") or ():
                found += list(_definitions(attribute, "" if core else f"{urn}:"))
    return found


def add_discovered(document: Document, schemas: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """A copy of the document with what its attribute lists lack, and the names that were added (``User title``)."""
    changed = copy.deepcopy(dict(document))
    added = []
    for object_type in OBJECT_TYPES:
        listed = target_definitions(changed, object_type)
        known = {str(row["name"]).casefold() for row in listed}
        for definition in discovered(schemas, object_type):
            if definition["name"].casefold() not in known:
                known.add(definition["name"].casefold())
                listed.append(definition)
                added.append(f"{object_type} {definition['name']}")
    compile_schema(changed)
    return changed, added


def _extends(urn: str, object_type: str) -> bool:
    """Whether an extension's name says that it is one of this type; which one is usual."""
    known = urn.casefold()
    return ":schemas:core:" not in known and known.endswith(f":{object_type.casefold()}")


def _definitions(attribute: Mapping[str, Any], prefix: str) -> Iterator[dict[str, Any]]:
    name = str(attribute.get("name") or "")
    if not name or attribute.get("mutability") == "readOnly":
        return
    if name in _REFERENCES:
        yield attribute_definition(prefix + name, _REFERENCES[name])
    elif attribute.get("type") != "complex":
        yield _definition(attribute, prefix + name, several=bool(attribute.get("multiValued")))
    elif not attribute.get("multiValued"):
        for part in _parts(attribute):
            yield _definition(part, f"{prefix}{name}.{part['name']}")
    elif not _kinds(attribute):
        # Elements that nothing tells apart, like entitlements: a list of values.
        yield attribute_definition(prefix + name, "String[]")
    else:
        for kind in _kinds(attribute):
            for part in _parts(attribute):
                if part["name"] not in _LABELS:
                    yield _definition(part, f'{prefix}{name}[type eq "{kind}"].{part["name"]}')


def _parts(attribute: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    parts = [part for part in attribute.get("subAttributes") or () if part.get("name")]
    return [part for part in parts if part.get("mutability") != "readOnly" and part.get("type") != "complex"]


def _kinds(attribute: Mapping[str, Any]) -> Sequence[str]:
    for part in attribute.get("subAttributes") or ():
        if part.get("name") == "type" and part.get("canonicalValues"):
            return [str(value) for value in part["canonicalValues"]]
    return _KINDS.get(str(attribute["name"]), ())


def _definition(attribute: Mapping[str, Any], name: str, *, several: bool = False) -> dict[str, Any]:
    kind = _TYPES.get(str(attribute.get("type")), "String")
    return attribute_definition(
        name,
        f"{kind}[]" if several else kind,
        caseExact=bool(attribute.get("caseExact")),
        required=bool(attribute.get("required")) and "[" not in name and "." not in name,
    )
