"""What can be wrong with an expression, with the place where it is."""

from __future__ import annotations

#: Characters of the expression that are shown on either side of the place.
_AROUND = 60


class ExpressionError(ValueError):
    """``str(error)`` is one sentence. ``place`` counts characters of ``text``; None when a value is at fault."""

    def __init__(self, sentence: str, *, text: str = "", place: int | None = None) -> None:
        super().__init__(sentence)
        self.text = text
        self.place = place

    @property
    def line(self) -> int | None:
        """1-based; None without a place."""
        return None if self.place is None else self.text.count("\n", 0, self.place) + 1

    @property
    def column(self) -> int | None:
        """1-based, within its line; None without a place."""
        return None if self.place is None else self.place - self.text.rfind("\n", 0, self.place)

    def caret(self) -> str:
        """The line of the expression that is meant, and below it a mark under the place; empty without a place."""
        if self.place is None:
            return ""
        start = self.text.rfind("\n", 0, self.place) + 1
        end = self.text.find("\n", self.place)
        line, column = self.text[start : end if end >= 0 else len(self.text)], self.place - start
        cut = max(0, column - _AROUND)
        where = f"  line {self.line}, column {self.column}:\n" if "\n" in self.text else ""
        return f"{where}  {line[cut : column + _AROUND]}\n  {' ' * (column - cut)}^"
