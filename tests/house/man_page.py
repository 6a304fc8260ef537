"""The manual page that is installed with the program, written from the commands and the settings:
``python tests/house/man_page.py`` writes it anew, and a test compares."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from command_tree import about, commands, everywhere, spelled, usage

from provisor import __version__
from provisor.config import Settings

PLACE = Path(__file__).parents[2] / "docs/reference/provisor.1"
_EXIT = {
    "0": "Done; of plan: nothing to do.",
    "1": "Failed, with one sentence on standard error; of sync: also when something failed or was refused.",
    "2": "Of plan, drift and leavers: there is something.",
    "64": "Wrong usage, with one line on standard error.",
    "130": "Interrupted.",
}
_FILES = {
    "~/.local/share/provisor": "The data folder, unless told otherwise; as root /var/lib/provisor/data.",
    "provisor.toml": "In the data folder: settings, by the names of the variables without PROVISOR_, in small letters.",
    "secret.key": "In the data folder: the key that secrets in the database are encrypted with. Keep a copy apart.",
}


def page() -> str:
    """The whole page, in the language of man(7)."""
    lines = [
        f'.TH PROVISOR 1 "" "Provisor {__version__}" "User Commands"',
        ".SH NAME",
        r"provisor \- keeps the accounts of applications in step with a directory, over SCIM 2.0",
        ".SH SYNOPSIS",
        r".B provisor",
        _plain("[GLOBAL OPTION…] COMMAND [ARGUMENT…]"),
        ".SH DESCRIPTION",
        _plain("Provisor holds a directory of people and groups, decides for every application who should have an"),
        _plain("account there and what it should say, shows that as a plan, carries it out, and explains what it did."),
        _plain("It is also a workspace that can be provisioned. Both are served by provisor serve."),
        ".SH GLOBAL OPTIONS",
        _plain("They stand before or after any command."),
        *_tagged((spelled(found), about(found)) for found in everywhere()),
        ".SH COMMANDS",
        *(line for name, command in commands().items() for line in _command(name, command)),
        ".SH EXIT STATUS",
        *_tagged(_EXIT.items()),
        ".SH ENVIRONMENT",
        _plain("Each may stand in provisor.toml instead. An empty variable counts as not given."),
        *_tagged(_variables()),
        ".SH FILES",
        *_tagged(_FILES.items()),
    ]
    return "\n".join(lines) + "\n"


def _command(name: str, command: Any) -> list[str]:
    told = [(spelled(found), about(found)) for found in command.params if about(found)]
    words = " ".join(["provisor", name, *usage(command)])
    return [f".SS {_plain(name)}", f".B {_plain(words)}", ".PP", _plain(" ".join(command.help.split())), *_tagged(told)]


def _variables() -> Iterable[tuple[str, str]]:
    for name, field in Settings.model_fields.items():
        said = f"{(field.description or '')[:1].upper()}{(field.description or '')[1:]}."
        plain = isinstance(field.default, str | int | float)
        yield f"PROVISOR_{name.upper()}", f"{said} Default: {field.default}." if plain else said
    yield "PROVISOR_CONFIG", "Another file instead of provisor.toml."


def _tagged(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [line for word, said in rows for line in (".TP", f".B {_plain(word)}", _plain(said))]


def _plain(text: str) -> str:
    """Text that means itself: no escape, no request, and dashes that can be copied to a command line."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return re.sub(r"^(?=[.'])", lambda _: r"\&", escaped)


if __name__ == "__main__":
    PLACE.write_text(page())
