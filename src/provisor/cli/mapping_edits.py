"""What the commands that edit mappings share: whose document, and saving a changed one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from provisor.cli.files import json_file
from provisor.cli.session import Desk, Session
from provisor.refusal import Invalid

Name = Annotated[str, typer.Argument(metavar="NAME", help="The application's name.")]
ObjectOption = Annotated[str, typer.Option("--object", help="user or group.")]
FileOption = Annotated[
    Path | None, typer.Option("--file", help="A document that is not imported yet, instead of the application's.")
]

Document = Mapping[str, Any]


def kind_of(object_type: str) -> str:
    kind = {"user": "User", "group": "Group"}.get(object_type.casefold())
    if kind is None:
        raise Invalid(f"--object is user or group, not {object_type!r}.")
    return kind


def document_of(name: str, file: Path | None = None) -> Callable[[Desk], Any]:
    """The mappings of an application, or the document in a ``file`` instead."""

    async def work(desk: Desk) -> Document:
        from provisor.cli.app import found

        application = await found(desk, name)
        return application.schema if file is None else document_in(file)

    return work


def document_in(file: Path) -> Document:
    """A synchronizationSchema document. Raises Invalid."""
    document = json_file(file)
    if not isinstance(document, dict):
        raise Invalid(f"{file} is not a synchronizationSchema document.")
    return document


def change(ctx: typer.Context, name: str, step: Callable[[Document], Document], action: str, done: str) -> None:
    async def work(desk: Desk) -> None:
        from provisor.cli.app import found
        from provisor.directory import applications

        application = await found(desk, name)
        async with desk.edit() as edit_:
            before = await applications.locked(edit_, application.id)
            await applications.set_schema(edit_, before, step(before.schema), action)

    session: Session = ctx.obj
    session.run(work)
    session.show({"done": action}, done)
