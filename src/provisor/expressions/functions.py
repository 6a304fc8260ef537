"""The table of functions (entra.md §4.3): what each takes, and what makes it run.

A function's ``build`` gets its arguments as evaluators (None where one was left out) and returns an evaluator, so an
argument that is not needed is never evaluated: the default of Switch may be an expression that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from provisor.expressions.errors import ExpressionError

Value: TypeAlias = str | list[str] | bool | None
#: From an object's attributes to a value.
Evaluator: TypeAlias = Callable[[Mapping[str, Any]], Value]


@dataclass(frozen=True, slots=True)
class Function:
    """``keys`` name the parameters in Microsoft Graph's form; the last ``repeats`` of them repeat.

    ``least`` is the smallest number of arguments; ``shape`` says in words what is needed.
    """

    name: str
    keys: tuple[str, ...]
    repeats: int
    least: int
    shape: str
    build: Callable[[Sequence[Evaluator | None]], Evaluator]

    def takes(self, count: int) -> bool:
        """Whether the function can be called with ``count`` arguments."""
        fixed = len(self.keys) - self.repeats
        if count < self.least:
            return False
        return count <= fixed or (self.repeats > 0 and (count - fixed) % self.repeats == 0)

    def key(self, place: int) -> str:
        """The name of the parameter at ``place`` (from 0)."""
        fixed = len(self.keys) - self.repeats
        return self.keys[place] if place < fixed else self.keys[fixed + (place - fixed) % self.repeats]


def text(value: Value) -> str:
    """``value`` as a text: null is empty, booleans are True and False. Raises ExpressionError for several values."""
    if value is None:
        return ""
    if isinstance(value, list):
        if len(value) > 1:
            raise ExpressionError("one value is needed where there are several.")
        return value[0] if value else ""
    return str(value)


def _join(arguments: Sequence[Evaluator | None]) -> Evaluator:
    separator, sources = arguments[0], [item for item in arguments[1:] if item is not None]

    def join(attributes: Mapping[str, Any]) -> Value:
        parts: list[str] = []
        for source in sources:
            value = source(attributes)
            parts += [text(item) for item in (value if isinstance(value, list) else [value])]
        between = text(separator(attributes)) if separator is not None else ""
        return between.join(part for part in parts if part)

    return join


def _switch(arguments: Sequence[Evaluator | None]) -> Evaluator:
    source, default, *pairs = arguments
    cases = list(zip(pairs[::2], pairs[1::2], strict=True))

    def switch(attributes: Mapping[str, Any]) -> Value:
        value = text(source(attributes)) if source is not None else ""
        for key, result in cases:
            if value == (text(key(attributes)) if key is not None else ""):
                return result(attributes) if result is not None else None
        return default(attributes) if default is not None else None

    return switch


FUNCTIONS: Final[Mapping[str, Function]] = {
    function.name: function
    for function in (
        Function("Join", ("separator", "source"), 1, 2, "a separator and at least one source", _join),
        Function(
            "Switch",
            ("source", "[defaultValue]", "switchValue", "switchValue"),
            2,
            4,
            "a source, a default (may be left out) and pairs of a key and a value",
            _switch,
        ),
    )
}
