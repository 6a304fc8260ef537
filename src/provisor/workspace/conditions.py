"""A filter as a condition of SQL: the same rows that ``scim.matching`` would choose, chosen by the database.

Equality becomes a column's or a containment in the folded document, both of which have an index; everything else is
asked of each row. A test that is null counts as false, which ``and`` and ``or`` leave alone and ``not`` says outright.
Property tests compare the two readings of a filter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from provisor.scim.errors import InvalidValue
from provisor.scim.filter_tree import And, Comparison, Filter, Not, Or, Present, ValuePath, conjuncts
from provisor.scim.matching import comparable
from provisor.scim.schema import Attribute, Named
from provisor.workspace.places import Arguments, Many, One, Place, Places, Structure, absent, sql_type

_SYMBOLS: Final = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_COLUMN: Final = re.compile(r"[rgum]\.\w+")
_IN_TEXT: Final = {
    "co": "position({value} in {place}) > 0",
    "sw": "starts_with({place}, {value})",
    "ew": "right({place}, length({value})) = {value}",
}


def condition(tree: Filter, places: Places, arguments: Arguments) -> str:
    """What is asked of a row ``r``; values are bound in ``arguments``."""
    return _Writer(places, arguments).write(tree)


def order(named: Named, places: Places) -> tuple[str, str]:
    """The expression that sorts by an attribute, and its SQL type; of several values the primary or first one counts
    (RFC 7644 §3.4.2.3). Raises InvalidValue for what has no order."""
    place, leaf = places.find(named), named.leaf
    kind = sql_type(leaf)
    match place:
        case One(sql):
            return _in_bytes(sql, kind), kind
        case Structure(parts) if (sub := _sub(named)) in parts:
            return _in_bytes(parts[sub], kind), kind
        case Many(source, parts, whole, document) if document is not None:
            sub = _sub(named)
            value = parts.get(sub, whole)
            chosen = f"order by ({parts['primary']}) is true desc, n" if "primary" in parts else "order by n"
            numbered = source.removesuffix(" e (item)") + " with ordinality e (item, n)"
            return _in_bytes(f"(select {value} from {numbered} {chosen} limit 1)", kind), kind
    raise InvalidValue(f"sortBy {named.path} has no order.")


class _Writer:
    """``inside``: the expressions of an element's sub-attributes, while a value path is written."""

    def __init__(self, places: Places, arguments: Arguments, inside: Mapping[str, str] | None = None) -> None:
        self._places = places
        self._arguments = arguments
        self._inside = inside

    def write(self, tree: Filter) -> str:
        match tree:
            case And(filters):
                return "(" + " and ".join(map(self.write, filters)) + ")"
            case Or(filters):
                return "(" + " or ".join(map(self.write, filters)) + ")"
            case Not(inner):
                return f"({self.write(inner)}) is not true"
            case Present(named):
                return self._present(named, self._find(named), whole=True)
            case ValuePath(named, inner):
                return self._chosen(named, inner)
            case Comparison():
                return self._compared(tree)

    def _find(self, named: Named) -> Place:
        if self._inside is not None:
            return One(self._inside.get(named.attribute.name, absent(named.leaf)))
        return self._places.find(named)

    def _present(self, named: Named, place: Place, *, whole: bool) -> str:
        """Whether there is a value that says something; with ``whole`` a complex one does by being there."""
        sub = None if whole and named.sub is None else _sub(named)
        match place:
            case One(sql):
                return _says_something(sql, named.leaf)
            case Structure(parts, present):
                return present if sub is None else _says_something(parts.get(sub, absent(named.leaf)), named.leaf)
            case Many(source, parts, value):
                if not parts:
                    asked = _says_something(value, named.leaf)
                else:
                    asked = "true" if sub is None else _says_something(parts.get(sub, absent(named.leaf)), named.leaf)
                return f"exists (select from {source} {_joint(source)} {asked})"

    def _compared(self, tree: Comparison) -> str:
        place = self._find(tree.attribute)
        if tree.value is None:
            present = self._present(tree.attribute, place, whole=False)
            return present if tree.operator == "ne" else f"({present}) is not true"
        leaf = tree.attribute.leaf
        wanted = comparable(leaf)(tree.value)
        if tree.operator == "eq" and isinstance(place, Many) and place.document and self._inside is None:
            sub = _sub(tree.attribute)
            return self._contains(place.document, [{sub: wanted} if place.parts else wanted])
        match place:
            case One(sql):
                return self._single(sql, tree, leaf, wanted)
            case Structure(parts):
                return self._single(parts.get(_sub(tree.attribute), absent(leaf)), tree, leaf, wanted)
            case Many(source, parts, value):
                sql = parts.get(_sub(tree.attribute), absent(leaf)) if parts else value
                start, test = f"select from {source} {_joint(source)}", self._test(sql, tree.operator, leaf, wanted)
                if tree.operator == "ne":
                    return f"(not exists ({start} {sql} is not null) or exists ({start} {test}))"
                return f"exists ({start} {test})"

    def _single(self, sql: str, tree: Comparison, leaf: Attribute, wanted: Any) -> str:
        document = _document(tree.attribute, sql)
        if tree.operator == "eq" and document is not None and self._inside is None:
            return self._contains(document, wanted)
        test = self._test(sql, tree.operator, leaf, wanted)
        return f"({sql} is null or {test})" if tree.operator == "ne" else test

    def _chosen(self, named: Named, inner: Filter) -> str:
        place = self._find(named)
        match place:
            case One():
                return "false"
            case Structure(parts, present):
                return f"({present} and {_Writer(self._places, self._arguments, parts).write(inner)})"
            case Many(source, parts, _, document):
                element = _described(inner) if document else None
                if document and element is not None:
                    return self._contains(document, [element])
                written = _Writer(self._places, self._arguments, parts).write(inner)
                return f"exists (select from {source} {_joint(source)} {written})"

    def _contains(self, path: tuple[str, ...], value: Any) -> str:
        for step in reversed(path):
            value = {step: value}
        return f"r.idx @> {self._arguments.bind(value, 'jsonb')}"

    def _test(self, sql: str, operator: str, leaf: Attribute, wanted: Any) -> str:
        kind = sql_type(leaf)
        # Numbers and booleans travel as texts too, so that a statement is prepared once for all of a shape.
        value = self._arguments.bind(wanted if kind == "text" else _text(wanted), kind)
        if operator in _IN_TEXT:
            return _IN_TEXT[operator].format(place=f"({sql})", value=value)
        compared = f"({sql})" if operator in ("eq", "ne") else _in_bytes(sql, kind)
        return f"{compared} {_SYMBOLS[operator]} {value}"


