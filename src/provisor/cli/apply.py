"""``provisor apply``: do exactly what a plan says, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from provisor.cli.app import found
from provisor.cli.files import json_file
from provisor.cli.session import Desk, Session
from provisor.cli.sync import cycle, report

_MOST_BYTES: Final = 1024**3


def register(root: typer.Typer) -> None:
    root.command("apply")(apply)


def apply(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What provisor plan NAME -o FILE wrote.")],
    release: Annotated[
        bool, typer.Option("--release", help="Although the guard against accidental deletion holds it.")
    ] = False,
) -> int:
    """Do what a plan says, if source and target still lead to the same one; refuse otherwise."""
    from provisor.sync import plan_file
    from provisor.sync.cycle import MOVED, Asked

    session: Session = ctx.obj
    value = json_file(file, most=_MOST_BYTES)
    name = str(value["application"]) if isinstance(value, dict) and value.get("application") else ""

    async def work(desk: Desk) -> tuple[Any, list[dict[str, Any]]]:
        application = await found(desk, name, "provisioning.run") if name else None
        plan_file.read(value, str(application.id) if application is not None else "", name)
        asked = Asked(release=value["hash"] if release else None, promised=value["hash"], revert=value.get("revert"))
        return await cycle(session, desk, name, asked, adopt=bool(value.get("adopt")))

    result, rows = session.run(work)
    code = report(session, name, result, rows)
    if result.error == MOVED and not session.json:
        for sentence in plan_file.moved(value["changes"], rows):
            session.note(sentence)
    return code
