"""What each command takes, written into the page of commands from the commands themselves:
``python tests/house/command_reference.py`` writes it anew, and a test compares.

The indented lines below a command's heading are the program's; all other text of the page is its author's and stays. A
new command gets its first sentence and a place at the end of its part.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

from command_tree import about, commands, spelled, usage

PLACE = Path(__file__).parents[2] / "docs/reference/commands.md"
_HEADING = re.compile(r"^### `provisor ([^`]+)`$")
_MARGIN = "    "
_WIDTH = 116


def page(text: str) -> str:
    """``text`` with every command of today and what it takes; what is no command any more is gone."""
    parts = _parts(text)
    known = commands()
    for name in known.keys() - {heading for heading, _ in parts}:
        _place(parts, name, known[name].help.splitlines()[0])
    kept = [(name, lines) for name, lines in parts if name is None or name in known]
    return "\n".join(line for name, lines in kept for line in _renewed(lines, known.get(name))) + "\n"


def _parts(text: str) -> list[tuple[str | None, list[str]]]:
    """The page in order: a command and the lines from its heading on; None for what stands between."""
    parts: list[tuple[str | None, list[str]]] = [(None, [])]
    for line in text.rstrip("\n").split("\n"):
        heading = _HEADING.match(line)
        if heading or line.startswith("## "):
            parts.append((heading[1] if heading else None, []))
        parts[-1][1].append(line)
    return parts


def _place(parts: list[tuple[str | None, list[str]]], name: str, sentence: str) -> None:
    """Put a new command at the end of the part of its first word; a new word makes a part at the end."""
    first = name.split()[0]
    part = next((place for place, (_, lines) in enumerate(parts) if lines[0] == f"## {first}"), None)
    if part is None:
        parts[-1][1].append("")
        parts.append((None, [f"## {first}", ""]))
        part = len(parts) - 1
    end = next((place for place in range(part + 1, len(parts)) if parts[place][0] is None), len(parts))
    parts[end - 1][1][:] = [*_without_end(parts[end - 1][1]), ""]
    parts.insert(end, (name, [f"### `provisor {name}`", "", sentence, ""]))


def _renewed(lines: list[str], command: Any) -> list[str]:
    """A command's part with what it takes today."""
    if command is None:
        return lines
    own = [place for place, line in enumerate(lines) if line.startswith(_MARGIN)]
    before, after = (lines[: own[0]], lines[own[-1] + 1 :]) if own else (lines, [])
    after = after if any(after) else []
    return [*_without_end(before), "", *([*_block(command), ""] if command.params else []), *after[1:]]


def _without_end(lines: list[str]) -> list[str]:
    return lines[: max((place for place, line in enumerate(lines) if line), default=-1) + 1]


def _block(command: Any) -> list[str]:
    """The line that is typed, and a row for each of its words that says something."""
    # What belongs together stays on one line.
    typed = textwrap.wrap(" ".join(word.replace(" ", "\N{NO-BREAK SPACE}") for word in usage(command)), _WIDTH - 4)
    rows = [(spelled(found), about(found)) for found in command.params if about(found)]
    width = max((len(word) for word, _ in rows), default=0)
    told = [
        line
        for word, said in rows
        for line in textwrap.wrap(
            f"  {word.ljust(width)}  {said}", _WIDTH - 4, subsequent_indent=" " * (width + 4), break_on_hyphens=False
        )
    ]
    lines = [line.replace("\N{NO-BREAK SPACE}", " ") for line in typed] + ([""] if told else []) + told
    return [f"{_MARGIN}{line}" if line else "" for line in lines]


if __name__ == "__main__":
    PLACE.write_text(page(PLACE.read_text()))
