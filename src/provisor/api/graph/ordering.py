"""The order of a list, and the ``$skiptoken`` that says where its next page begins.

A token carries what the last row is sorted by, and its id, which ends every order: no row is read twice or left out
however many come and go between pages, and none is counted through. It says nothing that whoever has it has not seen,
so it is not sealed; what it says is checked as every value from outside. Missing values are the lowest (OData 4.01).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson

from provisor.api.graph.conditions import TYPES, Arguments, expression, sorting
from provisor.api.graph.fields import Fields, Found, Kind
from provisor.api.graph.matching import Get, value_of
from provisor.api.graph.query import Sort
from provisor.refusal import Invalid

_LONGEST: Final = 16_384
_BROKEN: Final = "The $skiptoken is none of this list: follow @odata.nextLink as it is, or begin without one."
#: A row's columns that it is sorted by.
COLUMN: Final = "sorted_{}"


@dataclass(frozen=True, slots=True)
class Term:
    """One of the things that a list is sorted by."""

    found: Found
    descending: bool = False

    def __str__(self) -> str:
        return self.found.name.lower() + (" desc" if self.descending else "")


@dataclass(frozen=True, slots=True)
class Ordering:
    """What a list is sorted by; the last one is its identity. ``values`` of a row are one for each, None for none."""

    terms: tuple[Term, ...]

    def token(self, values: Sequence[Any]) -> str:
        """Where the page after the row with these values begins."""
        content = orjson.dumps([str(self), [_sent(value) for value in values]])
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    def opened(self, token: str) -> list[Any]:
        """The values in a token. Raises Invalid for one that is no token of a list in this order."""
        if len(token) > _LONGEST:
            raise Invalid(_BROKEN)
        try:
            order, values = orjson.loads(base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True))
            if order != str(self) or len(values) != len(self.terms):
                raise Invalid(_BROKEN)
            return [_received(term.found, value) for term, value in zip(self.terms, values, strict=True)]
        except (binascii.Error, ValueError, TypeError, OverflowError):
            raise Invalid(_BROKEN) from None

    def row_token(self, row: Mapping[str, Any]) -> str:
        """As ``token``, of a row that was selected with ``Written.columns``."""
        return self.token([row[COLUMN.format(number)] for number in range(len(self.terms))])

    def written(self, arguments: Arguments) -> Written:
        """The order as SQL."""
        plain = [expression(term.found, arguments) for term in self.terms]
        return Written(self, plain, [sorting(term.found, sql) for term, sql in zip(self.terms, plain, strict=True)])

    def sorted(self, items: Sequence[tuple[Any, list[Any]]], after: list[Any] | None) -> list[tuple[Any, list[Any]]]:
        """Items, each with its values, in this order, those after a position."""
        found = list(items)
        for number, term in reversed(list(enumerate(self.terms))):

            def rank(item: tuple[Any, list[Any]], at: int = number) -> tuple[Any, ...]:
                return _rank(item[1][at])

            found.sort(key=rank, reverse=term.descending)
        return found if after is None else [item for item in found if self._beyond(item[1], after)]

    def values(self, get: Get) -> list[Any]:
        """A resource's values, in memory."""
        return [value_of(term.found, get) for term in self.terms]

    def _beyond(self, values: list[Any], after: list[Any]) -> bool:
        for term, value, last in zip(self.terms, values, after, strict=True):
            here, there = _rank(value), _rank(last)
            if here != there:
                return (here > there) is not term.descending
        return False

    def __str__(self) -> str:
        return ",".join(map(str, self.terms))


@dataclass(frozen=True, slots=True)
class Written:
    """``order`` stands after *order by*, ``columns`` in the select list; ``beyond`` is the condition of a page."""

    ordering: Ordering
    _plain: list[str]
    _sorted: list[str]

    @property
    def order(self) -> str:
        return ", ".join(map(self._direction, self.ordering.terms, self._sorted))

    @property
    def columns(self) -> str:
        """The values of a row as they are compared."""
        return ", ".join(f"{sql} as {COLUMN.format(number)}" for number, sql in enumerate(self._sorted))

    def beyond(self, after: list[Any], arguments: Arguments) -> str:
        """The rows after these values. In one direction and without missing values it is one comparison of rows, which
        an index answers."""
        terms = self.ordering.terms
        bound = [self._bound(term, value, arguments) for term, value in zip(terms, after, strict=True)]
        directions = {term.descending for term in terms}
        if len(directions) == 1 and not any(term.found.field.nullable for term in terms):
            sign = "<" if terms[0].descending else ">"
            return f"({', '.join(self._sorted)}) {sign} ({', '.join(bound)})"
        condition = "false"
        for term, sql, value in reversed(list(zip(terms, self._sorted, bound, strict=True))):
            condition = _step(term, sql, value, condition)
        return condition

    @staticmethod
    def _direction(term: Term, sql: str) -> str:
        direction = f"{sql} desc" if term.descending else sql
        if term.found.field.nullable:
            direction += " nulls last" if term.descending else " nulls first"
        return direction

    @staticmethod
    def _bound(term: Term, value: Any, arguments: Arguments) -> str:
        if value is None and term.found.field.nullable:
            return ""
        return arguments.bind("" if value is None else value, TYPES[term.found.field.kind])


def ordering(sorts: Sequence[Sort], fields: Fields) -> Ordering:
    """The order that is asked for, ended by the identity. Raises Invalid for what has no order."""
    terms: list[Term] = []
    for sort in (*sorts, Sort(fields.identity, bool(sorts) and sorts[-1].descending)):
        found = fields.find(sort.path, "orderby")
        if found.field.kind == "texts":
            raise Invalid(f"Invalid orderby clause: {found.name} has several values, so it has no order.")
        if all(found.name != term.found.name for term in terms):
            terms.append(Term(found, sort.descending))
        if found.name == fields.identity:
            break
    return Ordering(tuple(terms))


def _step(term: Term, sql: str, value: str, rest: str) -> str:
    """The rows beyond a value of one term, or level with it and beyond in the ``rest``; no value: null."""
    level = f"({sql} is null and {rest})" if not value else f"({sql} = {value} and {rest})"
    if not value:
        return level if term.descending else f"({sql} is not null or {level})"
    sign = "<" if term.descending else ">"
    later = f"{sql} {sign} {value}"
    if term.descending and term.found.field.nullable:
        later = f"{later} or {sql} is null"
    return f"({later} or {level})"


def _rank(value: Any) -> tuple[Any, ...]:
    """What a value is sorted by in memory."""
    return (False,) if value is None else (True, value)


def _sent(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, UUID) else value


def _received(found: Found, value: Any) -> Any:
    """A value of a token, of its field's type. Raises ValueError for another."""
    if value is None:
        if found.field.required:
            raise ValueError("a value that is always there")
        return None
    kept = _TYPED[found.field.kind](value)
    if kept is None:
        raise ValueError("a value of another type")
    return kept


def _text(value: Any) -> str | None:
    if not isinstance(value, str) or "\0" in value or any(0xD800 <= ord(char) <= 0xDFFF for char in value):
        return None
    return value


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63 else None


def _moment(value: Any) -> datetime | None:
    found = datetime.fromisoformat(value)
    return found.astimezone(UTC) if found.tzinfo else None


_TYPED: Final[Mapping[Kind, Callable[[Any], Any]]] = {
    "text": _text,
    "key": _text,
    "exact": _text,
    "boolean": lambda value: value if isinstance(value, bool) else None,
    "moment": _moment,
    "uuid": lambda value: UUID(value) if isinstance(value, str) else None,
    "number": _number,
}
