"""A tree as one closure: compiled once for each mapping, called for every object."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from provisor.expressions.errors import ExpressionError
from provisor.expressions.functions import FUNCTIONS
from provisor.expressions.parser import parse
from provisor.expressions.tree import Attribute, Call, Comparison, Constant, Node, attributes, calls
from provisor.expressions.values import Evaluator, Flow, Inputs, Value, number, text

_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "<>": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
#: Bare words (entra.md §4.1).
_WORDS: Final[Mapping[str, Value]] = {
    **{flow.value: flow for flow in Flow},
    **{name: name for name in ("vbTextCompare", "vbBinaryCompare", "Unicode", "ASCII", "UTF8")},
}


@dataclass(frozen=True, slots=True)
class Compiled:
    """``run`` takes inputs; ``attributes`` are the names of those that it reads, ``functions`` of those that it calls.

    ``run`` raises ExpressionError for values that the expression cannot work with.
    """

    run: Evaluator
    attributes: frozenset[str]
    functions: frozenset[str]

    def evaluate(self, inputs: Inputs | Mapping[str, Any]) -> str | list[str] | bool | Flow | None:
        """What comes out, dates as texts. Attributes alone do where nothing else is needed."""
        value = self.run(inputs if isinstance(inputs, Inputs) else Inputs(inputs))
        return text(value) if isinstance(value, datetime) else value


def compile_expression(expression: str) -> Compiled:
    """``expression`` ready to run. Raises ExpressionError with the place."""
    tree = parse(expression)
    return Compiled(_evaluator(tree, expression), frozenset(attributes(tree)), frozenset(calls(tree)))


def _evaluator(node: Node, source: str) -> Evaluator:
    if isinstance(node, Attribute):
        name = node.name
        return lambda inputs: inputs.attributes.get(name)
    if isinstance(node, Constant):
        return _constant(node.value)
    if isinstance(node, Comparison):
        return _comparison(node, source)
    if isinstance(node, Call):
        return _call(node, source)
    if node.name in _WORDS:
        return _constant(_WORDS[node.name])
    near = _near(node.name, [*FUNCTIONS, *_WORDS])
    hint = f" Did you mean {near}{'' if near in _WORDS else '( )'}?" if near else ""
    raise ExpressionError(
        f'{node.name} stands alone: write [{node.name}] for the attribute, "{node.name}" for the text.{hint}',
        text=source,
        place=node.place,
    )


def _constant(value: Value) -> Evaluator:
    return lambda inputs: value


def _call(node: Call, source: str) -> Evaluator:
    function = FUNCTIONS.get(node.name)
    if function is None:
        near = _near(node.name, list(FUNCTIONS))
        hint = f" Did you mean {near}?" if near else " provisor expression functions lists those that there are."
        raise ExpressionError(f"{node.name} is no function.{hint}", text=source, place=node.place)
    if not function.takes(len(node.arguments)):
        raise ExpressionError(
            f"{node.name} does not take {len(node.arguments)} arguments: it is {function.signature}.",
            text=source,
            place=node.place,
        )
    try:
        return function.build([None if item is None else _evaluator(item, source) for item in node.arguments])
    except ExpressionError as error:
        if error.place is not None:
            raise
        raise ExpressionError(str(error), text=source, place=node.place) from None


def _near(name: str, known: list[str]) -> str | None:
    by_name = {item.casefold(): item for item in known}
    near = difflib.get_close_matches(name.casefold(), by_name, 1)
    return by_name[near[0]] if near else None


def _comparison(node: Comparison, source: str) -> Evaluator:
    compare = _COMPARE[node.operator]
    left, right = _evaluator(node.left, source), _evaluator(node.right, source)

    def holds(inputs: Inputs) -> bool:
        one, other = left(inputs), right(inputs)
        if isinstance(one, datetime) and isinstance(other, datetime):
            return compare(one, other)
        # Numbers compare as numbers, whatever they are written like (entra.md §4.2).
        first, second = number(one), number(other)
        if first is not None and second is not None:
            return compare(first, second)
        return compare(text(one), text(other))

    return holds
