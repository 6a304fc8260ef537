"""What a strict workspace refuses: everything that RFC 7643 and 7644 do not say, although ``dialects`` understands it.

For whoever writes a client and wants to know. Each function passes what the RFCs say, and raises one sentence that
names the first place where a body or a filter says it otherwise. What a value may be at all is checked afterwards by
those who take it in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from provisor.scim import filter as filters
from provisor.scim.errors import InvalidFilter, InvalidPath, InvalidSyntax, InvalidValue
from provisor.scim.path import parse as parse_path
from provisor.scim.requests import PATCH_OP
from provisor.scim.schema import Attribute, ResourceType

_OPS: Final = ("add", "remove", "replace")
_JSON: Final[Mapping[str, tuple[tuple[type, ...], str]]] = {
    "boolean": ((bool,), "true or false"),
    "integer": ((int,), "a whole number"),
    "decimal": ((int, float), "a number"),
    "complex": ((dict,), "an object"),
}


def resource(kind: ResourceType, body: Mapping[str, Any]) -> None:
    """A resource in POST or PUT (RFC 7643 §3). Raises InvalidSyntax, InvalidValue."""
    found = body.get("schemas")
    if not isinstance(found, list) or kind.schema.id not in found:
        raise InvalidSyntax(f"A {kind.name} has schemas with {kind.schema.id} in it.")
    _attributes(kind, body)


def patch(kind: ResourceType, body: Mapping[str, Any]) -> None:
    """A PATCH body (RFC 7644 §3.5.2). Raises InvalidSyntax, InvalidPath, InvalidValue."""
    if body.get("schemas") != [PATCH_OP]:
        raise InvalidSyntax(f"A PATCH has schemas [{PATCH_OP}].")
    operations = body.get("Operations")
    if not isinstance(operations, list):
        raise InvalidSyntax("A PATCH has Operations, with a capital letter: a list.")
    for operation in operations:
        if isinstance(operation, dict):
            _operation(kind, operation)


def filter_text(text: str) -> None:
    """A filter (RFC 7644 §3.4.2.2). Raises InvalidFilter."""
    bare = filters.bare_literal(text)
    if bare is not None:
        raise InvalidFilter(f'A text stands in quotes: "{bare[:80]}".')


def _operation(kind: ResourceType, operation: Mapping[str, Any]) -> None:
    op, path = operation.get("op"), operation.get("path")
    if op not in _OPS:
        raise InvalidSyntax(f"The op of an operation is {', '.join(_OPS)}, in small letters.")
    if op == "remove":
        if "value" in operation:
            raise InvalidValue("A remove has no value: its path says what is removed.")
        if isinstance(path, str):
            _spelled(kind, path)
        return
    value = operation.get("value")
    if path is None:
        if not isinstance(value, dict):
            raise InvalidValue(f"Without a path the value of {op} is an object with attributes.")
        _attributes(kind, value)
    elif isinstance(path, str):
        _spelled(kind, path)
        found = parse_path(path, kind)
        attribute = found.sub or found.attribute
        if attribute is not None and value is not None:
            # One element of several may be added without a list around it.
            several = attribute.multi_valued and found.filter is None and isinstance(value, list)
            _value(attribute, value if several else [value] if attribute.multi_valued else value, path)


def _spelled(kind: ResourceType, path: str) -> None:
    """An attribute of an extension bears the extension's URN and a colon."""
    named = kind.resolve(path.partition("[")[0])
    if named is not None and named.extension and not path.lower().startswith(f"{named.extension.lower()}:"):
        raise InvalidPath(f"{path[:80]} is called {named.extension}:{named.attribute.name}.")


def _attributes(kind: ResourceType, body: Mapping[str, Any]) -> None:
    for name, value in body.items():
        extension = kind.extension(name)
        if extension is not None:
            if not isinstance(value, dict):
                raise InvalidValue(f"{name} is an object.")
            for key, item in value.items():
                attribute = kind.attribute(f"{extension.id}:{key}")
                if attribute is not None:
                    _value(attribute, item, f"{name}:{key}")
            continue
        named = kind.resolve(name)
        if named is None:
            continue
        if named.sub is not None or named.extension is not None or "[" in name:
            raise InvalidSyntax(f"{name[:80]} is a path and not an attribute of {kind.name}.")
        _value(named.attribute, value, name)


def _value(attribute: Attribute, value: Any, place: str) -> None:
    if value is None:
        return
    if attribute.multi_valued:
        if not isinstance(value, list):
            raise InvalidValue(f"{place} is a list.")
        for item in value:
            _one(attribute, item, place)
    else:
        _one(attribute, value, place)


def _one(attribute: Attribute, value: Any, place: str) -> None:
    types, called = _JSON.get(attribute.type, ((str,), "a text"))
    if not isinstance(value, types) or (isinstance(value, bool) and attribute.type != "boolean"):
        raise InvalidValue(f"{place} is {called}.")
    if isinstance(value, dict):
        if not value:
            raise InvalidValue(f"{place} is an object with something in it.")
        for key, item in value.items():
            sub = attribute.sub(key)
            if sub is not None:
                _value(sub, item, f"{place}.{key}")
