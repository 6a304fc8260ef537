"""What a function of the language is: one entry of the table, with all that is known of it.

``build`` gets the arguments as evaluators (None where one was left out) and returns an evaluator, so an argument that
is not needed is never evaluated. ``eager`` makes one of a plain function of values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from provisor.expressions.values import Arguments, Evaluator, Inputs


@dataclass(frozen=True, slots=True)
class Example:
    """``attributes`` are the object's; ``result`` is what comes out, as a text or a list, None for nothing."""

    expression: str
    result: str | list[str] | None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Function:
    """``keys`` name the parameters in Microsoft Graph's form; the last ``repeats`` of them repeat. ``least`` is the
    smallest number of arguments. ``about`` is one sentence, ``cloud_sync`` says that Microsoft has it there only."""

    name: str
    keys: tuple[str, ...]
    least: int
    build: Callable[[Arguments], Evaluator]
    about: str
    examples: tuple[Example, ...]
    returns: str = "text"
    repeats: int = 0
    cloud_sync: bool = False

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

    @property
    def signature(self) -> str:
        """How it is written, with what may be left out in [ ]."""
        needed = [key for key in self.keys if not key.startswith("[")][: self.least]
        shown = [key if key in needed or key.startswith("[") else f"[{key}]" for key in self.keys]
        return f"{self.name}({', '.join(shown)}{', …' if self.repeats else ''})"


def eager(run: Callable[..., Any]) -> Callable[[Arguments], Evaluator]:
    """A builder of a function of values: what was left out, or is missing at the end, is not handed over or None."""

    def build(arguments: Arguments) -> Evaluator:
        if len(arguments) == 1 and (only := arguments[0]) is not None:
            return lambda inputs: run(only(inputs))
        return lambda inputs: run(*(None if item is None else item(inputs) for item in arguments))

    return build


def informed(run: Callable[..., Any]) -> Callable[[Arguments], Evaluator]:
    """As ``eager``, for a function whose first argument is the inputs themselves."""

    def build(arguments: Arguments) -> Evaluator:
        def evaluate(inputs: Inputs) -> Any:
            return run(inputs, *(None if item is None else item(inputs) for item in arguments))

        return evaluate

    return build
