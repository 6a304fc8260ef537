"""``provisor workspace``: workspaces of this installation, their tokens, and what is in them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from provisor.cli import console, extensions
from provisor.cli.console import Name, described_user, find
from provisor.cli.groups import group
from provisor.cli.session import Desk, Session
from provisor.refusal import Invalid

PAGE = 1000


def register(root: typer.Typer) -> None:
    found = group(
        "Workspaces: what applications provision.",
        create=create,
        list=show_all,
        show=show,
        set=configure,
        sign_in=sign_in,
        token=token,
        tokens=tokens,
        revoke_token=revoke_token,
        users=users,
        groups=groups,
        members=members,
    )
    console.register(found)
    extensions.register(found)
    root.add_typer(found, name="workspace")


def create(
    ctx: typer.Context,
    name: Name,
    admin: Annotated[str, typer.Option(help="User name of the first admin; no application should manage this one.")],
    profile: Annotated[str, typer.Option(help="databricks or standard.")] = "databricks",
    group_rename: Annotated[str, typer.Option(help="refuse or allow: may groups get another name.")] = "refuse",
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse what RFC 7643 and 7644 do not say (standard only).")
    ] = False,
) -> None:
    """Make a workspace with its first admin; the tenant's people sign in to it."""

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor.console import parties
        from provisor.workspace import workspaces

        async with desk.house.database.transaction() as tx:
            made = await workspaces.create(
                tx,
                desk.actor,
                name,
                admin=admin,
                profile=profile,
                group_rename=group_rename,
                strict=strict,
                sign_in_tenant=desk.tenant.id,
            )
            await parties.known(tx, made)
        return await _described(desk, made)

    session: Session = ctx.obj
    made = session.run(work)
    session.show(made, f"Workspace {name} made, its admin is {admin}.\nTenant URL: {made['tenantUrl']}")


def show_all(ctx: typer.Context) -> None:
    """List the workspaces."""

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from provisor.access.roles import require
        from provisor.workspace import workspaces

        require(desk.actor, "workspace.operate")
        async with desk.house.database.reading() as tx:
            found = await workspaces.everyone(tx)
        return [await _described(desk, item) for item in found]

    columns = {"name": "WORKSPACE", "profile": "PROFILE", "tenantUrl": "TENANT URL"}
    ctx.obj.table(ctx.obj.run(work), columns)


def show(ctx: typer.Context, name: Name) -> None:
    """Show a workspace and its Tenant URL, ready to copy."""

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor.workspace import users as people

        workspace = await find(desk, name)
        async with desk.house.database.reading() as tx:
            count = await people.count(tx, workspace)
        return {**await _described(desk, workspace), "users": count}

    session: Session = ctx.obj
    found = session.run(work)
    lines = [f"{label.ljust(13)} {session.cell(found[key])}" for key, label in _LABELS.items()]
    session.show(found, "\n".join(lines))


