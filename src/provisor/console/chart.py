"""The geometry of a chart of stacked bars: from figures to rectangles, in units of its own.

Drawn by a template into SVG that the browser stretches to the room there is; whatever is to be read (numbers, labels)
stands beside it as text. Nothing here knows what the figures are of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

HEIGHT: Final = 120
#: From the left side of a bar to that of the next, and how much of it the bar takes.
STEP: Final = 20
WIDTH: Final = 16
#: What is there is seen, however little it is beside the rest.
LEAST: Final = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """How many of one ``kind`` there were in the interval at ``place``, and the rectangle that stands for them."""

    kind: str
    place: int
    count: int
    x: float
    y: float
    height: float
    width: float = WIDTH


@dataclass(frozen=True, slots=True)
class Chart:
    """``lines``: number → how far down its line is; ``most`` is the number at the top."""

    width: int
    most: int
    bars: Sequence[Bar]
    lines: Mapping[int, float]
    height: int = HEIGHT

    def path(self, kind: str) -> str:
        """All rectangles of one kind as the path that draws them."""
        parts = (
            f"M{bar.x:g} {bar.y:g}h{bar.width:g}v{bar.height:g}h-{bar.width:g}z"
            for bar in self.bars
            if bar.kind == kind
        )
        return "".join(parts)


def chart(figures: Mapping[str, Sequence[int]]) -> Chart:
    """Bars of the figures (kind → number in each interval), the first kind at the bottom."""
    columns = list(zip(*figures.values(), strict=True))
    most = _round_number(max(map(sum, columns), default=0))
    bars = [bar for place, column in enumerate(columns) for bar in _column(list(figures), place, column, most)]
    middle = {most // 2: HEIGHT / 2} if most % 2 == 0 else {}
    return Chart(len(columns) * STEP, most, bars, {most: 0.0, **middle, 0: float(HEIGHT)})


def _column(kinds: Sequence[str], place: int, counts: Sequence[int], most: int) -> list[Bar]:
    heights = [max(LEAST, count * HEIGHT / most) if count else 0.0 for count in counts]
    # What the small ones were given more than they have, the largest one has less.
    heights[heights.index(max(heights))] -= max(0.0, sum(heights) - HEIGHT)
    bars, top = [], float(HEIGHT)
    for kind, count, height in zip(kinds, counts, heights, strict=True):
        top -= height
        if count:
            left = place * STEP + (STEP - WIDTH) / 2
            bars.append(Bar(kind, place, count, left, round(top, 2), round(height, 2)))
    return bars


def _round_number(most: int) -> int:
    """The least of 1, 2, 5, 10, 20, 50, … that is not less."""
    found = 1
    while found < most:
        found = found * 5 // 2 if str(found)[0] == "2" else found * 2
    return found
