"""``provisor client``: programs that sign in as themselves, their roles and their secrets."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import typer

from provisor.cli.groups import group
from provisor.cli.session import Desk, Session

Name = Annotated[str, typer.Argument(metavar="NAME", help="The client's name, or its id.")]


def register(root: typer.Typer) -> None:
    about = "Clients: programs that sign in as themselves (OAuth 2.0)."
    root.add_typer(group(about, create=create, list=show_all, renew=renew, delete=delete), name="client")


def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the client is called.")],
    role: Annotated[str, typer.Option(help="A directory role, like 'Application Administrator'.")],
) -> None:
    """Make a client with a directory role, and print its id and its secret: that is shown once."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor.access.roles import DIRECTORY_ROLES
        from provisor.directory import clients

        known = next((one for one in DIRECTORY_ROLES if one.casefold() == role.casefold()), role)
        async with desk.edit() as edit:
            made = await clients.create(edit, name, known)
        return await _shown(desk, made)

    made = session.run(work)
    token = (
        "A token for an hour:\n"
        f"  curl -d grant_type=client_credentials -d client_id={made['client_id']} -d client_secret=SECRET \\\n"
        f"    -d scope=https://graph.microsoft.com/.default {made['token_endpoint']}"
    )
    session.show(made, f"{name} is a client now. Its secret is shown this once.\n{_lines(made)}\n\n{token}")


def renew(
    ctx: typer.Context,
    name: Name,
    keep_hours: Annotated[float, typer.Option(help="Hours that secrets before still count; 0: not at all.")] = 24,
) -> None:
    """Make another secret for a client; those before count for a day, unless told otherwise."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor.directory import clients

        # What is no span of time at all is refused there like one that is too long.
        overlap = timedelta(hours=keep_hours) if abs(keep_hours) < 1e6 else timedelta.max
        async with desk.edit() as edit:
            made = await clients.renew(edit, name, overlap)
        return {**await _shown(desk, made), "old_secret_until": made.old_until}

    made = session.run(work)
    until = made["old_secret_until"]
    before = f"at most until {session.cell(until)} UTC" if until else "no more"
    session.show(made, f"The new secret is shown this once. Those before count {before}.\n{_lines(made)}")


def show_all(ctx: typer.Context) -> None:
    """List the clients; their secrets are known to nobody."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from provisor.access.roles import require
        from provisor.directory import clients

        require(desk.actor, "client.read")
        async with desk.house.database.reading() as tx:
            rows = await clients.everyone(tx, desk.tenant)
        return [
            {
                "name": row["name"],
                "role": row["role"],
                "client_id": str(row["id"]),
                "created": row["created"],
                "secret_made": row["secret_made"],
                "old_secret_until": row["old_until"],
                "last_used": row["last_used"],
            }
            for row in rows
        ]

    columns = {
        "name": "CLIENT",
        "role": "ROLE",
        "client_id": "CLIENT ID",
        "created": "CREATED",
        "secret_made": "SECRET MADE",
        "old_secret_until": "OLD SECRET UNTIL",
        "last_used": "LAST USED",
    }
    session.table(session.run(work), columns)


def delete(ctx: typer.Context, name: Name) -> None:
    """Delete a client: its secrets and tokens are refused from now on."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> None:
        from provisor.directory import clients

        async with desk.edit() as edit:
            await clients.delete(edit, name)

    session.run(work)
    session.show({"deleted": name}, f"The client {name} is deleted; its tokens are refused from now on.")


async def _shown(desk: Desk, made: Any) -> dict[str, Any]:
    """What a program needs to sign in, named as it is named there."""
    tenant = desk.tenant.id
    return {
        "tenant_id": str(tenant),
        "client_id": str(made.client),
        "client_secret": made.value,
        "token_endpoint": f"{await desk.house.public_url()}/{tenant}/oauth2/v2.0/token",
    }


def _lines(made: dict[str, Any]) -> str:
    return "\n".join(f"{name.ljust(14)} {made[name]}" for name in _SHOWN)


_SHOWN = ("tenant_id", "client_id", "client_secret", "token_endpoint")
