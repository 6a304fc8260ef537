"""Scoping filters (entra.md §5): who of an application's users and groups is in scope by what they say of themselves.

The clauses of one filter must all hold, of several filters one must. They are compiled with the schema, so that a
wrong operator, attribute or pattern is refused when somebody writes it, not in the middle of a cycle. An answer names
the filter, the clause and the value that was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import regex

from provisor.provisioning.source_names import source_attributes, unknown_attribute
from provisor.refusal import Invalid

#: A pattern is an administrator's text: it runs with a limit (seconds), the one exception to a core without a clock.
PATTERN_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Operator:
    """``name`` as the portal shows it and as it is written; ``takes``: nothing, value, whole number or pattern."""

    name: str
    takes: str
    holds: Callable[[str, str], bool]


def _matches(value: str, pattern: str) -> bool:
    try:
        return regex.search(pattern, value, timeout=PATTERN_SECONDS) is not None
    except TimeoutError:
        raise Invalid(f"The scoping filter's pattern {pattern!r} takes too long: write it more simply.") from None


def _has_bits(value: str, wanted: str) -> bool:
    """For whole numbers a bit test; for texts, as documented, whether the value occurs in what is written."""
    if value.isdecimal() and wanted.isdecimal():
        return int(value) & int(wanted) == int(wanted)
    return value in wanted


def _whole(compare: Callable[[int, int], bool]) -> Callable[[str, str], bool]:
    return lambda value, wanted: value.isdecimal() and compare(int(value), int(wanted))


#: A null or empty value makes every clause false but IS NULL. Letter case counts throughout, as documented.
OPERATORS: Final = (
    Operator("EQUALS", "value", lambda value, wanted: value == wanted),
    Operator("NOT EQUALS", "value", lambda value, wanted: value != wanted),
    Operator("IS NULL", "nothing", lambda value, wanted: False),
    Operator("IS NOT NULL", "nothing", lambda value, wanted: True),
    Operator("IS TRUE", "nothing", lambda value, wanted: value == "True"),
    Operator("IS FALSE", "nothing", lambda value, wanted: value == "False"),
    Operator("INCLUDES", "value", lambda value, wanted: wanted in value),
    Operator("STARTS_WITH", "value", lambda value, wanted: value.startswith(wanted)),
    Operator("ENDS_WITH", "value", lambda value, wanted: value.endswith(wanted)),
    Operator("REGEX MATCH", "pattern", _matches),
    Operator("NOT REGEX MATCH", "pattern", lambda value, wanted: not _matches(value, wanted)),
    Operator("GREATER_THAN", "whole number", _whole(lambda value, wanted: value > wanted)),
    Operator("GREATER_THAN_OR_EQUALS", "whole number", _whole(lambda value, wanted: value >= wanted)),
    Operator("LESS_THAN", "whole number", _whole(lambda value, wanted: value < wanted)),
    Operator("LESS_THAN_OR_EQUALS", "whole number", _whole(lambda value, wanted: value <= wanted)),
    Operator("&", "value", _has_bits),
    Operator("!&", "value", lambda value, wanted: not _has_bits(value, wanted)),
)
#: The names of the engine's enumeration, where they are not the portal's without blanks.
_ENGINE: Final = {
    "matchesexpression": "REGEX MATCH",
    "notmatchesexpression": "NOT REGEX MATCH",
    "equalorgreaterthan": "GREATER_THAN_OR_EQUALS",
    "equalorlessthan": "LESS_THAN_OR_EQUALS",
    "bitand": "&",
    "notbitand": "!&",
}


def _plain(name: str) -> str:
    return "".join(char for char in name.casefold() if char not in " _")


_BY_NAME: Final = {_plain(operator.name): operator for operator in OPERATORS}


@dataclass(frozen=True, slots=True)
class Clause:
    """``attribute`` ``operator`` ``wanted``, like ``department EQUALS Sales``."""

    attribute: str
    operator: Operator
    wanted: str

    def holds(self, value: Any) -> bool:
        text = "" if value is None else str(value)
        if not text:
            return self.operator.name == "IS NULL"
        return self.operator.holds(text, self.wanted)

    def __str__(self) -> str:
        return " ".join(part for part in (self.attribute, self.operator.name, self.wanted) if part)


@dataclass(frozen=True, slots=True)
class Filter:
    """A scoping filter: all of its clauses must hold."""

    title: str
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """One clause of one filter and what was seen: ``value`` is the attribute's, None when it has none."""

    title: str
    clause: Clause
    value: Any
    holds: bool

    def __str__(self) -> str:
        return f"{self.clause} (it is {self.value!r})" if self.value not in (None, "") else f"{self.clause} (no value)"


def judge(filters: Sequence[Filter], attributes: Mapping[str, Any]) -> list[list[Judged]]:
    """Every clause of every filter, with what it saw. Raises Invalid when a pattern takes too long."""
    return [
        [
            Judged(item.title, clause, attributes.get(clause.attribute), clause.holds(attributes.get(clause.attribute)))
            for clause in item.clauses
        ]
        for item in filters
    ]


