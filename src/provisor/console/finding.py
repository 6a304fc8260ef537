"""Finding by a part of a name (Ctrl K), the same on every site: what is found, and which pages of a menu are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from provisor.console.menu import Item

#: Of each kind, and of people's and groups' names.
MOST: Final = 8
SOME: Final = 5
#: Characters of what is asked for that count.
LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Found:
    """``path`` is below the site's start."""

    text: str
    kind: str
    path: str


def says(name: str, words: Sequence[str]) -> bool:
    """Whether all words (in small letters) are in a name."""
    folded = name.casefold()
    return all(word in folded for word in words)


def pages(menu: Iterable[Item], words: Sequence[str]) -> list[Found]:
    """The pages of a menu whose name has all words."""
    return [Found(item.text, "Page", item.path) for item in menu if says(item.text, words)]
