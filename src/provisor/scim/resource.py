"""A resource on its way in and out: what a client wrote, made canonical; what a client reads, complete or cut.

``accept`` is the gate for POST and PUT (PATCH has ``patch``), ``assemble`` puts id and meta around what was kept,
``project`` leaves out what was not asked for. ``value_at`` reads one value of any server's resource.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from provisor.scim.errors import InvalidSyntax, InvalidValue
from provisor.scim.schema import Attribute, Named, ResourceType, Schema
from provisor.scim.targets import reference_at, value_at
from provisor.scim.values import coerce

__all__ = ["accept", "assemble", "listed_schemas", "project", "reference_at", "value_at"]

#: The sub-attributes that are asked for; None for the whole attribute.
_Parts = frozenset[str] | None


def accept(resource_type: ResourceType, body: Mapping[str, Any], *, partial: bool = False) -> dict[str, Any]:
    """The resource that ``body`` describes (RFC 7644 §3.3, §3.5.1).

    Names come out in their canonical spelling, values as ``values.coerce`` makes them; read-only and unknown
    attributes are left out, ``schemas`` says what is there. Unless ``partial``, required attributes must be. Raises
    InvalidSyntax when it is no object, InvalidValue naming the attribute.
    """
    if not isinstance(body, Mapping):
        raise InvalidSyntax(f"A {resource_type.name} is a JSON object.")
    found: dict[str, Any] = {}
    for name, value in body.items():
        extension = resource_type.extension(name)
        if extension is not None:
            _accept_extension(found, extension, value)
            continue
        named = resource_type.resolve(name)
        if named is None or named.sub is not None or not _writable(named.attribute):
            continue
        item = coerce(named.attribute, value, named.path)
        if item is not None:
            holder = found.setdefault(named.extension, {}) if named.extension else found
            holder[named.attribute.name] = item
    if not partial:
        for attribute in resource_type.required:
            if attribute.name not in found:
                raise InvalidValue(f"{attribute.name} is required.")
    return {"schemas": listed_schemas(resource_type, found), **found}


def listed_schemas(resource_type: ResourceType, resource: Mapping[str, Any]) -> list[str]:
    """The value of ``schemas``: the core's URN and those of the extensions that the resource has values of."""
    return [
        resource_type.schema.id,
        *(item.id for item in resource_type.extensions if resource.get(item.id)),
    ]


def assemble(
    resource_type: ResourceType,
    doc: Mapping[str, Any],
    *,
    id: str,  # noqa: A002 - the attribute's name
    created: datetime,
    modified: datetime,
    version: int,
    location: str,
    name: str,
) -> dict[str, Any]:
    """The full representation of a resource (RFC 7643 §3.1) whose attributes are ``doc``; ``name`` is what
    ``meta.resourceType`` says."""
    return {
        "schemas": listed_schemas(resource_type, doc),
        "id": id,
        **{name: value for name, value in doc.items() if name not in _OURS and value is not None and value != []},
        "meta": {
            "resourceType": name,
            "created": _stamp(created),
            "lastModified": _stamp(modified),
            "location": location,
            "version": f'W/"{version}"',
        },
    }


def project(
    resource_type: ResourceType,
    resource: Mapping[str, Any],
    attributes: list[str] | None = None,
    excluded: list[str] | None = None,
) -> dict[str, Any]:
    """What of ``resource`` is returned (RFC 7644 §3.9, RFC 7643 §7 *returned*).

    ``attributes`` are the only ones wanted, ``excluded`` those not wanted; names are those of ``ResourceType.resolve``
    or an extension's URN, unknown ones are passed over. Attributes that are always returned stay, those never returned
    do not appear.
    """
    cut = _cut(resource_type, tuple(attributes) if attributes else None, tuple(excluded or ()))
    result: dict[str, Any] = {}
    for name, value in resource.items():
        extension = resource_type.extension(name)
        if extension is None:
            kept = cut.value(None, name, value)
        else:
            kept = {
                key: part for key, item in value.items() if (part := cut.value(extension.id, key, item)) is not None
            }
        if kept is not None and kept != {}:
            result[name] = kept
    return result


_OURS = frozenset({"schemas", "id", "meta"})


@dataclass(frozen=True, slots=True)
class _Cut:
    """What a query leaves of attributes, by (extension, name)."""

    wanted: Mapping[tuple[str | None, str], _Parts] | None
    unwanted: Mapping[tuple[str | None, str], _Parts]
    always: frozenset[str]
    never: frozenset[str]
    on_request: frozenset[str]

    def value(self, extension: str | None, name: str, value: Any) -> Any:
        """``value`` as it is returned; None for not at all."""
        if extension is None:
            if name in self.always:
                return value
            if name in self.never:
                return None
        key = (extension, name)
        if self.wanted is not None:
            if key not in self.wanted:
                return None
            parts = self.wanted[key]
            value = value if parts is None else _only(value, parts)
        elif name in self.on_request:
            return None
        if value is None or key not in self.unwanted:
            return value
        dropped = self.unwanted[key]
        return None if dropped is None else _except(value, dropped)


@lru_cache(maxsize=256)
def _cut(resource_type: ResourceType, attributes: tuple[str, ...] | None, excluded: tuple[str, ...]) -> _Cut:
    return _Cut(
        _selection(resource_type, attributes) if attributes else None,
        _selection(resource_type, excluded),
        frozenset(item.name for item in resource_type.core if item.returned == "always"),
        frozenset(item.name for item in resource_type.core if item.returned == "never"),
        frozenset(item.name for item in resource_type.core if item.returned == "request"),
    )


def _selection(resource_type: ResourceType, names: Iterable[str]) -> dict[tuple[str | None, str], _Parts]:
    chosen: dict[tuple[str | None, str], _Parts] = {}
    for text in names:
        for named in _chosen(resource_type, text.strip()):
            key = (named.extension, named.attribute.name)
            if named.sub is None:
                chosen[key] = None
            elif (parts := chosen.get(key, frozenset())) is not None:
                chosen[key] = parts | {named.sub.name}
    return chosen


def _chosen(resource_type: ResourceType, name: str) -> list[Named]:
    extension = resource_type.extension(name)
    if extension is not None:
        return [Named(extension.id, attribute) for attribute in extension.attributes]
    if name.lower() == resource_type.schema.id.lower():
        return [Named(None, attribute) for attribute in resource_type.schema.attributes]
    named = resource_type.resolve(name)
    return [named] if named else []


def _only(value: Any, parts: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [kept for item in value if (kept := _only(item, parts))] or None
    if not isinstance(value, dict):
        return None
    return {name: part for name, part in value.items() if name in parts} or None


def _except(value: Any, parts: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [kept for item in value if (kept := _except(item, parts))] or None
    if not isinstance(value, dict):
        return value
    return {name: part for name, part in value.items() if name not in parts} or None


def _accept_extension(found: dict[str, Any], extension: Schema, value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, dict):
        raise InvalidValue(f"{extension.id} needs an object.")
    known = {attribute.name.lower(): attribute for attribute in extension.attributes}
    for name, item in value.items():
        attribute = known.get(name.lower())
        if attribute is None or not _writable(attribute):
            continue
        kept = coerce(attribute, item, f"{extension.id}:{attribute.name}")
        if kept is not None:
            found.setdefault(extension.id, {})[attribute.name] = kept


def _writable(attribute: Attribute) -> bool:
    return attribute.mutability != "readOnly" and attribute.name != "schemas"


def _stamp(moment: datetime) -> str:
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='milliseconds')}Z"
