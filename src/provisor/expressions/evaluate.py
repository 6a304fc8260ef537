"""A tree as one closure: compiled once for each mapping, called for every object."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from provisor.expressions.errors import ExpressionError
from provisor.expressions.functions import FUNCTIONS, Evaluator, text
from provisor.expressions.parser import parse
from provisor.expressions.tree import Attribute, Call, Comparison, Constant, Node, attributes

_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "<>": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class Compiled:
    """``evaluate`` takes attributes by name (a missing one is null); ``attributes`` are the names that it reads.

    ``evaluate`` raises ExpressionError for values that the expression cannot work with.
    """

    evaluate: Evaluator
    attributes: frozenset[str]


def compile_expression(expression: str) -> Compiled:
    """``expression`` ready to run. Raises ExpressionError with the place."""
    tree = parse(expression)
    return Compiled(_evaluator(tree, expression), frozenset(attributes(tree)))


def _evaluator(node: Node, source: str) -> Evaluator:
    if isinstance(node, Attribute):
        name = node.name
        return lambda attributes: attributes.get(name)
    if isinstance(node, Constant):
        value = node.value
        return lambda attributes: value
    if isinstance(node, Comparison):
        return _comparison(node, source)
    if isinstance(node, Call):
        return _call(node, source)
    near = difflib.get_close_matches(node.name, FUNCTIONS, 1)
    hint = f" Did you mean {near[0]}( )?" if near else ""
    raise ExpressionError(
        f'{node.name} is neither an attribute in [ ] nor a text in " ".{hint}', text=source, place=node.place
    )


def _call(node: Call, source: str) -> Evaluator:
    function = FUNCTIONS.get(node.name)
    if function is None:
        by_name = {name.casefold(): name for name in FUNCTIONS}
        near = difflib.get_close_matches(node.name.casefold(), by_name, 1)
        hint = f" Did you mean {by_name[near[0]]}?" if near else ""
        known = ", ".join(sorted(FUNCTIONS))
        sentence = f"{node.name} is no function that Provisor has: it has {known}.{hint}"
        raise ExpressionError(sentence, text=source, place=node.place)
    if not function.takes(len(node.arguments)):
        raise ExpressionError(f"{node.name} needs {function.shape}.", text=source, place=node.place)
    return function.build([None if item is None else _evaluator(item, source) for item in node.arguments])


def _comparison(node: Comparison, source: str) -> Evaluator:
    compare = _COMPARE[node.operator]
    left, right = _evaluator(node.left, source), _evaluator(node.right, source)

    def holds(attributes: Mapping[str, Any]) -> bool:
        one, other = text(left(attributes)), text(right(attributes))
        try:
            # Numbers compare as numbers, whatever they are written like (entra.md §4.2).
            return compare(float(one), float(other))
        except ValueError:
            return compare(one, other)

    return holds
