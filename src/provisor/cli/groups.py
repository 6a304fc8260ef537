"""A group of commands: what follows a word like ``provisor app``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer


def group(about: str, **commands: Callable[..., Any]) -> typer.Typer:
    """The group with ``commands`` by name (an underscore stands for a hyphen); a function's docstring is its help."""
    made = typer.Typer(no_args_is_help=True, help=about)
    for name, command in commands.items():
        made.command(name.replace("_", "-"))(command)
    return made
