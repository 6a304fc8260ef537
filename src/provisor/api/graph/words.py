"""Where words begin, for ``$search``: at the start of a text and after each mark that parts words."""

from __future__ import annotations

from typing import Final

_MARKS: Final = "-_.@/,;:()[]&+#'\"\t\n"
_BLANKS: Final = str.maketrans(_MARKS, " " * len(_MARKS))


def parted(text: str) -> str:
    """``text`` with a blank before it and for each mark: where `` ada`` is in it, a word begins with ``ada``."""
    return " " + text.translate(_BLANKS)


def parted_sql(sql: str) -> str:
    """The same of an expression."""
    marks = _MARKS.replace("'", "''")
    return f"' ' || translate({sql}, '{marks}', '{' ' * len(_MARKS)}')"