def passes(filters: Sequence[Filter], attributes: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether one of the filters lets an object through, and a clause that says which does, or what each saw."""
    if not filters:
        return True, ""
    failed = []
    for item in judge(filters, attributes):
        wrong = next((judged for judged in item if not judged.holds), None)
        if wrong is None:
            return True, f"passes {item[0].title}"
        failed.append(f"{wrong.title}: {wrong}")
    return False, f"fails {' and '.join(failed)}"


def compile_filters(scope: Mapping[str, Any] | None, object_type: str) -> tuple[Filter, ...]:
    """The filters of an objectMapping's ``scope``. Raises Invalid, naming filter and clause."""
    groups = (scope or {}).get("groups") or ()
    if not isinstance(groups, Sequence) or not all(isinstance(item, Mapping) for item in groups):
        raise Invalid("The scope's groups are a list of scoping filters, each with a name and clauses.")
    return tuple(_filter(item, number, object_type) for number, item in enumerate(groups, 1))


def _filter(item: Mapping[str, Any], number: int, object_type: str) -> Filter:
    title = str(item.get("name") or f"scoping filter {number}")
    clauses = item.get("clauses")
    if not isinstance(clauses, Sequence) or not clauses or not all(isinstance(row, Mapping) for row in clauses):
        raise Invalid(f"{title} has no clause: it would let everybody through. Give it one, or delete the filter.")
    return Filter(title, tuple(_clause(row, title, object_type) for row in clauses))


def _clause(row: Mapping[str, Any], title: str, object_type: str) -> Clause:
    operand = row.get("targetOperand") or {}
    values = operand.get("values") if isinstance(operand, Mapping) else operand
    if not isinstance(values, list | tuple | None):
        raise Invalid(f"The scoping filter {title}: the targetOperand of a clause is an object with a list of values.")
    values = values or ()
    wanted = str(values[0]) if values else ""
    try:
        if len(values) > 1:
            raise Invalid("a clause has one value; write another filter for another value.")
        return clause(str(row.get("sourceOperandName") or ""), str(row.get("operatorName") or ""), wanted, object_type)
    except Invalid as error:
        raise Invalid(f"The scoping filter {title}: {error}") from None


def clause(attribute: str, operator_name: str, wanted: str, object_type: str) -> Clause:
    """One clause, checked. Raises Invalid."""
    problem = unknown_attribute([attribute], object_type)
    if problem is not None:
        raise Invalid(problem)
    kind = source_attributes(object_type).get(attribute, "String")
    if kind.endswith("[]") or kind == "Reference":
        raise Invalid(f"{attribute} cannot be filtered on: filters take attributes with one value.")
    name = _plain(operator_name)
    operator = _BY_NAME.get(_plain(_ENGINE.get(name, name)))
    if operator is None:
        known = ", ".join(item.name for item in OPERATORS)
        raise Invalid(f"{operator_name or '(nothing)'} is no operator: {known}.")
    if operator.takes == "nothing":
        return Clause(attribute, operator, "")
    if not wanted:
        raise Invalid(f"{attribute} {operator.name} needs a {operator.takes}; for an empty one there is IS NULL.")
    if operator.takes == "whole number" and not wanted.isdecimal():
        raise Invalid(f"{attribute} {operator.name} compares whole numbers, and {wanted!r} is none.")
    if operator.takes == "pattern":
        try:
            regex.compile(wanted)
        except regex.error as error:
            raise Invalid(f"the pattern {wanted!r} cannot be used: {error}.") from None
    return Clause(attribute, operator, wanted)


def parse_clause(text: str, object_type: str) -> Clause:
    """``department EQUALS Sales`` as a clause; the operator as in :data:`OPERATORS`, in any letter case. Raises
    Invalid."""
    attribute, _, rest = text.strip().partition(" ")
    rest = rest.strip()
    for operator in sorted(OPERATORS, key=lambda item: -len(item.name)):
        words = "[ _]".join(regex.escape(word) for word in regex.split("[ _]", operator.name))
        found = regex.match(f"{words}(?: +|$)", rest, regex.IGNORECASE)
        if found is not None:
            return clause(attribute, operator.name, rest[found.end() :].strip(), object_type)
    known = ", ".join(item.name for item in OPERATORS)
    raise Invalid(f'{text!r} is no clause like "department EQUALS Sales": after the attribute comes one of {known}.')


def to_json(filters: Sequence[Filter]) -> list[dict[str, Any]]:
    """The filters as an objectMapping's ``scope.groups``."""
    return [
        {
            "name": item.title,
            "clauses": [
                {
                    "operatorName": row.operator.name,
                    "sourceOperandName": row.attribute,
                    "targetOperand": {"values": [row.wanted] if row.wanted else []},
                }
                for row in item.clauses
            ],
        }
        for item in filters
    ]
