"""``provisor sign-in`` and ``provisor role``: who gets into the console, and what they may do there."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from provisor.cli.groups import group
from provisor.cli.session import Desk, Session
from provisor.refusal import Invalid

Upn = Annotated[str, typer.Argument(metavar="USER", help="User principal name.")]
Role = Annotated[str, typer.Argument(metavar="ROLE", help="A directory role, like 'Application Administrator'.")]


def register(root: typer.Typer) -> None:
    root.add_typer(
        group(
            "Signing in to the console.",
            link=link,
            workspace_link=workspace_link,
            end=end,
            factors=second_factors,
            reset_factors=reset_factors,
        ),
        name="sign-in",
    )
    root.add_typer(
        group("Directory roles: what somebody may do.", add=_role("add"), remove=_role("remove"), list=roles),
        name="role",
    )


def link(
    ctx: typer.Context,
    user: Annotated[
        str | None, typer.Argument(metavar="[USER]", help="Default: whoever commands act as.", show_default=False)
    ] = None,
) -> None:
    """Print a one-time link with which somebody sets a password for the portal and is signed in; good for a day."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> str:
        from provisor import compose

        return await compose.set_up_link(desk.house, desk.tenant, desk.actor, user or desk.actor.name)

    made = session.run(work)
    session.show({"link": made}, made)


def workspace_link(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The workspace's name.")],
    user: Annotated[str | None, typer.Option(help="An admin of it; default: the one who was there first.")] = None,
) -> None:
    """Print a one-time link that signs an admin in to the workspace's admin console; good for a quarter of an hour."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> str:
        from provisor import compose
        from provisor.cli.console import find

        return await compose.workspace_sign_in_link(desk.house, desk.actor, await find(desk, name), user)

    made = session.run(work)
    session.show({"link": made}, made)


def end(ctx: typer.Context, user: Upn) -> None:
    """Sign somebody out of the portal everywhere."""

    async def work(desk: Desk) -> None:
        from provisor.directory import sign_in, users

        async with desk.edit() as edit:
            await sign_in.sign_out_everywhere(edit, await users.find(edit.tx, desk.tenant, user))

    session: Session = ctx.obj
    session.run(work)
    session.show({"signedOut": user}, f"{user} is signed out everywhere.")


def second_factors(ctx: typer.Context, user: Upn) -> None:
    """List what somebody can show beside their password: authenticator app, passkeys, recovery codes."""

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from provisor.access.roles import require
        from provisor.directory import factors, users

        require(desk.actor, "directory.read")
        async with desk.house.database.reading() as tx:
            person = await users.find(tx, desk.tenant, user)
            have = await factors.of(tx, desk.tenant, person.id)
        found: list[tuple[Any, ...]] = [("authenticator app", None, have.app, have.app_used)] if have.app else []
        found += [("passkey", key.name, key.created, key.used) for key in have.passkeys]
        found += [("recovery codes", f"{have.codes} of {have.made} left", None, None)] if have.made else []
        return [dict(zip(("factor", "name", "added", "used"), row, strict=True)) for row in found]

    session: Session = ctx.obj
    session.table(session.run(work), {"factor": "FACTOR", "name": "NAME", "added": "ADDED", "used": "LAST USED"})


def reset_factors(ctx: typer.Context, user: Upn) -> None:
    """Take away all second factors of somebody who has lost them, and sign them out everywhere."""

    async def work(desk: Desk) -> None:
        from provisor.directory import factors, users

        async with desk.edit() as edit:
            await factors.reset(edit, await users.find(edit.tx, desk.tenant, user))

    session: Session = ctx.obj
    session.run(work)
    session.show({"reset": user}, f"{user} has no second factor any more and is signed out everywhere.")


def roles(ctx: typer.Context) -> None:
    """List who has which role."""

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from provisor.access.roles import require
        from provisor.directory import tenants

        require(desk.actor, "directory.read")
        async with desk.house.database.reading() as tx:
            rows = await tenants.role_holders(tx, desk.tenant)
        return [{"role": row["role"], "user": row["upn"], "active": row["active"]} for row in rows]

    ctx.obj.table(ctx.obj.run(work), {"role": "ROLE", "user": "USER", "active": "ACTIVE"})


def _role(verb: str) -> Any:
    def command(ctx: typer.Context, user: Upn, role: Role) -> None:
        from provisor.access.roles import DIRECTORY_ROLES

        known = next((name for name in DIRECTORY_ROLES if name.casefold() == role.casefold()), None)
        if known is None:
            raise Invalid(f"{role!r} is not a role: {', '.join(DIRECTORY_ROLES)}.")

        async def work(desk: Desk) -> None:
            from provisor.directory import tenants, users

            async with desk.edit() as edit:
                person = await users.find(edit.tx, desk.tenant, user)
                step = tenants.give_role if verb == "add" else tenants.take_role
                await step(edit, person.id, known)

        session: Session = ctx.obj
        session.run(work)
        text = f"{user} is {known} now." if verb == "add" else f"{user} is no {known} any more."
        session.show({verb: user, "role": known}, text)

    command.__doc__ = {"add": "Give somebody a role.", "remove": "Take a role away; one administrator stays."}[verb]
    return command