_LABELS = {
    "name": "Workspace",
    "tenantUrl": "Tenant URL",
    "profile": "Profile",
    "groupRename": "Group rename",
    "signIn": "Sign-in",
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

        workspace = await find(desk, name)
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


def tokens(ctx: typer.Context, name: Name) -> None:
    """List the access tokens with their owners; the values are known to nobody."""

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from provisor.workspace import tokens as access

        workspace = await find(desk, name)
        async with desk.house.database.reading() as tx:
            return [_token(row) for row in await access.everyone(tx, workspace)]

    columns = {
        "owner": "OWNER",
        "state": "STATE",
        "comment": "COMMENT",
        "created": "CREATED",
        "expires": "EXPIRES",
        "lastUsed": "LAST USED",
        "tokenId": "ID",
    }
    _table(ctx, ctx.obj.run(work), columns)


def revoke_token(
    ctx: typer.Context, name: Name, token_id: Annotated[str, typer.Argument(help="The token's id.")]
) -> None:
    """Revoke an access token: it is refused from now on."""

    async def work(desk: Desk) -> None:
        from provisor.workspace import tokens as access

        async with desk.workspace_edit(await find(desk, name)) as edit:
            await access.revoke(edit, token_id)

    session: Session = ctx.obj
    session.run(work)
    session.show({"revoked": token_id}, f"The token {token_id[:12]} is revoked.")


def configure(
    ctx: typer.Context,
    name: Name,
    group_rename: Annotated[str | None, typer.Option(help="refuse or allow: may groups get another name.")] = None,
    tokens: Annotated[str | None, typer.Option(help="on or off: whether access tokens are taken at all.")] = None,
    longest_token_days: Annotated[int | None, typer.Option(help="Days that a new token lives at most; 0: any.")] = None,
) -> None:
    """Change what the workspace allows."""
    if tokens not in (None, "on", "off"):
        raise Invalid(f"{tokens!r} is not on or off.")
    if group_rename is None and tokens is None and longest_token_days is None:
        raise Invalid("Say what to change: --group-rename, --tokens or --longest-token-days.")

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor.workspace import token_rules, workspaces

        async with desk.workspace_edit(await find(desk, name)) as edit:
            if group_rename is not None:
                await workspaces.set_group_rename(edit, group_rename)
            enabled = None if tokens is None else tokens == "on"
            await token_rules.set_rules(edit, enabled=enabled, longest_days=longest_token_days)
        return await _described(desk, await find(desk, name))

    session: Session = ctx.obj
    session.show(session.run(work), f"{name} is saved.")


def sign_in(
    ctx: typer.Context,
    name: Name,
    none: Annotated[bool, typer.Option("--none", help="Through no tenant: one-time links are left.")] = False,
) -> None:
    """Let the people of a tenant (--tenant) sign in to the workspace, and nobody else's."""

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor.console import parties
        from provisor.workspace import workspaces

        async with desk.workspace_edit(await find(desk, name)) as edit:
            await workspaces.set_sign_in_tenant(edit, None if none else desk.tenant.id)
            await parties.known(edit.tx, await workspaces.get(edit.tx, name))
        return await _described(desk, await find(desk, name))

    session: Session = ctx.obj
    found = session.run(work)
    people = f"the people of the tenant {found['signIn']}" if found["signIn"] else "nobody, but with one-time links"
    session.show(found, f"{name}: {people} can sign in.")


def users(
    ctx: typer.Context,
    name: Name,
    removed: Annotated[bool, typer.Option("--removed", help="Those that were removed in the console instead.")] = False,
) -> None:
    """List the users with their groups."""

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from provisor.workspace import tombstones
        from provisor.workspace import users as people

        workspace = await find(desk, name)
        async with desk.house.database.snapshot() as tx:
            if removed:
                return [_tombstone(row) for row in await tombstones.everyone(tx, workspace)]
            found: list[dict[str, Any]] = []
            after = ""
            while page := await people.everyone(tx, workspace, after, PAGE):
                found += [described_user(item) for item in page]
                after = page[-1].name.casefold()
        return found

    kept = {"userName": "USER", "displayName": "NAME", "active": "ACTIVE", "groups": "GROUPS", "id": "ID"}
    gone = {"userName": "USER", "removed": "REMOVED", "removedBy": "BY", "id": "ID"}
    _table(ctx, ctx.obj.run(work), gone if removed else kept)


def groups(ctx: typer.Context, name: Name) -> None:
    """List the groups."""

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from provisor.workspace import groups as teams

        workspace = await find(desk, name)
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
    effective: Annotated[
        bool, typer.Option("--effective", help="Everybody in this group, through groups in it too.")
    ] = False,
) -> None:
    """List the direct members of one group, or of every group."""
    if effective and team is None:
        raise Invalid("Name the group whose effective members you want.")

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from provisor.workspace import groups as teams
        from provisor.workspace import members as memberships

        workspace = await find(desk, name)
        async with desk.house.database.snapshot() as tx:
            if team is not None:
                chosen = [await teams.find(tx, workspace, team)]
                if effective:
                    return await _everybody(tx, workspace, chosen[0])
            else:
                chosen = await teams.everyone(tx, workspace, limit=1_000_000)
            found = await memberships.of_groups(tx, workspace, [item.id for item in chosen])
        return [_member(item, row) for item in chosen for row in found[item.id]]

    columns = {"group": "GROUP", "member": "MEMBER", "type": "TYPE", "id": "ID"}
    _table(ctx, ctx.obj.run(work), {**columns, "direct": "DIRECT", "through": "THROUGH"} if effective else columns)


async def _everybody(tx: Any, workspace: Any, group: Any) -> list[dict[str, Any]]:
    """The effective members of a group, by name."""
    from provisor.workspace import nesting

    ways = await nesting.below(tx, workspace, group.id)
    found: list[dict[str, Any]] = []
    after = ("", "")
    while people := await nesting.effective(tx, workspace, ways, after, PAGE):
        for one in people:
            row = _member(group, {"name": one.name, "type": one.type, "value": one.id})
            found.append({**row, "direct": one.direct, "through": [" > ".join(way) for way in one.ways if way]})
        after = people[-1].key, people[-1].id
    return found


def _member(group: Any, row: Any) -> dict[str, Any]:
    return {"group": group.name, "member": row["name"], "type": row["type"], "id": row["value"]}


async def _described(desk: Desk, workspace: Any) -> dict[str, Any]:
    return {
        "name": workspace.name,
        "id": str(workspace.id),
        "profile": workspace.profile,
        "groupRename": workspace.group_rename,
        "strict": workspace.strict,
        "tokens": "on" if workspace.tokens_enabled else "off",
        "longestTokenDays": workspace.longest_token_days,
        "tenantUrl": await desk.house.tenant_url(workspace),
        "signIn": await _tenant(desk, workspace),
    }


async def _tenant(desk: Desk, workspace: Any) -> str | None:
    """The name of the tenant through which people sign in."""
    from provisor.directory import tenants
    from provisor.refusal import NotFound

    if workspace.sign_in_tenant is None:
        return None
    try:
        async with desk.house.database.reading() as tx:
            return (await tenants.by_id(tx, workspace.sign_in_tenant)).name
    except NotFound:
        return None


def _table(ctx: typer.Context, rows: list[dict[str, Any]], columns: dict[str, str]) -> None:
    session: Session = ctx.obj
    session.table(rows, columns)


def _group(item: Any, members_: int) -> dict[str, Any]:
    return {
        "id": item.id,
        "displayName": item.name,
        "reserved": item.reserved,
        "members": members_,
        "entitlements": [grant["value"] for grant in item.doc.get("entitlements") or ()],
    }


def _token(row: Any) -> dict[str, Any]:
    from provisor.workspace import tokens

    return {
        "tokenId": row["id"],
        "owner": row["user_name"],
        "state": tokens.state(row),
        "comment": row["comment"],
        "created": row["created"],
        "expires": row["expires"],
        "lastUsed": row["last_used"],
    }


def _tombstone(row: Any) -> dict[str, Any]:
    return {
        "id": row["user_id"],
        "userName": row["user_name"],
        "externalId": row["external_id"],
        "removed": row["removed"],
        "removedBy": row["removed_by"],
    }
