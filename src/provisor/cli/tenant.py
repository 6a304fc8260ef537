"""``provisor init`` and ``provisor tenant``: the tenant, its domain and its first administrator."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from provisor.cli import tenant_sign_in
from provisor.cli.session import Desk, Session

Domain = Annotated[str | None, typer.Option(help="The tenant's domain, like contoso.com.")]
Admin = Annotated[str | None, typer.Option(help="User principal name of the first Global Administrator.")]


def register(root: typer.Typer) -> None:
    root.command("init")(init)
    group = typer.Typer(no_args_is_help=True, help="Tenants: directories that know nothing of each other.")
    group.command("create")(create)
    group.command("list")(show_all)
    tenant_sign_in.register(group)
    root.add_typer(group, name="tenant")


def init(ctx: typer.Context, domain: Domain = None, admin: Admin = None) -> None:
    """Make the tenant and its first administrator. The first command does it too, with defaults."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor import compose

        return {
            "tenant": desk.tenant.name,
            "domain": desk.tenant.domain,
            "actingAs": desk.actor.name,
            "setUpLink": await compose.first_set_up_link(desk.house, desk.tenant),
        }

    made = session.run(work, domain=domain, administrator=admin)
    text = f"Tenant {made['tenant']} ({made['domain']}); commands act as {made['actingAs']}."
    if made["setUpLink"]:
        text += f"\nTo sign in to the portal, set a password while the server runs, once: {made['setUpLink']}"
    session.show(made, text)


def create(
    ctx: typer.Context,
    name: str,
    domain: Domain = None,
    admin: Admin = None,
) -> None:
    """Make another tenant."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> str:
        from provisor.directory import tenants

        chosen = domain or f"{name}.localhost"
        async with desk.house.database.transaction() as tx:
            made = await tenants.create(tx, desk.actor, name, chosen, admin or f"admin@{chosen}")
        return str(made.id)

    identity = session.run(work)
    session.show({"id": identity, "name": name}, f"Tenant {name} made: use it with --tenant {name}.")


def show_all(ctx: typer.Context) -> None:
    """List the tenants."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> list[dict[str, str]]:
        from provisor.access.roles import require
        from provisor.directory import tenants

        require(desk.actor, "tenant.write")
        async with desk.house.database.reading() as tx:
            found = await tenants.everyone(tx)
        return [{"name": item.name, "domain": item.domain, "id": str(item.id)} for item in found]

    session.table(session.run(work), {"name": "NAME", "domain": "DOMAIN", "id": "ID"})
