"""Where the attributes of users and groups stand in the database: columns, the folded document, the membership table.

``conditions`` asks :meth:`Places.find` for each attribute of a filter and writes SQL around what it gets. Every text of
SQL here is this module's own or made of names in the schema, which are quoted; values come as bound arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Final

from provisor.scim.folded import ELSEWHERE
from provisor.scim.schema import Attribute, Named, ResourceType


class Arguments:
    """The arguments of a statement, in the order in which they were bound."""

    def __init__(self, *values: Any) -> None:
        self.values: list[Any] = list(values)

    def bind(self, value: Any, kind: str = "text") -> str:
        """The placeholder of ``value``. ``kind`` is an SQL type; all but jsonb travel as text."""
        self.values.append(value)
        return f"${len(self.values)}::{kind}" if kind in ("text", "jsonb") else f"${len(self.values)}::text::{kind}"


@dataclass(frozen=True, slots=True)
class One:
    """At most one value: an expression that is null without it."""

    sql: str


@dataclass(frozen=True, slots=True)
class Many:
    """Several: ``source`` is what follows ``from``, ``parts`` an expression for each sub-attribute of an element.

    ``value`` is the expression of an element that is compared as a whole. ``document`` is the place of the list in the
    folded document, when it stands there.
    """

    source: str
    parts: Mapping[str, str]
    value: str
    document: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Structure:
    """One complex value: an expression for each sub-attribute, and one that says whether there is any."""

    parts: Mapping[str, str]
    present: str


Place = One | Many | Structure
_TYPES: Final = {"boolean": "boolean", "integer": "numeric", "decimal": "numeric", "dateTime": "numeric"}


def sql_type(attribute: Attribute) -> str:
    """The SQL type in which values of a simple attribute are compared."""
    return _TYPES.get(attribute.type, "text")


def absent(attribute: Attribute) -> str:
    """The expression of a value that is nowhere, or not for the one who asks."""
    return f"null::{sql_type(attribute)}"


def quoted(text: str) -> str:
    """A text as SQL's literal."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Places:
    """``columns`` are places by path of the core; ``visible`` the only attributes (of the core) that can be found."""

    resource_type: ResourceType
    columns: Mapping[str, Place]
    visible: Set[str] | None = None
    _own: Set[tuple[str | None, str]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        own: set[tuple[str | None, str]] = {(None, item.name) for item in self.resource_type.core}
        own |= {(schema.id, item.name) for schema in self.resource_type.extensions for item in schema.attributes}
        object.__setattr__(self, "_own", own)

    def find(self, named: Named) -> Place:
        """Where an attribute stands, sub-attributes left aside."""
        attribute, extension = named.attribute, named.extension
        hidden = self.visible is not None and (extension is not None or attribute.name not in self.visible)
        if hidden or (extension, attribute.name) not in self._own:
            return One(absent(named.leaf))
        if extension is None and attribute.name in self.columns:
            return self.columns[attribute.name]
        if extension is None and attribute.name in ELSEWHERE:
            return One(absent(named.leaf))
        return in_document(attribute, extension)


def in_document(attribute: Attribute, extension: str | None) -> Place:
    """The place of an attribute in the folded document."""
    path = (*((extension,) if extension else ()), attribute.name)
    value = "r.idx" + "".join(f" -> {quoted(step)}" for step in path)
    if attribute.multi_valued:
        return Many(
            f"jsonb_array_elements({value}) e (item)", _parts(attribute, "e.item"), _typed(attribute, "e.item"), path
        )
    if attribute.type == "complex":
        return Structure(_parts(attribute, value), f"({value}) is not null")
    return One(_typed(attribute, value))


def _parts(attribute: Attribute, value: str) -> dict[str, str]:
    return {sub.name: _typed(sub, f"{value} -> {quoted(sub.name)}") for sub in attribute.sub_attributes}


def _typed(attribute: Attribute, value: str) -> str:
    kind = sql_type(attribute)
    return f"({value}) #>> '{{}}'" if kind == "text" else f"({value})::{kind}"
