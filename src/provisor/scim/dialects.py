"""What clients send where the RFCs say something else, each habit with its reason; nowhere else is one understood.

Values pass through the small functions on their way in (``values`` calls them); a PATCH body becomes a list of
``Operation`` in ``patch_operations`` before ``patch`` applies it. Nothing here knows a resource type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from provisor.scim.errors import InvalidPath, InvalidSyntax, InvalidValue, TooMany

MOST_OPERATIONS: Final = 1000
Op = Literal["add", "replace", "remove"]
_OPS: Final[Mapping[str, Op]] = {"add": "add", "replace": "replace", "remove": "remove"}
_NUMBER: Final = re.compile(r"-?\d{1,18}(\.\d{1,18})?", re.ASCII)
_BOOLEANS: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a PATCH (RFC 7644 §3.5.2).

    ``has_value`` tells a null from nothing. ``strict`` is False when the path was a key of a value without a path:
    there, as in a whole resource, unknown and read-only attributes are passed over. ``makes``: an element that a filter
    chooses and that is not there is made.
    """

    op: Op
    path: str | None
    value: Any = None
    has_value: bool = True
    strict: bool = True
    makes: bool = True


def patch_operations(body: Mapping[str, Any], *, makes: bool = True) -> list[Operation]:
    """The operations of a PATCH body, in order.

    ``makes``: elements that a filter chooses in vain are made, as Entra ID expects.

    ``schemas`` is not asked for: UCX sends none. Raises InvalidSyntax for a body of another shape, InvalidPath for a
    path that is no text, InvalidValue for add and replace without a value, TooMany above 1,000 operations.
    """
    found = next((value for name, value in body.items() if name.lower() == "operations"), None)
    if not isinstance(found, list) or not found:
        raise InvalidSyntax("A PATCH needs Operations: a list of at least one operation.")
    if len(found) > MOST_OPERATIONS:
        raise TooMany(f"A PATCH can have {MOST_OPERATIONS} operations, this one has {len(found)}.")
    operations = [part for item in found for part in _spread(_operation(item))]
    if len(operations) > MOST_OPERATIONS:
        raise TooMany(f"A PATCH can change {MOST_OPERATIONS} attributes, this one names {len(operations)}.")
    return operations if makes else [replace(operation, makes=False) for operation in operations]


def boolean(value: Any) -> bool | None:
    """A boolean, or None for what is none.

    Entra ID sends "True" and "False" in PATCH, people write "false" into scripts.
    """
    if isinstance(value, bool):
        return value
    return _BOOLEANS.get(value.lower()) if isinstance(value, str) else None


def number(value: Any) -> int | float | None:
    """A number, or None for what is none; some clients and every command line write one as text."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def listed(value: Any) -> list[Any]:
    """The elements of a multi-valued attribute's value.

    Terraform writes ``[{}]`` for an empty list, and some clients send a lone value without the list.
    """
    items = value if isinstance(value, list) else [value]
    return [item for item in items if item is not None and item != {}]


def single(value: Any) -> Any:
    """The value of a singular attribute.

    Terraform and Databricks' own articles send ``[{"value": "false"}]`` for ``active``; Azure AD's legacy template
    sends ``manager`` as a list of one. A longer list stays what it is, and is refused as a list.
    """
    if isinstance(value, list) and len(value) <= 1:
        return next(iter(listed(value)), None)
    return value


def plain(value: Any) -> Any:
    """The value of a simple attribute, which some clients wrap as ``{"value": …}``."""
    return value["value"] if isinstance(value, dict) and set(value) == {"value"} else value


def wrapped(value: Any) -> Any:
    """The value of a complex attribute that has a ``value``.

    Entra ID sends ``manager`` as the bare id; people write lists of strings for ``entitlements`` and ``members``.
    """
    simple = isinstance(value, str | int) and not isinstance(value, bool)
    return {"value": value} if simple else value


def _operation(item: Any) -> Operation:
    if not isinstance(item, dict):
        raise InvalidSyntax("Every operation of a PATCH is an object with op, path and value.")
    parts = {name.lower(): value for name, value in item.items()}
    said = parts.get("op")
    # Entra ID writes the names of operations with a capital letter.
    op = _OPS.get(said.strip().lower()) if isinstance(said, str) else None
    if op is None:
        raise InvalidSyntax("The op of an operation is add, replace or remove.")
    path = parts.get("path")
    if path is not None and not isinstance(path, str):
        raise InvalidPath("The path of an operation is a text.")
    path = path.strip() if path else None
    if op != "remove" and "value" not in parts:
        # Databricks' SDK for Python leaves a value out when it is False: what was meant cannot be known.
        raise InvalidValue(f"The {op} of {path or 'a resource'} has no value.")
    return Operation(op, path or None, parts.get("value"), "value" in parts)


def _spread(operation: Operation) -> Iterator[Operation]:
    """Paths that stand as keys in a value without a path, as operations of their own.

    With its flag ``aadOptscim062020`` Entra ID merges changes into one such value, with keys like ``name.givenName``
    and ``urn:…:User:department``.
    """
    value = operation.value
    if operation.path is not None or operation.op == "remove" or not isinstance(value, dict):
        yield operation
        return
    plain_keys = {name: item for name, item in value.items() if not _is_path(name)}
    if plain_keys or not value:
        yield Operation(operation.op, None, plain_keys, strict=False)
    for name, item in value.items():
        if _is_path(name):
            yield Operation(operation.op, name, item, strict=False)


def _is_path(name: str) -> bool:
    return any(mark in name for mark in ".:[")
