"""``provisor app sign-in``: applications that ask the tenant, by OpenID Connect, who somebody is."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from provisor.cli.groups import group
from provisor.cli.session import Desk, Session

Name = Annotated[str, typer.Argument(metavar="NAME", help="The application's name.")]
_SHOWN: Final = {
    "issuer": "issuer",
    "clientId": "client id",
    "secret": "secret",
    "public": "public client",
    "redirectUris": "redirect URIs",
    "logoutUris": "logout URIs",
}


def register(app: typer.Typer) -> None:
    about = "Sign-in: an application asks the tenant who somebody is (OpenID Connect)."
    app.add_typer(group(about, set=put, show=show, renew=renew, delete=delete), name="sign-in")


def put(
    ctx: typer.Context,
    name: Name,
    redirect_uri: Annotated[
        list[str], typer.Option(help="Where answers go, letter for letter; may be given several times.")
    ],
    logout_uri: Annotated[
        list[str] | None, typer.Option(help="Where a browser may go after signing out; may be given several times.")
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="It can keep no secret: a page or a program.")] = False,
) -> None:
    """Let an application ask who somebody is, or change how; a secret that is made is shown once."""

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor.cli.app import found
        from provisor.directory import relying_parties

        application = await found(desk, name)
        async with desk.edit() as edit:
            made = await relying_parties.register(edit, application, redirect_uri, logout_uri or (), public=public)
        return await _shown(desk, *made)

    session: Session = ctx.obj
    made = session.run(work)
    once = " Its secret is shown this once." if made.get("secret") else ""
    session.show(made, f"{name} may ask who somebody is.{once}\n{_lines(made)}")


def show(ctx: typer.Context, name: Name) -> None:
    """Show how an application asks who somebody is."""

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor.cli.app import found
        from provisor.directory import relying_parties

        application = await found(desk, name)
        async with desk.house.database.reading() as tx:
            party = await relying_parties.of_application(tx, desk.tenant, application)
        return await _shown(desk, party, None)

    session: Session = ctx.obj
    shown = session.run(work)
    session.show(shown, _lines(shown))


def renew(ctx: typer.Context, name: Name) -> None:
    """Make another secret, shown once; all before count no more."""

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor.cli.app import found
        from provisor.directory import relying_parties

        application = await found(desk, name)
        async with desk.edit() as edit:
            made = await relying_parties.renew(edit, application)
        return await _shown(desk, *made)

    session: Session = ctx.obj
    made = session.run(work)
    session.show(made, f"The secrets before count no more. The new one is shown this once.\n{_lines(made)}")


def delete(ctx: typer.Context, name: Name) -> None:
    """Let an application ask no more; what it has got counts no more."""

    async def work(desk: Desk) -> None:
        from provisor.cli.app import found
        from provisor.directory import relying_parties

        application = await found(desk, name)
        async with desk.edit() as edit:
            await relying_parties.delete(edit, application)

    session: Session = ctx.obj
    session.run(work)
    session.show({"deleted": name}, f"{name} asks nobody any more who somebody is.")


async def _shown(desk: Desk, party: Any, secret: str | None) -> dict[str, Any]:
    from provisor.access import jwt

    issuer = jwt.issuer(await desk.house.public_url(), desk.tenant.id)
    shown = {"issuer": issuer, **party.to_json()}
    return {**shown, "secret": secret} if secret else shown


def _lines(shown: dict[str, Any]) -> str:
    return "\n".join(f"{word.ljust(13)} {Session.cell(shown[key])}" for key, word in _SHOWN.items() if key in shown)
