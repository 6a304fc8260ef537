"""What the commands that edit mappings share: whose document, and saving a changed one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from provisor.cli.session import Desk, Session
from provisor.refusal import Invalid

Name = Annotated[str, typer.Argument(metavar="NAME", help="The application's name.")]
ObjectOption = Annotated[str, typer.Option("--object", help="user or group.")]

Document = Mapping[str, Any]


def kind_of(object_type: str) -> str:
    kind = {"user": "User", "group": "Group"}.get(object_type.casefold())
    if kind is None:
        raise Invalid(f"--object is user or group, not {object_type!r}.")
    return kind


def document_of(name: str) -> Callable[[Desk], Any]:
    async def work(desk: Desk) -> Document:
        from provisor.cli.app import found

        document: Document = (await found(desk, name)).schema
        return document

    return work


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
