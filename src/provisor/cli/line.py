"""From the words of a command line to a command, and from what happened to an exit code."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from provisor import __version__
from provisor.cli.session import Session
from provisor.refusal import Refusal

FAILED, USAGE, INTERRUPTED = 1, 64, 130
#: What a shell sets that asks for completions (:mod:`provisor.cli.completion`).
COMPLETING = "_PROVISOR_COMPLETE"
#: The global options with a value: option → setting.
OPTIONS = {
    "--data": "data",
    "--database-url": "database_url",
    "--tenant": "tenant",
    "--as": "acting_as",
}
GLOBAL_HELP = (
    "The options above stand before or after any command. "
    "Settings also come from provisor.toml and PROVISOR_* variables: docs/reference/settings.md."
)


#: First word → the module that has the command.
_MODULES = {
    "init": "tenant",
    "tenant": "tenant",
    "sign-in": "sign_in",
    "role": "sign_in",
    "sign-ins": "sign_ins",
    "conditional-access": "conditional_access",
    "client": "client",
    "workspace": "workspace",
    "directory": "directory",
    "app": "app",
    "plan": "plan",
    "revert": "plan",
    "apply": "apply",
    "backup": "backup",
    "restore": "backup",
    "doctor": "doctor",
    "leavers": "leavers",
    "report": "report",
    "drift": "drift",
    "explain": "explain",
    "provision": "provision",
    "sync": "sync",
    "log": "log",
    "audit": "audit",
    "expression": "expression",
    "serve": "serve",
    "worker": "serve",
    "completion": "completion",
    "tls": "tls",
}


@dataclass(slots=True)
class Line:
    """A command line with the global options taken out."""

    words: list[str] = field(default_factory=list)
    flags: dict[str, str] = field(default_factory=dict)
    json: bool = False


def parse(arguments: list[str]) -> Line:
    """Take the global options out of ``arguments``, wherever they stand. Raises BadParameter."""
    line, rest = Line(), iter(arguments)
    for word in rest:
        name, equals, value = word.partition("=")
        if word == "--":
            line.words += [word, *rest]
        elif word == "--json":
            line.json = True
        elif name in OPTIONS:
            given = value if equals else next(rest, None)
            if given is None:
                raise typer.BadParameter(f"{name} needs a value.")
            line.flags[OPTIONS[name]] = given
        else:
            line.words.append(word)
    return line


def run(arguments: list[str]) -> int:
    """Run a command line; every outcome ends here."""
    try:
        line = parse(arguments)
        if line.words == ["--version"]:
            print(f"provisor {__version__}")
            return 0
        if COMPLETING in os.environ:
            from typer._completion_classes import completion_init

            completion_init()
        first = next((word for word in line.words if not word.startswith("-")), None)
        result: Any = _application(first).main(
            args=line.words, prog_name="provisor", standalone_mode=False, obj=Session(line.flags, json=line.json)
        )
        # typer returns this instead of raising what interrupted it.
        if result == INTERRUPTED:
            raise KeyboardInterrupt
        return result if isinstance(result, int) else 0
    except TyperException as error:
        # A group without a command has shown its help and has nothing to add.
        return _say(_usage(error), USAGE) if error.format_message() else USAGE
    except typer.Exit as ended:
        return ended.exit_code
    except (typer.Abort, KeyboardInterrupt, asyncio.CancelledError):
        return _say("Interrupted.", INTERRUPTED)
    except Refusal as error:
        return _say(str(error), FAILED)
    except OSError as error:
        return _say(f"{error.filename or 'The system'}: {error.strerror or error}.", FAILED)
    except Exception as error:
        return _say(_unexpected(error), FAILED)


@cache
def _application(word: str | None) -> Any:
    """The commands that begin with ``word``; all of them when there is no such word. Making one costs 20 ms."""
    root = typer.Typer(
        add_completion=False, no_args_is_help=True, help="Identity provisioning, both ends.", epilog=GLOBAL_HELP
    )
    # With a callback typer keeps the command's word even when there is one command only.
    root.callback()(_everywhere)
    for module in [_MODULES[word]] if word in _MODULES else dict.fromkeys(_MODULES.values()):
        import_module(f"provisor.cli.{module}").register(root)
    return typer.main.get_command(root)


def _everywhere(
    data: Annotated[Path | None, typer.Option(metavar="FOLDER", help="The data folder.")] = None,
    database_url: Annotated[
        str | None, typer.Option(metavar="URL", help="A PostgreSQL of your own instead of the embedded one.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="The tenant to work on.")] = None,
    acting_as: Annotated[
        str | None, typer.Option("--as", metavar="UPN", help="User principal name of whom to act as.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """The global options, for help and completion: ``parse`` has taken them out before typer reads a line."""


def _usage(error: Any) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "provisor"
    said = error.format_message().splitlines()[0].rstrip(".")
    return f"{said}. See {command} --help."


def _unexpected(error: Exception) -> str:
    """An error of ours, in one sentence; the traceback only for whoever asked for it."""
    if os.environ.get("PROVISOR_DEBUG"):
        raise error
    from provisor.connectors.base import TargetError
    from provisor.storage.pool import BUSY, busy

    if isinstance(error, TargetError):
        return str(error)
    if isinstance(error, BUSY):
        return busy(error)
    return f"Provisor failed ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no detail'})."


def _say(sentence: str, code: int) -> int:
    print(f"provisor: {sentence}", file=sys.stderr)
    return code
