"""A filter as a condition of SQL: the same rows that ``matching`` would choose, chosen by the database.

Missing values are those of Graph: ``ne`` holds of them, and so does ``not`` of whatever does not. A test that is null
counts as false, which ``and`` and ``or`` leave alone and ``not`` says outright. Texts are looked into by functions that
know no pattern, so ``%`` and ``_`` are letters. Property tests compare the two readings of a filter.
"""

from __future__ import annotations

from typing import Any, Final

from provisor.api.graph.fields import ITEM, Fields, Found, Kind, listed, suited, textual
from provisor.api.graph.filter_tree import And, AnyOf, Comparison, Filter, InText, Not, OneOf, Or, Search
from provisor.api.graph.words import parted, parted_sql

TYPES: Final[dict[Kind, str]] = {
    "text": "text",
    "key": "text",
    "exact": "text",
    "boolean": "boolean",
    "moment": "timestamptz",
    "uuid": "uuid",
    "number": "bigint",
}
_SYMBOLS: Final = {"eq": "=", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_IN_TEXT: Final = {
    "contains": "position({value} in {place}) > 0",
    "startswith": "starts_with({place}, {value})",
    "endswith": "right({place}, length({value})) = {value}",
}


class Arguments:
    """The arguments of a statement, in the order in which they were bound; the first may be given."""

    def __init__(self, *values: Any) -> None:
        self.values: list[Any] = list(values)

    def bind(self, value: Any, kind: str) -> str:
        """The placeholder of ``value``, which is of the SQL type ``kind``."""
        self.values.append(value)
        return f"${len(self.values)}::{kind}"


def condition(tree: Filter, fields: Fields, arguments: Arguments) -> str:
    """What is asked of a row; values are bound in ``arguments``. Raises Invalid for what cannot be asked."""
    return _Writer(fields, arguments).write(tree)


def expression(found: Found, arguments: Arguments) -> str:
    """What stands for a field's value: null, or of a ``key`` empty, where there is none."""
    if found.document:
        return f"({found.document} ->> {arguments.bind(found.name, 'text')})"
    return f"({found.field.sql})"


def folded(found: Found, sql: str) -> str:
    """A field's expression as its values are compared."""
    return f"lower{sql}" if found.field.kind == "text" else sql


def sorting(found: Found, sql: str) -> str:
    """A field's expression as its values are ordered. Texts go by their bytes, a key as its index has it."""
    return f'{folded(found, sql)} collate "C"' if found.field.kind in ("text", "exact") else sql


class _Writer:
    """``inside``: it is an element that is asked, while ``any`` is written."""

    def __init__(self, fields: Fields, arguments: Arguments, *, inside: bool = False) -> None:
        self._fields = fields
        self._arguments = arguments
        self._inside = inside

    def write(self, tree: Filter) -> str:
        match tree:
            case And(filters):
                return "(" + " and ".join(map(self.write, filters)) + ")"
            case Or(filters):
                return "(" + " or ".join(map(self.write, filters)) + ")"
            case Not(inner):
                return f"(({self.write(inner)}) is not true)"
            case Comparison(path, operator, value):
                found = self._find(path)
                return self._compared(found, operator, suited(found, operator, value))
            case OneOf(path, values):
                found = self._find(path)
                return self._one_of(found, [suited(found, "in", value) for value in values])
            case InText(function, path, value):
                found = self._find(path)
                textual(found)
                return self._in_text(found, function, value)
            case AnyOf(path, inner):
                return self._any(self._find(path), inner)
            case Search(path, text):
                names = self._fields.searched if path is None else (path,)
                return "(" + " or ".join(self._searched(name, text) for name in names) + ")"

    def _find(self, path: str) -> Found:
        return ITEM if self._inside else self._fields.find(path)

    def _bind(self, found: Found, value: Any) -> str:
        """A value beside a field: brought into small letters by whoever does so with the field's."""
        kind = found.field.kind
        if kind == "text":
            return f"lower({self._arguments.bind(value, 'text')})"
        return self._arguments.bind(value.casefold() if kind == "key" else value, TYPES[kind])

    def _present(self, found: Found, sql: str) -> str:
        return f"{sql} <> ''" if found.field.kind == "key" else f"{sql} is not null"

    def _compared(self, found: Found, operator: str, value: Any) -> str:
        sql = expression(found, self._arguments)
        if value is None:
            present = self._present(found, sql)
            return f"({present})" if operator == "ne" else f"(not {present})"
        key = found.field.kind == "key"
        if key and value == "":
            return self._with_nothing(found, sql, operator)
        place, bound = folded(found, sql), self._bind(found, value)
        if operator == "ne":
            different = "is distinct from" if found.field.nullable else "<>"
            return f"({place} {different} {bound})"
        if operator == "eq":
            return f"({place} = {bound})"
        if key and operator in ("lt", "le"):
            # Who has no name stands before all, and is less than nothing.
            return f"({sql} <> '' and {sql} {_SYMBOLS[operator]} {bound})"
        return f"({sorting(found, sql)} {_SYMBOLS[operator]} {bound})"

    def _with_nothing(self, found: Found, sql: str, operator: str) -> str:
        """A key beside an empty text, which no key is."""
        if operator in ("gt", "ge"):
            return f"({self._present(found, sql)})"
        return "true" if operator == "ne" else "false"

    def _one_of(self, found: Found, values: list[Any]) -> str:
        sql = expression(found, self._arguments)
        if found.field.kind == "text":
            # The database brings each into its own small letters.
            return f"({folded(found, sql)} in ({', '.join(self._bind(found, value) for value in values)}))"
        if found.field.kind == "key":
            values = [value.casefold() for value in values if value]
        return f"({sql} = any({self._arguments.bind(values, TYPES[found.field.kind] + '[]')}))"

    def _in_text(self, found: Found, function: str, value: str) -> str:
        sql = expression(found, self._arguments)
        if found.field.kind == "key" and not value:
            return f"({self._present(found, sql)})"
        return "(" + _IN_TEXT[function].format(place=folded(found, sql), value=self._bind(found, value)) + ")"

    def _any(self, found: Found, inner: Filter) -> str:
        listed(found)
        sql = expression(found, self._arguments)
        items = f"jsonb_array_elements_text(case jsonb_typeof({sql}) when 'array' then {sql} else '[]' end)"
        written = _Writer(self._fields, self._arguments, inside=True).write(inner)
        return f"(exists (select from {items} e (item) where {written}))"

    def _searched(self, path: str, text: str) -> str:
        found = self._fields.find(path, "search")
        textual(found, "search")
        beginning = self._bind(found, parted(text))
        return f"position({beginning} in {parted_sql(folded(found, expression(found, self._arguments)))}) > 0"


def both(*trees: Filter | None) -> Filter | None:
    """What holds when all of ``trees`` do; None asks for nothing."""
    given = tuple(tree for tree in trees if tree is not None)
    return And(given) if len(given) > 1 else given[0] if given else None


def chosen(tree: Filter | None, fields: Fields, arguments: Arguments) -> str:
    """As ``condition``, ``true`` without a filter."""
    return "true" if tree is None else condition(tree, fields, arguments)
