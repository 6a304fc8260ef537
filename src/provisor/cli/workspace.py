"""``provisor workspace``: workspaces of this installation, their tokens, and the admin console's users and groups."""

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
PAGE = 1000


def register(root: typer.Typer) -> None:
    found = group(
        "Workspaces: what applications provision.",
        create=create,
        list=show_all,
        show=show,
        token=token,
        users=users,
        groups=groups,
        members=members,
    )
    user = group(
        "One user, as the admin console does it.", add=user_add, show=user_show, remove=user_remove, set=user_set
    )
    team = group(
        "One group, as the admin console does it.",
        add=group_add,
        remove=group_remove,
        add_member=_member("add"),
        remove_member=_member("remove"),
    )
    found.add_typer(user, name="user")
    found.add_typer(team, name="group")
    root.add_typer(found, name="workspace")


def create(
    ctx: typer.Context,
    name: Name,
    admin: Annotated[str, typer.Option(help="User name of the first admin; no application should manage this one.")],
    profile: Annotated[str, typer.Option(help="databricks or standard.")] = "databricks",
    group_rename: Annotated[str, typer.Option(help="refuse or allow: may groups get another name.")] = "refuse",
) -> None:
    """Make a workspace with its first admin."""

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor.workspace import workspaces

        async with desk.house.database.transaction() as tx:
            made = await workspaces.create(
                tx, desk.actor, name, admin=admin, profile=profile, group_rename=group_rename
            )
        return await _described(desk, made)

    session: Session = ctx.obj
    made = session.run(work)
    session.show(made, f"Workspace {name} made, its admin is {admin}.\nTenant URL: {made['tenantUrl']}")


def show_all(ctx: typer.Context) -> None:
    """List the workspaces."""

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from provisor.workspace import workspaces

        async with desk.house.database.reading() as tx:
            found = await workspaces.everyone(tx)
        return [await _described(desk, item) for item in found]

    columns = {"name": "WORKSPACE", "profile": "PROFILE", "tenantUrl": "TENANT URL"}
    ctx.obj.table(ctx.obj.run(work), columns)


def show(ctx: typer.Context, name: Name) -> None:
    """Show a workspace and its Tenant URL, ready to copy."""

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor.workspace import users as people

        workspace = await _found(desk, name)
        async with desk.house.database.reading() as tx:
            count = await people.count(tx, workspace)
        return {**await _described(desk, workspace), "users": count}

    session: Session = ctx.obj
    found = session.run(work)
    lines = [f"{label.ljust(13)} {found[key]}" for key, label in _LABELS.items()]
    session.show(found, "\n".join(lines))


_LABELS = {
    "name": "Workspace",
    "tenantUrl": "Tenant URL",
    "profile": "Profile",
    "groupRename": "Group rename",
    "users": "Users",
    "id": "Id",
}


def token(
    ctx: typer.Context,
    name: Name,
    user: Annotated[str, typer.Option(help="User name of the owner: an admin whom no application manages.")],
    lifetime_days: Annotated[float, typer.Option(min=0, help="Days until it expires; 0: never.")] = 90,
    comment: Annotated[str, typer.Option(help="What it is for.")] = "",
) -> None:
    """Make a personal access token and print it alone on stdout: it is shown once."""

    async def work(desk: Desk) -> tuple[dict[str, Any], list[str]]:
        from provisor import compose
        from provisor.workspace import tokens
        from provisor.workspace import users as people

        workspace = await _found(desk, name)
        managing = await compose.managing(desk.house, workspace, user)
        async with desk.workspace_edit(workspace) as edit:
            owner = await people.find(edit.tx, workspace, user)
            made = await tokens.create(edit, owner, comment=comment, lifetime_days=lifetime_days or None)
            admin = people.is_admin(owner)
        warnings = [
            f"{owner.name} is provisioned by the application {application}: if that application disables this person, "
            "the token dies. Use an admin whom no application manages."
            for application in managing
        ]
        if not admin:
            warnings.append(f"{owner.name} is no admin of {name}: with this token nothing can be provisioned.")
        return {"token": made.value, "tokenId": made.id, "owner": owner.name}, warnings

    session: Session = ctx.obj
    made, warnings = session.run(work)
    for warning in warnings:
        session.note(warning)
    session.show(made, made["token"])


