"""``provisor workspace user|group``: one user or group of a workspace, changed as its admin console does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from provisor.cli.directory import pairs
from provisor.cli.groups import group
from provisor.cli.session import Desk, Session

Name = Annotated[str, typer.Argument(metavar="NAME", help="The workspace's name.")]
UserName = Annotated[str, typer.Argument(metavar="USERNAME", help="The user name.")]
GroupName = Annotated[str, typer.Argument(metavar="GROUP", help="The group's name.")]
Values = Annotated[list[str] | None, typer.Argument(help="attribute=value, like displayName=Ada; empty clears it.")]


def register(workspace: typer.Typer) -> None:
    user = group(
        "One user, as the admin console does it.",
        add=user_add,
        show=user_show,
        remove=user_remove,
        allow=user_allow,
        set=user_set,
        sign_out=user_sign_out,
        unlink=user_unlink,
    )
    team = group(
        "One group, as the admin console does it.",
        add=group_add,
        remove=group_remove,
        add_member=_member("add"),
        remove_member=_member("remove"),
    )
    workspace.add_typer(user, name="user")
    workspace.add_typer(team, name="group")


async def find(desk: Desk, name: str) -> Any:
    """The workspace, for whoever operates this installation."""
    from provisor.access.roles import require
    from provisor.workspace import workspaces

    require(desk.actor, "workspace.operate")
    async with desk.house.database.reading() as tx:
        return await workspaces.get(tx, name)


def user_add(
    ctx: typer.Context,
    name: Name,
    username: UserName,
    values: Values = None,
    admin: Annotated[bool, typer.Option("--admin", help="Make them an admin.")] = False,
    entitlement: Annotated[list[str] | None, typer.Option(help="A permission given individually.")] = None,
) -> None:
    """Add User."""
    given = _scim(values)
    if entitlement:
        given["entitlements"] = [{"value": value} for value in entitlement]

    async def work(edit: Any, people: Any) -> str:
        return str((await people.add(edit, username, given, admin=admin)).id)

    session: Session = ctx.obj
    identity = session.run(_people(name, work))
    session.show({"id": identity, "userName": username}, f"{username} is a user of {name}.")


def user_show(ctx: typer.Context, name: Name, username: UserName) -> None:
    """Show a user and what they may do, with where each permission comes from."""

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor.workspace import entitlements, openid_sign_in
        from provisor.workspace import users as people

        workspace = await find(desk, name)
        async with desk.house.database.snapshot() as tx:
            user = await people.find(tx, workspace, username)
            linked = await openid_sign_in.linked(tx, workspace, user)
            may = await entitlements.effective(tx, workspace, user.id)
        shown = {
            name: [{"value": item.value, "individually": item.direct, "through": item.paths} for item in items]
            for name, items in (("permissions", may.entitlements), ("roles", may.roles))
        }
        return {**described_user(user), "admin": people.is_admin(user), "subject": linked and linked.subject, **shown}

    session: Session = ctx.obj
    found = session.run(work)
    lines = [f"{label.ljust(13)} {session.cell(found[key])}" for key, label in _USER_LABELS.items()]
    for label, key in (("May", "permissions"), ("Role", "roles")):
        for item in found[key]:
            sources = ["individually"] if item["individually"] else []
            sources += [f"through {session.cell(' > '.join(path))}" for path in item["through"]]
            lines.append(f"{label.ljust(13)} {item['value']} ({', '.join(sources)})")
    session.show(found, "\n".join(lines))


_USER_LABELS = {
    "userName": "User",
    "displayName": "Name",
    "active": "Active",
    "admin": "Admin",
    "emails": "E-mail",
    "externalId": "External id",
    "groups": "Groups",
    "subject": "Linked to",
    "id": "Id",
}


def user_remove(ctx: typer.Context, name: Name, username: UserName) -> None:
    """Remove a user: access ends at once, and provisioning does not bring the user back."""

    async def work(edit: Any, people: Any) -> None:
        await people.remove(edit, username)

    session: Session = ctx.obj
    session.run(_people(name, work))
    session.show({"removed": username}, f"{username} is removed from {name}.")


def user_allow(ctx: typer.Context, name: Name, username: UserName) -> None:
    """Forget that a user was removed: provisioning may create the account anew."""

    async def work(edit: Any, _: Any) -> None:
        from provisor.workspace import tombstones

        await tombstones.allow_again(edit, username)

    session: Session = ctx.obj
    session.run(_people(name, work))
    session.show({"allowed": username}, f"{username} may be provisioned in {name} again.")


def user_set(
    ctx: typer.Context,
    name: Name,
    username: UserName,
    values: Values = None,
    admin: Annotated[bool | None, typer.Option("--admin/--no-admin", help="The console's Admin check box.")] = None,
) -> None:
    """Change a user."""
    given = _scim(values)

    async def work(edit: Any, people: Any) -> None:
        if given:
            await people.set_values(edit, username, given)
        if admin is not None:
            await people.set_admin(edit, username, admin)

    session: Session = ctx.obj
    session.run(_people(name, work))
    session.show({"changed": username}, f"{username} is saved.")


def user_sign_out(ctx: typer.Context, name: Name, username: UserName) -> None:
    """End every session of a user in the console."""

    async def work(edit: Any, people: Any) -> None:
        from provisor.workspace import sign_in

        await sign_in.sign_out_everywhere(edit, await people.find(edit.tx, edit.workspace, username))

    session: Session = ctx.obj
    session.run(_people(name, work))
    session.show({"signedOut": username}, f"{username} is signed out everywhere.")


def user_unlink(ctx: typer.Context, name: Name, username: UserName) -> None:
    """Let an account be linked again, to whoever signs in next under its name."""

    async def work(edit: Any, people: Any) -> None:
        from provisor.workspace import openid_sign_in

        await openid_sign_in.unlink(edit, await people.find(edit.tx, edit.workspace, username))

    session: Session = ctx.obj
    session.run(_people(name, work))
    session.show({"unlinked": username}, f"{username} is linked again to whoever signs in next under that name.")


def group_add(
    ctx: typer.Context,
    name: Name,
    team: GroupName,
    entitlement: Annotated[list[str] | None, typer.Option(help="What its members may do.")] = None,
) -> None:
    """Create Group."""

    async def work(desk: Desk) -> str:
        from provisor.workspace import groups as teams

        async with desk.workspace_edit(await find(desk, name)) as edit:
            given = {"entitlements": [{"value": value} for value in entitlement]} if entitlement else None
            return str((await teams.add(edit, team, given)).id)

    session: Session = ctx.obj
    session.show({"id": session.run(work), "displayName": team}, f"The group {team} is made.")


def group_remove(ctx: typer.Context, name: Name, team: GroupName) -> None:
    """Delete a group; whoever was in it stays in the workspace."""

    async def work(desk: Desk) -> None:
        from provisor.workspace import groups as teams

        workspace = await find(desk, name)
        async with desk.workspace_edit(workspace) as edit:
            await teams.delete(edit, (await teams.find(edit.tx, workspace, team)).id)

    session: Session = ctx.obj
    session.run(work)
    session.show({"removed": team}, f"The group {team} is deleted.")


def _member(verb: str) -> Any:
    def command(
        ctx: typer.Context,
        name: Name,
        team: GroupName,
        member: Annotated[list[str], typer.Argument(help="User names or names of groups.")],
    ) -> None:
        async def work(desk: Desk) -> int:
            from provisor.workspace import groups as teams

            async with desk.workspace_edit(await find(desk, name)) as edit:
                step = teams.add_member if verb == "add" else teams.remove_member
                return sum([await step(edit, team, one) for one in member])

        session: Session = ctx.obj
        count = session.run(work)
        where = "added to" if verb == "add" else "removed from"
        session.show({"group": team, "changed": count}, f"{count} {where} {team}.")

    command.__doc__ = {"add": "Put users or groups into a group.", "remove": "Take users or groups out of it."}[verb]
    return command


def _people(name: str, step: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Desk], Awaitable[Any]]:
    async def work(desk: Desk) -> Any:
        from provisor.workspace import users as people

        async with desk.workspace_edit(await find(desk, name)) as edit:
            return await step(edit, people)

    return work


def _scim(values: list[str] | None) -> dict[str, Any]:
    """``attribute=value`` words as SCIM values; an empty one clears the attribute."""
    return {path: value or None for path, value in pairs(values).items()}


def described_user(item: Any) -> dict[str, Any]:
    return {
        "id": item.id,
        "userName": item.name,
        "displayName": item.doc.get("displayName"),
        "active": item.active,
        "externalId": item.doc.get("externalId"),
        "emails": [mail.get("value") for mail in item.doc.get("emails") or ()],
        "entitlements": [grant["value"] for grant in item.doc.get("entitlements") or ()],
        "groups": sorted(group["display"] for group in item.groups or ()),
    }
