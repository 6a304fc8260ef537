"""The language reference, written from the table of functions: ``python tests/house/expression_reference.py`` writes
it anew, and a test compares."""

from __future__ import annotations

import json
from pathlib import Path

from provisor.expressions.function import Example
from provisor.expressions.functions import FUNCTIONS

PLACE = Path(__file__).parents[2] / "docs/reference/expressions.md"
_START = "## Functions\n"


def functions() -> str:
    """The part of the page that the table makes."""
    parts = [_START]
    for function in FUNCTIONS.values():
        where = " Microsoft has it in cloud sync only." if function.cloud_sync else ""
        parts.append(
            f"\n### {function.name}\n\n`{function.signature}` → {function.returns}\n\n{function.about}{where}\n"
        )
        if function.examples:
            parts.append("\n```\n" + "\n".join(map(_line, function.examples)) + "\n```\n")
    return "".join(parts)


def _line(example: Example) -> str:
    result = "(nothing)" if example.result is None else json.dumps(example.result, ensure_ascii=False)
    given = f"   for {json.dumps(dict(example.attributes), ensure_ascii=False)}" if example.attributes else ""
    return f"{example.expression}  →  {result}{given}"


if __name__ == "__main__":
    text = PLACE.read_text()
    PLACE.write_text(text[: text.index(_START)] + functions())