def users(
    ctx: typer.Context,
    name: Name,
    removed: Annotated[bool, typer.Option("--removed", help="Those that were removed in the console instead.")] = False,
) -> None:
    """List the users with their groups."""

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from provisor.workspace import users as people

        workspace = await _found(desk, name)
        async with desk.house.database.snapshot() as tx:
            if removed:
                return [_tombstone(row) for row in await people.removed(tx, workspace)]
            found: list[dict[str, Any]] = []
            after = ""
            while page := await people.everyone(tx, workspace, after, PAGE):
                found += [_user(item) for item in page]
                after = page[-1].name.casefold()
        return found

    kept = {"userName": "USER", "displayName": "NAME", "active": "ACTIVE", "groups": "GROUPS", "id": "ID"}
    gone = {"userName": "USER", "removed": "REMOVED", "removedBy": "BY", "id": "ID"}
    _table(ctx, ctx.obj.run(work), gone if removed else kept)


def groups(ctx: typer.Context, name: Name) -> None:
    """List the groups."""

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from provisor.workspace import groups as teams

        workspace = await _found(desk, name)
        async with desk.house.database.snapshot() as tx:
            found: list[dict[str, Any]] = []
            after = ""
            while page := await teams.everyone(tx, workspace, after, PAGE):
                sizes = await teams.sizes(tx, workspace, [item.id for item in page])
                found += [_group(item, sizes.get(item.id, 0)) for item in page]
                after = page[-1].name.casefold()
        return found

    _table(ctx, ctx.obj.run(work), {"displayName": "GROUP", "members": "MEMBERS", "entitlements": "MAY", "id": "ID"})


def members(
    ctx: typer.Context,
    name: Name,
    team: Annotated[str | None, typer.Argument(metavar="[GROUP]", help="Only this group.")] = None,
) -> None:
    """List the direct members of one group, or of every group."""

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from provisor.workspace import groups as teams
        from provisor.workspace import members as memberships

        workspace = await _found(desk, name)
        async with desk.house.database.snapshot() as tx:
            if team is not None:
                chosen = [await teams.find(tx, workspace, team)]
            else:
                chosen = await teams.everyone(tx, workspace, limit=1_000_000)
            found = await memberships.of_groups(tx, workspace, [item.id for item in chosen])
        return [
            {"group": item.name, "member": row["name"], "type": row["type"], "id": row["value"]}
            for item in chosen
            for row in found[item.id]
        ]

    _table(ctx, ctx.obj.run(work), {"group": "GROUP", "member": "MEMBER", "type": "TYPE", "id": "ID"})


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
        from provisor.workspace import entitlements
        from provisor.workspace import users as people

        workspace = await _found(desk, name)
        async with desk.house.database.snapshot() as tx:
            user = await people.find(tx, workspace, username)
            grants = await entitlements.effective(tx, workspace, user.id)
        shown = [{"value": item.value, "individually": item.direct, "groups": item.groups} for item in grants]
        return {**_user(user), "admin": people.is_admin(user), "permissions": shown}

    session: Session = ctx.obj
    found = session.run(work)
    lines = [f"{label.ljust(13)} {session.cell(found[key])}" for key, label in _USER_LABELS.items()]
    for item in found["permissions"]:
        sources = [*(["individually"] if item["individually"] else []), *(f"through {name}" for name in item["groups"])]
        lines.append(f"{'May'.ljust(13)} {item['value']} ({', '.join(sources)})")
    session.show(found, "\n".join(lines))


