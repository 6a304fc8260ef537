"""The tree of an expression. ``str`` of a node writes it in canonical form: one space after commas, texts in quotes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

#: Comparisons (entra.md §4.1); they make sense in conditions only.
OPERATORS: Final = ("=", "<>", ">", ">=", "<", "<=")


@dataclass(frozen=True, slots=True)
class Attribute:
    """``[name]``: a source attribute."""

    name: str
    place: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"[{self.name}]"


@dataclass(frozen=True, slots=True)
class Constant:
    """A text, or a number, which the language keeps as a text."""

    value: str
    place: int = field(default=0, compare=False)

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'


@dataclass(frozen=True, slots=True)
class Word:
    """A bare word like ``IgnoreAttributeFlow``."""

    name: str
    place: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Call:
    """``Name(a, , c)``; an argument that was left out is None."""

    name: str
    arguments: tuple[Node | None, ...]
    place: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{self.name}({', '.join('' if item is None else str(item) for item in self.arguments)})"


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left operator right``."""

    operator: str
    left: Node
    right: Node
    place: int = field(default=0, compare=False)

    def __str__(self) -> str:
        left, right = (f"({side})" if isinstance(side, Comparison) else str(side) for side in (self.left, self.right))
        return f"{left} {self.operator} {right}"


Node: TypeAlias = Attribute | Constant | Word | Call | Comparison


def calls(node: Node | None) -> Iterator[str]:
    """The names of all functions that ``node`` calls."""
    if isinstance(node, Call):
        yield node.name
        for item in node.arguments:
            yield from calls(item)
    elif isinstance(node, Comparison):
        yield from calls(node.left)
        yield from calls(node.right)


def attributes(node: Node | None) -> Iterator[str]:
    """The names of all attributes that ``node`` reads."""
    if isinstance(node, Attribute):
        yield node.name
    elif isinstance(node, Call):
        for item in node.arguments:
            yield from attributes(item)
    elif isinstance(node, Comparison):
        yield from attributes(node.left)
        yield from attributes(node.right)
