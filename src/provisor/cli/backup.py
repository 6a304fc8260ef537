"""``provisor backup`` and ``provisor restore``: everything but the keys, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from provisor.cli.session import Desk, Session, run_loop


def register(root: typer.Typer) -> None:
    root.command("backup")(backup)
    root.command("restore")(restore)


def backup(ctx: typer.Context, file: Annotated[Path, typer.Argument(help="A new file.")]) -> None:
    """Write all tenants, workspaces, links and logs to a file, while the server runs. Keys are not in it."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> int:
        from provisor import compose
        from provisor.access.roles import require

        require(desk.actor, "workspace.operate")
        return await compose.backup(desk.house, file)

    size = session.run(work)
    settings = session.settings()
    key = "the setting secret_key" if settings.secret_key is not None else str(settings.data / "secret.key")
    session.show(
        {"file": str(file), "bytes": size, "key": key},
        f"{file}: {size:,} bytes. Keep {key} apart from it: without it nobody reads the targets' secret tokens again.",
    )


def restore(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that provisor backup made.")],
    replace: Annotated[bool, typer.Option("--replace", help="Although something is here already: it is lost.")] = False,
) -> None:
    """Make this installation what a backup says. Every application is held until its first plan is released."""
    from provisor import compose

    session: Session = ctx.obj
    held = run_loop(compose.restore(session.settings(), file, replace=replace))
    session.show(
        {"file": str(file), "held": held},
        f"Restored from {file}. Applications held: {held}. Put the key back, look at each one's plan "
        "(provisor plan NAME) and let it go on: provisor sync NAME --release HASH.",
    )