_USER_LABELS = {
    "userName": "User",
    "displayName": "Name",
    "active": "Active",
    "admin": "Admin",
    "emails": "E-mail",
    "externalId": "External id",
    "groups": "Groups",
    "id": "Id",
}


def user_remove(ctx: typer.Context, name: Name, username: UserName) -> None:
    """Remove a user: access ends at once, and provisioning does not bring the user back."""

    async def work(edit: Any, people: Any) -> None:
        await people.remove(edit, username)

    session: Session = ctx.obj
    session.run(_people(name, work))
    session.show({"removed": username}, f"{username} is removed from {name}.")


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


def group_add(
    ctx: typer.Context,
    name: Name,
    team: GroupName,
    entitlement: Annotated[list[str] | None, typer.Option(help="What its members may do.")] = None,
) -> None:
    """Create Group."""

    async def work(desk: Desk) -> str:
        from provisor.workspace import groups as teams

        async with desk.workspace_edit(await _found(desk, name)) as edit:
            given = {"entitlements": [{"value": value} for value in entitlement]} if entitlement else None
            return str((await teams.add(edit, team, given)).id)

    session: Session = ctx.obj
    session.show({"id": session.run(work), "displayName": team}, f"The group {team} is made.")


def group_remove(ctx: typer.Context, name: Name, team: GroupName) -> None:
    """Delete a group; whoever was in it stays in the workspace."""

    async def work(desk: Desk) -> None:
        from provisor.workspace import groups as teams

        workspace = await _found(desk, name)
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

            async with desk.workspace_edit(await _found(desk, name)) as edit:
                step = teams.add_member if verb == "add" else teams.remove_member
                return sum([await step(edit, team, one) for one in member])

        session: Session = ctx.obj
        count = session.run(work)
        where = "added to" if verb == "add" else "removed from"
        session.show({"group": team, "changed": count}, f"{count} {where} {team}.")

    command.__doc__ = {"add": "Put users or groups into a group.", "remove": "Take users or groups out of it."}[verb]
    return command


async def _found(desk: Desk, name: str) -> Any:
    """The workspace, for whoever operates this installation."""
    from provisor.access.roles import require
    from provisor.workspace import workspaces

    require(desk.actor, "workspace.operate")
    async with desk.house.database.reading() as tx:
        return await workspaces.get(tx, name)


def _people(name: str, step: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Desk], Awaitable[Any]]:
    async def work(desk: Desk) -> Any:
        from provisor.workspace import users as people

        async with desk.workspace_edit(await _found(desk, name)) as edit:
            return await step(edit, people)

    return work


async def _described(desk: Desk, workspace: Any) -> dict[str, Any]:
    from provisor import compose

    return {
        "name": workspace.name,
        "id": str(workspace.id),
        "profile": workspace.profile,
        "groupRename": workspace.group_rename,
        "tenantUrl": await compose.tenant_url(desk.house, workspace),
    }


def _scim(values: list[str] | None) -> dict[str, Any]:
    """``attribute=value`` words as SCIM values; an empty one clears the attribute."""
    return {path: value or None for path, value in pairs(values).items()}


def _table(ctx: typer.Context, rows: list[dict[str, Any]], columns: dict[str, str]) -> None:
    session: Session = ctx.obj
    session.table(rows, columns)


def _user(item: Any) -> dict[str, Any]:
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


def _group(item: Any, members_: int) -> dict[str, Any]:
    return {
        "id": item.id,
        "displayName": item.name,
        "reserved": item.reserved,
        "members": members_,
        "entitlements": [grant["value"] for grant in item.doc.get("entitlements") or ()],
    }


def _tombstone(row: Any) -> dict[str, Any]:
    return {
        "id": row["user_id"],
        "userName": row["user_name"],
        "externalId": row["external_id"],
        "removed": row["removed"],
        "removedBy": row["removed_by"],
    }
