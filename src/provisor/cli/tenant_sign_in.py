"""``provisor tenant sign-in``: the OpenID provider elsewhere that a tenant sends its people to, and who is who
there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from provisor.cli.groups import group
from provisor.cli.session import Desk, Session
from provisor.refusal import Invalid

Upn = Annotated[str, typer.Argument(metavar="USER", help="User principal name.")]


def register(tenant: typer.Typer) -> None:
    found = group(
        "Signing in with a provider elsewhere: Entra ID, Keycloak, Google.",
        set=configure,
        show=show,
        test=test,
        delete=delete,
        link=link,
        unlink=unlink,
        list=links,
    )
    tenant.add_typer(found, name="sign-in")


def configure(
    ctx: typer.Context,
    issuer: Annotated[str, typer.Option(help="The provider's issuer, letter by letter as it writes it.")],
    client_id: Annotated[str, typer.Option(help="As what the provider knows this tenant.")],
    client_secret_file: Annotated[
        str | None, typer.Option(help="A file with the client's secret; - reads stdin. None: the client is public.")
    ] = None,
    name: Annotated[str, typer.Option(help="What people know it by.")] = "another account",
    only: Annotated[bool, typer.Option("--only", help="Passwords and passkeys are for Global Administrators.")] = False,
    trust_mfa: Annotated[
        bool, typer.Option("--trust-mfa", help="Believe it when it says that somebody showed a second factor.")
    ] = False,
) -> None:
    """Send the tenant's people to an OpenID provider. The secret of the same client stays when none is given."""
    secret = _read_secret(client_secret_file) if client_secret_file else None

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor.directory import external
        from provisor.directory.external import ExternalProvider

        address = external.issuer(issuer, desk.house.settings.allowed_targets)
        wanted = ExternalProvider(address, client_id, name, only, trust_mfa)
        async with desk.edit() as edit:
            await external.put(edit, desk.house.box, wanted, secret)
        return await _described(desk)

    session: Session = ctx.obj
    found = session.run(work)
    text = f"People sign in with {found['name']}. Register {found['redirectUri']} there as the redirect URI."
    session.show(found, text)


def show(ctx: typer.Context) -> None:
    """Show the provider, without its secret, and the redirect URI that it must know."""
    session: Session = ctx.obj
    found = session.run(_described)
    session.show(found, "\n".join(f"{label.ljust(13)} {session.cell(found[key])}" for key, label in _LABELS.items()))


_LABELS = {
    "name": "Provider",
    "issuer": "Issuer",
    "clientId": "Client id",
    "secret": "Secret",
    "only": "Only",
    "trustMfa": "Trust MFA",
    "redirectUri": "Redirect URI",
}


def test(ctx: typer.Context) -> None:
    """Ask the provider for its configuration and its keys, and say what it answered."""

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor.access.roles import require
        from provisor.directory import external

        require(desk.actor, "sign_in.write")
        async with desk.house.database.reading() as tx:
            known = await external.found(tx, desk.tenant)
        found = await external.examined(desk.house.providers, known.issuer)
        provider = found.provider
        return {
            "issuer": provider.issuer,
            "authorizationEndpoint": provider.authorization_endpoint,
            "tokenEndpoint": provider.token_endpoint,
            "clientAuthentication": list(provider.methods),
            "keys": list(found.keys),
            "namesItself": provider.names_itself,
        }

    session: Session = ctx.obj
    found = session.run(work)
    labels = {
        "issuer": "Issuer",
        "authorizationEndpoint": "Sign-in",
        "tokenEndpoint": "Tokens",
        "clientAuthentication": "Clients show",
        "keys": "Keys",
        "namesItself": "Answers name it",
    }
    session.show(found, "\n".join(f"{text.ljust(16)} {session.cell(found[key])}" for key, text in labels.items()))


def delete(ctx: typer.Context) -> None:
    """Let people sign in with passwords again, and nowhere else. Links are kept."""

    async def work(desk: Desk) -> None:
        from provisor.directory import external

        async with desk.edit() as edit:
            await external.delete(edit)

    session: Session = ctx.obj
    session.run(work)
    session.show({"deleted": True}, "The provider is deleted: people sign in with their passwords.")


def link(
    ctx: typer.Context, user: Upn, subject: Annotated[str, typer.Option(help="Who they are at the provider (sub).")]
) -> None:
    """Let whoever has this subject at the provider sign in as a user."""

    async def work(desk: Desk) -> None:
        from provisor.directory import external, users

        async with desk.edit() as edit:
            await external.link(edit, await users.find(edit.tx, desk.tenant, user), subject)

    session: Session = ctx.obj
    session.run(work)
    session.show({"linked": user, "subject": subject}, f"{user} is linked.")


def unlink(ctx: typer.Context, user: Upn) -> None:
    """Take a user's link away; their sessions end."""

    async def work(desk: Desk) -> None:
        from provisor.directory import external, users

        async with desk.edit() as edit:
            await external.unlink(edit, await users.find(edit.tx, desk.tenant, user))

    session: Session = ctx.obj
    session.run(work)
    session.show({"unlinked": user}, f"{user} is not linked any more.")


def links(ctx: typer.Context) -> None:
    """List who is who at the provider."""

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from provisor.access.roles import require
        from provisor.directory import external

        require(desk.actor, "directory.read")
        async with desk.house.database.reading() as tx:
            rows = await external.links(tx, desk.tenant, await external.found(tx, desk.tenant))
        return [
            {"user": row["upn"], "subject": row["subject"], "linked": row["linked"], "by": row["linked_by"]}
            for row in rows
        ]

    columns = {"user": "USER", "subject": "SUBJECT", "linked": "LINKED", "by": "BY"}
    ctx.obj.table(ctx.obj.run(work), columns)


async def _described(desk: Desk) -> dict[str, Any]:
    from provisor.access.roles import require
    from provisor.directory import external

    require(desk.actor, "directory.read")
    async with desk.house.database.reading() as tx:
        provider = await external.found(tx, desk.tenant)
    address = f"{await desk.house.public_url()}/t/{desk.tenant.name}/signed-in"
    return {**provider.to_json(), "redirectUri": address}


def _read_secret(place: str) -> str:
    secret = (sys.stdin.readline() if place == "-" else Path(place).read_text(errors="replace")).strip()
    if not secret or not secret.isprintable():
        raise Invalid("A client's secret is one line: give the file that has it alone.")
    return secret
