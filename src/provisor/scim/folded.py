"""A resource with every value in the form in which filters compare it, for an index that compares without rules.

Letter case is gone where it does not count, dateTimes are microseconds since 1970, a whole number is written one way.
What stands elsewhere (ids, names and memberships have columns and tables of their own) is left out. Two values are
equal for a filter exactly when their folded forms are (``matching`` compares the same forms).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from provisor.scim.matching import comparable
from provisor.scim.resource import listed_schemas
from provisor.scim.schema import Attribute, ResourceType

#: Attributes that are not in the folded document (core attributes only).
ELSEWHERE: Final = frozenset(
    {"id", "externalId", "userName", "applicationId", "displayName", "active", "meta", "groups", "members"}
)

_Fold = Callable[[Any], Any]


def fold(resource_type: ResourceType, doc: Mapping[str, Any]) -> dict[str, Any]:
    """The folded form of a resource's attributes, with its ``schemas``; names in their canonical spelling."""
    core, extensions = _folders(resource_type)
    found = _object(core, doc)
    for urn, folders in extensions.items():
        inner = doc.get(urn)
        if inner and (part := _object(folders, inner)):
            found[urn] = part
    found["schemas"] = listed_schemas(resource_type, doc)
    return found


@lru_cache(maxsize=256)
def _folders(resource_type: ResourceType) -> tuple[Mapping[str, _Fold], Mapping[str, Mapping[str, _Fold]]]:
    core = {item.name: _folder(item) for item in resource_type.schema.attributes if item.name not in ELSEWHERE}
    extensions = {
        extension.id: {item.name: _folder(item) for item in extension.attributes}
        for extension in resource_type.extensions
    }
    return core, extensions


def _folder(attribute: Attribute) -> _Fold:
    one = _element(attribute)
    if not attribute.multi_valued:
        return one

    def several(value: Any) -> Any:
        return [item for each in value if (item := one(each)) is not None] if isinstance(value, list) else None

    return several


def _element(attribute: Attribute) -> _Fold:
    if attribute.type != "complex":
        return comparable(attribute)
    parts = {sub.name: _folder(sub) for sub in attribute.sub_attributes}
    return lambda value: (_object(parts, value) or None) if isinstance(value, dict) else None


def _object(folders: Mapping[str, _Fold], value: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, item in value.items():
        folder = folders.get(name)
        if folder is not None and (part := folder(item)) not in (None, []):
            found[name] = part
    return found
