"""Paths of PATCH operations (RFC 7644 §3.5.2, figure 7): ``emails[type eq "work"].value`` as what it points at.

``patch`` asks for the same few paths again and again, so they are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from provisor.scim import matching
from provisor.scim.errors import InvalidPath
from provisor.scim.filter import Filter, parse_elements
from provisor.scim.schema import Attribute, ResourceType

_LONGEST: Final = 8192
_SHAPE: Final = re.compile(r"(?P<name>[^\s\[\]]+?)(?:\[(?P<filter>.*)\](?:\.(?P<sub>[\w$-]+))?)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Path:
    """Where an operation applies.

    ``extension`` is the URN when it is not the core; ``attribute`` is None when a whole schema is meant. ``filter``
    chooses elements, ``meets`` tells whether one is chosen.
    """

    extension: str | None
    attribute: Attribute | None
    sub: Attribute | None = None
    filter: Filter | None = None
    meets: Callable[[dict[str, Any]], bool] | None = None

    @property
    def where(self) -> str:
        """What to call it in a sentence."""
        if self.attribute is None:
            return self.extension or "the resource"
        start = f"{self.extension}:" if self.extension else ""
        chosen = f"[{self.filter}]" if self.filter else ""
        end = f".{self.sub.name}" if self.sub else ""
        return f"{start}{self.attribute.name}{chosen}{end}"


def parse(text: str, resource_type: ResourceType) -> Path:
    """What ``text`` points at in a ``resource_type``. Raises InvalidPath, and InvalidFilter for what is in brackets."""
    if len(text) > _LONGEST:
        raise InvalidPath(f"The path is longer than {_LONGEST} characters.")
    return _parse(text, resource_type)


@lru_cache(maxsize=1024)
def _parse(text: str, resource_type: ResourceType) -> Path:
    shape = _SHAPE.fullmatch(text.strip())
    if shape is None:
        raise InvalidPath(f"The path cannot be read: {text[:80]}.")
    name = shape["name"]
    named = resource_type.resolve(name)
    if named is None:
        return _schema(name, resource_type, alone=shape["filter"] is None)
    if shape["filter"] is None:
        return Path(named.extension, named.attribute, named.sub)
    if named.sub is not None or named.attribute.type != "complex":
        raise InvalidPath(f"{named.path} has no elements to choose from with [ ].")
    sub = named.attribute.sub(shape["sub"]) if shape["sub"] else None
    if shape["sub"] and sub is None:
        raise InvalidPath(f"{named.path} has no sub-attribute {shape['sub'][:80]}.")
    tree = parse_elements(shape["filter"], named.attribute)
    return Path(named.extension, named.attribute, sub, tree, matching.predicate(tree))


def _schema(name: str, resource_type: ResourceType, *, alone: bool) -> Path:
    extension = resource_type.extension(name)
    if alone and extension is not None:
        return Path(extension.id, None)
    if alone and name.lower() == resource_type.schema.id.lower():
        return Path(None, None)
    raise InvalidPath(f"{resource_type.name} has no attribute {name[:80]}.")
