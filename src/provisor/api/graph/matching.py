"""A filter as a question about one resource, for lists that are in memory: what ``conditions`` would choose of them.

``get`` gives a resource's value by the name in the field table (``fields.reader`` makes it of a mapping): a text, bool,
int, UUID, a moment or its text, a list of texts, or None.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from provisor.api.graph.fields import ITEM, Fields, Found, comparable, listed, suited, textual
from provisor.api.graph.filter_tree import And, AnyOf, Comparison, Filter, InText, Not, OneOf, Or, Search
from provisor.api.graph.words import parted

Get = Callable[[str], Any]
Predicate = Callable[[Get], bool]
_TESTS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_IN_TEXT: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "contains": lambda text, part: part in text,
    "startswith": str.startswith,
    "endswith": str.endswith,
}


def matches(tree: Filter | None, fields: Fields, get: Get) -> bool:
    """Whether the resource behind ``get`` meets ``tree``. Raises Invalid for what cannot be asked."""
    return tree is None or predicate(tree, fields)(get)


def predicate(tree: Filter, fields: Fields) -> Predicate:
    """``tree`` as a function, made once for all of a list. Raises Invalid for what cannot be asked."""
    match tree:
        case And(filters):
            every = [predicate(item, fields) for item in filters]
            return lambda get: all(meets(get) for meets in every)
        case Or(filters):
            several = [predicate(item, fields) for item in filters]
            return lambda get: any(meets(get) for meets in several)
        case Not(inner):
            refuses = predicate(inner, fields)
            return lambda get: not refuses(get)
        case AnyOf(path, inner):
            return _any(fields.find(path), predicate(inner, _ELEMENT))
        case Search(path, text):
            names = fields.searched if path is None else (path,)
            words = [_searched(fields.find(name, "search"), text) for name in names]
            return lambda get: any(meets(get) for meets in words)
        case Comparison(path, name, value):
            found = fields.find(path)
            return _compared(found, name, suited(found, name, value))
        case OneOf(path, values):
            return _one_of(fields.find(path), values)
        case InText(function, path, value):
            return _in_text(fields.find(path), function, value)


class _Element(Fields):
    """Inside ``any`` every path is the element."""

    def find(self, path: str, clause: str = "filter") -> Found:
        return ITEM


_ELEMENT: Final = _Element("value", {})


def value_of(found: Found, get: Get) -> Any:
    """A field's value as it is compared, None when there is none."""
    return comparable(found.field.kind, get(found.name))


def _compared(found: Found, name: str, value: Any) -> Predicate:
    if value is None:
        missing = name == "eq"
        return lambda get: (value_of(found, get) is None) is missing
    wanted = _wanted(found, value)
    if name == "ne":
        return lambda get: value_of(found, get) != wanted
    test = _TESTS[name]
    return lambda get: (held := value_of(found, get)) is not None and test(held, wanted)


def _one_of(found: Found, values: tuple[Any, ...]) -> Predicate:
    wanted = {_wanted(found, suited(found, "in", value)) for value in values}
    return lambda get: (held := value_of(found, get)) is not None and held in wanted


def _in_text(found: Found, function: str, value: str) -> Predicate:
    textual(found)
    wanted, inside = _wanted(found, value), _IN_TEXT[function]
    return lambda get: (held := value_of(found, get)) is not None and inside(held, wanted)


def _any(found: Found, meets: Predicate) -> Predicate:
    listed(found)

    def met(item: Any) -> bool:
        return meets(lambda _: item)

    def any_(get: Get) -> bool:
        items = get(found.name)
        return isinstance(items, list | tuple) and any(map(met, items))

    return any_


def _searched(found: Found, text: str) -> Predicate:
    textual(found, "search")
    beginning = _wanted(found, parted(text))
    return lambda get: (held := value_of(found, get)) is not None and beginning in parted(held)


def _wanted(found: Found, value: Any) -> Any:
    """A literal as the values of its field are compared; of a key an empty one stays so."""
    if found.field.kind == "key" and value == "":
        return ""
    return comparable(found.field.kind, value)
