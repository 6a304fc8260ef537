"""The commands as their code declares them, for the pages that list them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from provisor.cli.line import _application


def commands() -> dict[str, Any]:
    """Every command: its words without ``provisor`` → typer's command."""
    return dict(_below(_application(None), ()))


def everywhere() -> list[Any]:
    """The global options."""
    return [found for found in _application(None).params if "completion" not in found.name]


def _below(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield " ".join(path), command
        return
    for name, inner in command.commands.items():
        yield from _below(inner, (*path, name))


def written(parameter: Any) -> str:
    """A parameter as it is typed: ``NAME``, ``VALUE…``, ``--port PORT``, ``--admin/--no-admin``."""
    more = "…" if parameter.nargs == -1 or parameter.multiple else ""
    option = next((word for word in parameter.opts if word.startswith("--")), "")
    word = (parameter.metavar or (option.strip("-") or parameter.name)).strip("[]")
    word = word.replace("-", "_").upper() if parameter.metavar is None else word
    if not option:
        return word + more
    if parameter.is_flag:
        return "/".join([option, *parameter.secondary_opts])
    return f"{option} {word}{more}"


def usage(command: Any) -> list[str]:
    """What stands after the command's name, in order; what may be left out in brackets."""
    return [written(found) if found.required else f"[{written(found)}]" for found in command.params]


def spelled(parameter: Any) -> str:
    """A parameter as it is typed, with its short form first where it has one."""
    short = [word for word in parameter.opts if word.startswith("-") and not word.startswith("--")]
    return ", ".join([*short, written(parameter)])


def about(parameter: Any) -> str:
    """What a parameter is, and what holds without it."""
    said = parameter.help or ""
    if parameter.default in (None, False, "", []) or "efault" in said:
        return said
    return f"{said} (default: {parameter.default})".strip()
