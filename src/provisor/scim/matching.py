"""A filter as a function of a resource: closures made once, called for every resource of a list.

How values compare is the attribute's (RFC 7643 §2.2, §2.3): letter case where it counts, dateTimes as moments. An
attribute with several values matches when one of them does; one without any matches only ``ne`` and ``eq null``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from provisor.scim.filter_tree import And, Comparison, Filter, Not, Or, Present, ValuePath
from provisor.scim.schema import Attribute, Named
from provisor.scim.values import moment

Predicate = Callable[[Mapping[str, Any]], bool]
_Values = Callable[[Mapping[str, Any]], list[Any]]
_ORDERED: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_IN_TEXT: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "co": lambda text, part: part in text,
    "sw": str.startswith,
    "ew": str.endswith,
}


def predicate(tree: Filter) -> Predicate:
    """Whether a resource (or, inside a value path, an element) meets ``tree``."""
    match tree:
        case Comparison():
            return _comparison(tree)
        case Present(attribute):
            values = _values(attribute, whole=True)
            return lambda holder: any(_says_something(item) for item in values(holder))
        case ValuePath(attribute, inner):
            elements, meets = _values(attribute, whole=True), predicate(inner)
            return lambda holder: any(isinstance(item, dict) and meets(item) for item in elements(holder))
        case Not(inner):
            refuses = predicate(inner)
            return lambda holder: not refuses(holder)
        case And(filters):
            every = [predicate(item) for item in filters]
            return lambda holder: all(meets(holder) for meets in every)
        case Or(filters):
            several = [predicate(item) for item in filters]
            return lambda holder: any(meets(holder) for meets in several)


def _comparison(tree: Comparison) -> Predicate:
    values = _values(tree.attribute)
    if tree.value is None:
        wanted = tree.operator == "ne"
        return lambda holder: any(_says_something(item) for item in values(holder)) is wanted
    test = _test(tree.attribute.leaf, tree.operator, tree.value)
    if tree.operator == "ne":

        def differs(holder: Mapping[str, Any]) -> bool:
            found = values(holder)
            return not found or any(map(test, found))

        return differs
    return lambda holder: any(map(test, values(holder)))


def _test(leaf: Attribute, name: str, literal: Any) -> Callable[[Any], bool]:
    """The comparison of one value with ``literal``."""
    prepare = comparable(leaf)
    wanted = prepare(literal)
    if name == "eq":
        return lambda value: prepare(value) == wanted
    if name == "ne":
        return lambda value: prepare(value) != wanted
    if name in _IN_TEXT:
        inside = _IN_TEXT[name]
        return lambda value: isinstance(value, str) and inside(prepare(value), wanted)
    compare = _ORDERED[name]

    def ordered(value: Any) -> bool:
        found = prepare(value)
        return found is not None and compare(found, wanted)

    return ordered


def comparable(leaf: Attribute) -> Callable[[Any], Any]:
    """What brings values of ``leaf`` into the form in which they are compared; None for a value of another type."""
    if leaf.type == "boolean":
        return lambda value: value if isinstance(value, bool) else None
    if leaf.type in ("integer", "decimal"):
        return _number
    if leaf.type == "dateTime":
        return _microseconds
    if leaf.case_exact:
        return lambda value: value if isinstance(value, str) else None
    return lambda value: value.casefold() if isinstance(value, str) else None


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # One form for 1 and 1.0; beyond this JSON has no whole numbers.
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**63 else value


def _microseconds(value: Any) -> int | None:
    try:
        return (moment(value) - _EPOCH) // timedelta(microseconds=1)
    except (TypeError, ValueError):
        return None


def _values(named: Named, *, whole: bool = False) -> _Values:
    """The values of an attribute; of a complex one its ``value``, unless the ``whole`` is asked for."""
    name, extension = named.attribute.name, named.extension
    sub = named.sub.name if named.sub else None
    if sub is None and not whole and named.attribute.type == "complex":
        sub = "value"

    def values(holder: Mapping[str, Any]) -> list[Any]:
        source = (holder.get(extension) or {}) if extension else holder
        found = source.get(name)
        if found is None:
            return []
        items = found if isinstance(found, list) else [found]
        if sub is None:
            return items
        return [part for item in items if isinstance(item, dict) and (part := item.get(sub)) is not None]

    return values


def _says_something(value: Any) -> bool:
    return value is not None and value not in ("", [], {})
