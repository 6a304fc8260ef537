"""The tree of a filter (RFC 7644 §3.4.2.2): what ``filter.parse`` makes and ``matching`` turns into a function.

A value path with something after it (``emails[type eq "work"].value eq "x"``) is one element that meets both, so its
tree is that of ``emails[type eq "work" and value eq "x"]``. ``str`` writes a filter that reads the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from json import dumps
from typing import Literal

from provisor.scim.schema import Named

Operator = Literal["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]
Literally = str | bool | int | float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """``attribute operator value``; the value has the attribute's type, None is null."""

    attribute: Named
    operator: Operator
    value: Literally

    def __str__(self) -> str:
        return f"{self.attribute.path} {self.operator} {dumps(self.value, ensure_ascii=False)}"


@dataclass(frozen=True, slots=True)
class Present:
    """``attribute pr``."""

    attribute: Named

    def __str__(self) -> str:
        return f"{self.attribute.path} pr"


@dataclass(frozen=True, slots=True)
class ValuePath:
    """``attribute[filter]``: one element meets the filter, whose names are sub-attributes."""

    attribute: Named
    filter: Filter

    def __str__(self) -> str:
        return f"{self.attribute.path}[{self.filter}]"


@dataclass(frozen=True, slots=True)
class Not:
    """``not (filter)``."""

    filter: Filter

    def __str__(self) -> str:
        return f"not ({self.filter})"


@dataclass(frozen=True, slots=True)
class And:
    """All of them."""

    filters: tuple[Filter, ...]

    def __str__(self) -> str:
        return " and ".join(f"({item})" if isinstance(item, And | Or) else str(item) for item in self.filters)


@dataclass(frozen=True, slots=True)
class Or:
    """Any of them."""

    filters: tuple[Filter, ...]

    def __str__(self) -> str:
        return " or ".join(f"({item})" if isinstance(item, Or) else str(item) for item in self.filters)


Filter = Comparison | Present | ValuePath | Not | And | Or


def conjuncts(tree: Filter) -> Iterator[Filter]:
    """The filters that must all hold for ``tree`` to hold."""
    if isinstance(tree, And):
        for item in tree.filters:
            yield from conjuncts(item)
    else:
        yield tree
