"""``provisor workspace extension``: an organisation's own attributes of users and groups, from JSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from provisor.cli.console import Name, find
from provisor.cli.files import json_file
from provisor.cli.groups import group
from provisor.cli.session import Desk, Session
from provisor.refusal import NotFound

Urn = Annotated[str, typer.Argument(metavar="URN", help="The extension's id.")]


def register(workspace: typer.Typer) -> None:
    found = group("Attributes of your own: SCIM schema extensions.", add=add, list=show_all, show=show, remove=remove)
    workspace.add_typer(found, name="extension")


def add(
    ctx: typer.Context,
    name: Name,
    file: Annotated[Path, typer.Argument(help="The schema as JSON (RFC 7643, section 7).")],
    resource_type: Annotated[str, typer.Option(help="User, Group or ServicePrincipal: who has it.")] = "User",
) -> None:
    """Add an extension, or further attributes to one that is there."""
    document = json_file(file)

    async def work(desk: Desk) -> str:
        from provisor.workspace import workspaces

        async with desk.workspace_edit(await find(desk, name)) as edit:
            return (await workspaces.add_extension(edit, resource_type, document)).id

    session: Session = ctx.obj
    urn = session.run(work)
    session.show({"id": urn, "resourceType": resource_type}, f"Each {resource_type} of {name} can have {urn}.")


def show_all(ctx: typer.Context, name: Name) -> None:
    """List the extensions."""

    async def work(desk: Desk) -> list[dict[str, Any]]:
        return [
            {
                "id": item["id"],
                "resourceType": kind,
                "name": item["name"],
                "attributes": [attribute["name"] for attribute in item["attributes"]],
            }
            for kind, item in await _all(desk, name)
        ]

    columns = {"id": "EXTENSION", "resourceType": "OF", "attributes": "ATTRIBUTES"}
    ctx.obj.table(ctx.obj.run(work), columns)


def show(ctx: typer.Context, name: Name, urn: Urn) -> None:
    """Print an extension as JSON, as *add* takes it."""

    async def work(desk: Desk) -> dict[str, Any]:
        for _, item in await _all(desk, name):
            if item["id"].lower() == urn.lower():
                return item
        raise NotFound(f"{name} has no extension {urn}.")

    found = ctx.obj.run(work)
    ctx.obj.show(found, json.dumps(found, indent=2, ensure_ascii=False))


def remove(ctx: typer.Context, name: Name, urn: Urn) -> None:
    """Remove an extension that nothing has values of."""

    async def work(desk: Desk) -> None:
        from provisor.workspace import workspaces

        async with desk.workspace_edit(await find(desk, name)) as edit:
            await workspaces.remove_extension(edit, urn)

    session: Session = ctx.obj
    session.run(work)
    session.show({"removed": urn}, f"{name} has no {urn} any more.")


async def _all(desk: Desk, name: str) -> list[tuple[str, dict[str, Any]]]:
    workspace = await find(desk, name)
    return [(kind, item) for kind, items in json.loads(workspace.extensions or "{}").items() for item in items]
