"""Cells that a spreadsheet shows as they are.

One that begins like a formula would be run as one, whoever wrote it: it begins with an apostrophe instead. A telephone
number, or a number below zero, is no formula.
"""

from __future__ import annotations

import re
from typing import Final

_FORMULA: Final = re.compile(r"[=@\t\r]|[+-](?![\d\s().+/-]*$)")


def cell(text: str) -> str:
    """``text`` for a cell of a CSV file."""
    return f"'{text}" if _FORMULA.match(text) else text
