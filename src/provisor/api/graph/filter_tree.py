"""The tree of a ``$filter`` or ``$search``: what ``filters`` and ``searches`` make of a text.

``conditions`` turns it into SQL, ``matching`` into an answer about one resource. A path is the text that was sent, in
the sender's letter case; which property it means is for a field table to say. ``str`` writes a filter that reads the
same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal
from uuid import UUID

Operator = Literal["eq", "ne", "gt", "ge", "lt", "le"]
Function = Literal["startswith", "endswith", "contains"]
Literally = str | bool | int | datetime | UUID | None
#: What an element of a list is called inside ``any``, whatever the sender calls it.
ELEMENT: Final = "x"


@dataclass(frozen=True, slots=True)
class Comparison:
    """``path operator value``; a moment is in UTC."""

    path: str
    operator: Operator
    value: Literally

    def __str__(self) -> str:
        return f"{self.path} {self.operator} {written(self.value)}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """``path in (values)``."""

    path: str
    values: tuple[Literally, ...]

    def __str__(self) -> str:
        return f"{self.path} in ({', '.join(map(written, self.values))})"


@dataclass(frozen=True, slots=True)
class InText:
    """``function(path, 'value')``."""

    function: Function
    path: str
    value: str

    def __str__(self) -> str:
        return f"{self.function}({self.path}, {written(self.value)})"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """``path/any(x:filter)``: one element of a list meets the filter, whose only path is :data:`ELEMENT`."""

    path: str
    filter: Filter

    def __str__(self) -> str:
        return f"{self.path}/any({ELEMENT}:{self.filter})"


@dataclass(frozen=True, slots=True)
class Search:
    """``"path:text"`` or ``"text"``: a word of a property begins with the text. No path: of any that is searched.

    The one node that no filter has.
    """

    path: str | None
    text: str


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


Filter = Comparison | OneOf | InText | AnyOf | Search | Not | And | Or


def written(value: Literally) -> str:
    """A literal as a filter has it."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case datetime():
            return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case _:
            return str(value)