def _in_bytes(sql: str, kind: str) -> str:
    """An expression whose texts are ordered byte by byte, as the columns' are."""
    return sql if kind != "text" or _COLUMN.fullmatch(sql) else f'({sql}) collate "C"'


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _sub(named: Named) -> str:
    return named.sub.name if named.sub else "value"


def _joint(source: str) -> str:
    return "and" if " where " in source else "where"


def _says_something(sql: str, leaf: Attribute) -> str:
    return f"({sql}) <> ''" if sql_type(leaf) == "text" else f"({sql}) is not null"


def _document(named: Named, sql: str) -> tuple[str, ...] | None:
    """The path of a single value in the folded document, when its expression reads that."""
    if "r.idx" not in sql:
        return None
    start = (named.extension,) if named.extension else ()
    end = (_sub(named),) if named.attribute.type == "complex" else ()
    return (*start, named.attribute.name, *end)


def _described(inner: Filter) -> dict[str, Any] | None:
    """The element that a filter of nothing but equalities describes; None for any other filter."""
    found: dict[str, Any] = {}
    for item in conjuncts(inner):
        if not isinstance(item, Comparison) or item.operator != "eq" or item.value is None:
            return None
        name = item.attribute.attribute.name
        wanted = comparable(item.attribute.leaf)(item.value)
        if found.setdefault(name, wanted) != wanted:
            return None
    return found
