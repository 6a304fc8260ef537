"""``provisor completion``: the script with which a shell completes commands and options.

The script asks ``provisor`` itself at every Tab, through typer, so it is never older than the commands. Nothing of an
installation is read or written.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from provisor.cli.session import Session

SHELLS = ("bash", "zsh", "fish")


def register(root: typer.Typer) -> None:
    root.command("completion")(completion)


def completion(
    ctx: typer.Context,
    shell: Annotated[
        str | None,
        typer.Argument(metavar="SHELL", help="bash, zsh or fish; default: yours.", autocompletion=lambda: SHELLS),
    ] = None,
) -> None:
    """Print what makes a shell complete commands and options."""
    from typer._completion_shared import get_completion_script

    from provisor.cli.line import COMPLETING

    name = shell or Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        known = ", ".join(SHELLS)
        raise typer.BadParameter(f"{name or 'Your shell'} has no completion here: name one of {known}", ctx=ctx)
    session: Session = ctx.obj
    script = get_completion_script(prog_name="provisor", complete_var=COMPLETING, shell=name)
    session.show({"script": script}, script)
