"""The value of a resource at a target path as attribute mappings write it: ``emails[type eq "work"].value``.

Provisioning compares with it, connectors check answers with it: it sees resources of any server and needs no schema.
A path is parsed once; names are looked up in any case, the exact spelling first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

_CORE: Final = "urn:ietf:params:scim:schemas:core:2.0:"
_PATH: Final = re.compile(
    r"(?:(?P<urn>urn:[^\[]+):)?(?P<name>[^\[:.]+)(?:\[(?P<filter>.*)\])?(?:\.(?P<sub>[^\[\].]+))?",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION: Final = re.compile(r'\s*([\w$]+)\s+eq\s+(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))\s*', re.IGNORECASE)
_AND: Final = re.compile(r"and\b", re.IGNORECASE)
#: A dict is recognised at once, any other mapping by a question that takes ten times as long.
_STRUCTURE: Final = (dict, Mapping)
_ESCAPED: Final = re.compile(r'\\(["\\/])')


@dataclass(frozen=True, slots=True)
class _Target:
    urn: str | None
    name: str
    conditions: tuple[tuple[str, str], ...]
    sub: str | None


def value_at(resource: Mapping[str, Any], path: str) -> Any:
    """The value at ``path``, or None when there is none.

    Paths: ``userName``, ``name.givenName``, ``emails[type eq "work"].value``, ``urn:…:User:department``. A complex
    attribute stands for its ``value`` (``manager``), a multi-valued one for the list of them (``members``).
    """
    target = _parsed(path)
    holder: Any = resource
    if target.urn is not None:
        holder = _member(resource, target.urn)
    found = _member(holder, target.name)
    if isinstance(found, list):
        if target.conditions:
            found = next((item for item in found if _meets(item, target.conditions)), None)
            return _part(found, target.sub)
        parts = [part for item in found if (part := _part(item, target.sub)) is not None]
        return parts or None
    if target.conditions and not _meets(found, target.conditions):
        return None
    return _part(found, target.sub)


def reference_at(resource: Mapping[str, Any], path: str) -> str | None:
    """The id of the one resource that is referred to at ``path``, as text; None when there is none. Some services keep
    ids as numbers, show a manager as a list of one, and nobody as an empty text."""
    found = value_at(resource, path)
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    return None if found in (None, "") else str(found)


@lru_cache(maxsize=4096)
def _parsed(path: str) -> _Target:
    match = _PATH.fullmatch(path.strip())
    conditions = _conditions(match["filter"]) if match else None
    if match is None or conditions is None:
        # No path that can be read: there may still be an attribute that is called so.
        return _Target(None, path, (), None)
    urn = match["urn"]
    if urn and urn.lower().startswith(_CORE):
        urn = None
    return _Target(urn, match["name"], conditions, match["sub"])


def _conditions(text: str | None) -> tuple[tuple[str, str], ...] | None:
    """``a eq "x" and b eq y`` as pairs; None for any other filter."""
    if text is None:
        return ()
    found, place = [], 0
    while match := _CONDITION.match(text, place):
        literal = _ESCAPED.sub(r"\1", match[2]) if match[2] is not None else match[3]
        found.append((match[1], literal.casefold()))
        if match.end() == len(text):
            return tuple(found)
        joint = _AND.match(text, match.end())
        if joint is None:
            return None
        place = joint.end()
    return None


def _member(holder: Any, name: str) -> Any:
    if not isinstance(holder, _STRUCTURE):
        return None
    if name in holder:
        return holder[name]
    lower = name.lower()
    return next((value for key, value in holder.items() if key.lower() == lower), None)


def _meets(item: Any, conditions: tuple[tuple[str, str], ...]) -> bool:
    return all(str(_member(item, name)).casefold() == value for name, value in conditions)


def _part(item: Any, sub: str | None) -> Any:
    if sub is not None:
        return _member(item, sub)
    if isinstance(item, _STRUCTURE):
        value = _member(item, "value")
        return item if value is None and _is_structure(item) else value
    return item


def _is_structure(item: Mapping[str, Any]) -> bool:
    """Whether a complex value has no ``value`` because it is none of the kind that has one (``name``, an address)."""
    return not {key.lower() for key in item} <= {"value", "type", "primary", "display", "$ref", "displayname"}
