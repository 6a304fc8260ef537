"""What expressions work with, and how one kind of value becomes another (entra.md §4.2).

A value is a text, a list of texts, a boolean, a moment in UTC, or null. Numbers are texts that look like one. Two more
say that nothing flows: not to this attribute, or not for this object at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final, Protocol, TypeAlias

from provisor.expressions.errors import ExpressionError


class Flow(Enum):
    """Instead of a value: the attribute, or the whole object, is left out."""

    NO_ATTRIBUTE = "IgnoreAttributeFlow"
    NO_OBJECT = "IgnoreObjectFlow"


class Chance(Protocol):
    """Where random values come from, as ``random.SystemRandom`` has them."""

    def getrandbits(self, k: int, /) -> int: ...
    def choice(self, seq: str, /) -> str: ...
    def shuffle(self, x: list[str], /) -> None: ...


Value: TypeAlias = str | list[str] | bool | datetime | Flow | None


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an expression is evaluated with: the object's attributes by name, and what it cannot know itself.

    ``now`` is the moment of the cycle, ``chance`` where random values come from, ``taken`` says whether the target has
    a value already, ``domain`` is the tenant's. Without one of them the functions that need it fail.
    """

    attributes: Mapping[str, Any]
    now: datetime | None = None
    chance: Chance | None = field(default=None, compare=False)
    taken: Callable[[str], bool] | None = None
    domain: str | None = None


#: From inputs to a value.
Evaluator: TypeAlias = Callable[[Inputs], Value]
Arguments: TypeAlias = Sequence[Evaluator | None]

_NUMBER: Final = re.compile(r"\s*[+-]?\d{1,30}(?:\.\d{1,30})?\s*", re.ASCII)
_WHOLE: Final = re.compile(r"\s*[+-]?\d{1,18}(?:\.0+)?\s*", re.ASCII)
_HEX: Final = re.compile(r"&H[0-9A-Fa-f]{1,16}", re.ASCII)


def text(value: Any) -> str:
    """``value`` as a text: null is empty, booleans are True and False, moments as ``M/d/yyyy h:mm:ss tt``.

    Raises ExpressionError for several values.
    """
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, Flow):
        return ""
    if isinstance(value, list):
        if len(value) > 1:
            raise ExpressionError("one value is needed where there are several.")
        return text(value[0]) if value else ""
    if isinstance(value, datetime):
        hour = value.hour % 12 or 12
        half = "AM" if value.hour < 12 else "PM"
        return f"{value.month}/{value.day}/{value.year:04} {hour}:{value.minute:02}:{value.second:02} {half}"
    return str(value)


def is_empty(value: Any) -> bool:
    """Whether a value is null or says nothing."""
    return value is None or value in ("", []) or isinstance(value, Flow)


def several(value: Any) -> list[str]:
    """A value as a list of texts; null has none."""
    if isinstance(value, list):
        return [text(item) for item in value]
    return [] if value is None or isinstance(value, Flow) else [text(value)]


def number(value: Any) -> float | None:
    """The number that a value is; None when it is none."""
    found = text(value)
    return float(found) if _NUMBER.fullmatch(found) else None


def whole(value: Any, what: str) -> int:
    """A whole number, ``&H`` hexadecimal ones too. Raises ExpressionError naming ``what``."""
    found = text(value)
    if _WHOLE.fullmatch(found):
        return int(found.partition(".")[0])
    if _HEX.fullmatch(found):
        return int(found[2:], 16)
    raise ExpressionError(f'{what} needs a whole number, not "{found[:40]}".')


def truth(value: Any) -> bool:
    """Whether a condition holds: True in any case, or a number other than 0."""
    if isinstance(value, bool):
        return value
    found = number(value)
    return found != 0 if found is not None else text(value).lower() == "true"
