"""``provisor directory``: import and read the directory, and change users and groups in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from provisor.cli.groups import group
from provisor.cli.session import Desk, Session
from provisor.refusal import Invalid

Values = Annotated[list[str] | None, typer.Argument(help="attribute=value; an empty value clears the attribute.")]
Recycled = Annotated[bool, typer.Option("--deleted", help="Those in the recycle bin instead.")]
PAGE = 1000


def register(root: typer.Typer) -> None:
    found = group("The directory: people, groups and who is in them.", users=users, groups=groups, members=members)
    found.command("import")(import_files)
    life = {name: _life(name) for name in _LIFE}
    user = group("One user.", create=user_create, show=user_show, set=user_set, **life)
    team = group(
        "One group.",
        create=group_create,
        show=group_show,
        set=group_set,
        delete=group_delete,
        **{name.replace("-", "_"): _member(name) for name in _MEMBER},
    )
    found.add_typer(user, name="user")
    found.add_typer(team, name="group")
    root.add_typer(found, name="directory")


_LIFE = {
    "disable": "Disable a user: accountEnabled becomes False.",
    "enable": "Enable a user again.",
    "delete": "Delete a user into the recycle bin.",
    "restore": "Take a user back out of the recycle bin.",
    "purge": "Delete a user who is in the recycle bin for good.",
}
_MEMBER = {
    "add-member": "Add users or groups to a group.",
    "remove-member": "Remove users or groups from a group.",
}


def import_files(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="CSV, JSON lines, or what Microsoft Graph answers.")],
) -> None:
    """Import users, groups and members in one transaction; a bad row is named and nothing is imported."""
    session: Session = ctx.obj
    contents = [(str(path), path.read_bytes()) for path in files]

    async def work(desk: Desk) -> Any:
        from provisor.directory.importer import import_files as import_all

        async with desk.edit() as edit:
            return await import_all(edit, contents)

    from dataclasses import asdict

    imported = session.run(work)
    session.show(asdict(imported), f"Imported: {str(imported) or 'nothing new'}.")


def users(ctx: typer.Context, deleted: Recycled = False) -> None:
    """List the users."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from uuid import UUID

        from provisor.access.roles import require
        from provisor.directory import users as people

        require(desk.actor, "directory.read")
        found: list[dict[str, Any]] = []
        after = ("", UUID(int=0))
        async with desk.house.database.snapshot() as tx:
            while page := await people.page(tx, desk.tenant, after, PAGE, people.Choice(recycled=deleted)):
                found += [user.to_json() for user in page]
                after = (page[-1].upn, page[-1].id)
        return found

    columns = {
        "userPrincipalName": "USER",
        "displayName": "NAME",
        "department": "DEPARTMENT",
        "accountEnabled": "ENABLED",
    }
    session.table(session.run(work), columns)


def groups(ctx: typer.Context) -> None:
    """List the groups."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from uuid import UUID

        from provisor.access.roles import require
        from provisor.directory import groups as rooms

        require(desk.actor, "directory.read")
        found: list[dict[str, Any]] = []
        after = ("", UUID(int=0))
        async with desk.house.database.snapshot() as tx:
            while page := await rooms.page(tx, desk.tenant, after, PAGE):
                found += [{"objectId": str(row["id"]), **row["doc"], "members": row["members"]} for row in page]
                after = (page[-1]["name_key"], page[-1]["id"])
        return found

    session.table(session.run(work), {"displayName": "GROUP", "members": "MEMBERS", "objectId": "ID"})


def members(ctx: typer.Context, name: Annotated[str | None, typer.Argument(metavar="GROUP")] = None) -> None:
    """List the direct members of one group, or of every group."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from uuid import UUID

        from provisor.access.roles import require
        from provisor.directory import groups as rooms

        require(desk.actor, "directory.read")
        async with desk.house.database.snapshot() as tx:
            if name is not None:
                one = await rooms.find(tx, desk.tenant, name)
                chosen = {one.id: one.name}
            else:
                page = await rooms.page(tx, desk.tenant, ("", UUID(int=0)), 1_000_000)
                chosen = {row["id"]: row["doc"]["displayName"] for row in page}
            return [
                {"group": shown, "member": row["name"], "type": row["member_type"]}
                for identity, shown in chosen.items()
                for row in await rooms.members(tx, desk.tenant, identity)
            ]

    session.table(session.run(work), {"group": "GROUP", "member": "MEMBER", "type": "TYPE"})


def user_create(ctx: typer.Context, upn: str, values: Values = None) -> None:
    """Make a user."""
    given = {"userPrincipalName": upn, **pairs(values)}

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor.directory import users as people

        async with desk.edit() as edit:
            await people.create(edit, given)
            user = await people.find(edit.tx, desk.tenant, upn)
        return user.to_json()

    session: Session = ctx.obj
    session.show(session.run(work), f"User {upn} made.")


def user_show(ctx: typer.Context, upn: str) -> None:
    """Show every attribute of a user."""

    async def work(desk: Desk) -> dict[str, Any]:

        from provisor.access.roles import require
        from provisor.directory import users as people

        require(desk.actor, "directory.read")
        async with desk.house.database.reading() as tx:
            return (await people.find(tx, desk.tenant, upn)).to_json()

    _show_one(ctx.obj, ctx.obj.run(work))


def user_set(ctx: typer.Context, upn: str, values: Values = None) -> None:
    """Set attributes of a user."""
    given = _pairs_to_set(values)

    async def work(desk: Desk) -> None:
        from provisor.directory import users as people

        async with desk.edit() as edit:
            await people.change(edit, (await people.find(edit.tx, desk.tenant, upn)).id, given)

    session: Session = ctx.obj
    session.run(work)
    session.show({"changed": sorted(given)}, f"User {upn}: {', '.join(given)} set.")


def _life(name: str) -> Any:
    def command(ctx: typer.Context, upn: str) -> None:
        async def work(desk: Desk) -> None:
            from provisor.directory import users as people

            async with desk.edit() as edit:
                seek = people.find_recycled if name in ("restore", "purge") else people.find
                user = await seek(edit.tx, desk.tenant, upn)
                if name in ("disable", "enable"):
                    await people.change(edit, user.id, {"accountEnabled": str(name == "enable")})
                else:
                    step = {"delete": people.recycle, "restore": people.restore, "purge": people.purge}[name]
                    await step(edit, user.id)

        session: Session = ctx.obj
        session.run(work)
        done = {"delete": "is in the recycle bin", "purge": "is deleted for good"}.get(name, f"is {name}d")
        session.show({"user": upn, "done": name}, f"User {upn} {done}.")

    command.__doc__ = _LIFE[name]
    return command


def group_create(ctx: typer.Context, name: str, values: Values = None) -> None:
    """Make a group."""
    given = {"displayName": name, **pairs(values)}

    async def work(desk: Desk) -> tuple[str, str]:
        from provisor.directory import groups as rooms

        async with desk.edit() as edit:
            identity = await rooms.create(edit, given)
            return str(identity), await rooms.alike(edit.tx, desk.tenant, identity, name)

    session: Session = ctx.obj
    identity, alike = session.run(work)
    session.show({"objectId": identity, "displayName": name}, f"Group {name} made.")
    if alike:
        session.note(alike)


def group_show(ctx: typer.Context, name: str) -> None:
    """Show every attribute of a group."""

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor.access.roles import require
        from provisor.directory import groups as rooms

        require(desk.actor, "directory.read")
        async with desk.house.database.reading() as tx:
            return (await rooms.find(tx, desk.tenant, name)).to_json()

    _show_one(ctx.obj, ctx.obj.run(work))


def group_set(ctx: typer.Context, name: str, values: Values = None) -> None:
    """Set attributes of a group."""
    given = _pairs_to_set(values)

    async def work(desk: Desk) -> str:
        from provisor.directory import groups as rooms

        async with desk.edit() as edit:
            group = await rooms.find(edit.tx, desk.tenant, name)
            await rooms.change(edit, group, given)
            called = given.get("displayName")
            return await rooms.alike(edit.tx, desk.tenant, group.id, called) if called else ""

    session: Session = ctx.obj
    alike = session.run(work)
    session.show({"changed": sorted(given)}, f"Group {name}: {', '.join(given)} set.")
    if alike:
        session.note(alike)


def group_delete(ctx: typer.Context, name: str) -> None:
    """Delete a group."""

    async def work(desk: Desk) -> None:
        from provisor.directory import groups as rooms

        async with desk.edit() as edit:
            await rooms.delete(edit, await rooms.find(edit.tx, desk.tenant, name))

    session: Session = ctx.obj
    session.run(work)
    session.show({"group": name, "done": "delete"}, f"Group {name} is deleted.")


def _member(name: str) -> Any:
    def command(
        ctx: typer.Context,
        team: Annotated[str, typer.Argument(metavar="GROUP", help="The group's name or object id.")],
        member: Annotated[list[str], typer.Argument(help="UPN or a group's name.")],
    ) -> None:
        async def work(desk: Desk) -> int:
            from provisor.directory import groups as rooms

            async with desk.edit() as edit:
                found = await rooms.find(edit.tx, desk.tenant, team)
                rows = [(found.id, *await rooms.principal(edit.tx, desk.tenant, one)) for one in member]
                step = rooms.add_members if name == "add-member" else rooms.remove_members
                return await step(edit, rows)

        session: Session = ctx.obj
        count = session.run(work)
        if count < len(member):
            session.note(
                f"{len(member) - count} of {len(member)} {'were' if name == 'add-member' else 'were not'} in it."
            )
        verb = "added to" if name == "add-member" else "removed from"
        session.show({"group": team, "changed": count}, f"{count} {verb} {team}.")

    command.__doc__ = _MEMBER[name]
    return command


def pairs(values: list[str] | None) -> dict[str, str]:
    """``attribute=value`` words as a dictionary. Raises Invalid."""
    given = {}
    for word in values or ():
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise Invalid(f"{word!r} is not attribute=value.")
        given[name] = value
    return given


def _pairs_to_set(values: list[str] | None) -> dict[str, str]:
    if not values:
        raise Invalid("There is nothing to set: give attribute=value.")
    return pairs(values)


def _show_one(session: Session, values: dict[str, Any]) -> None:
    width = max(map(len, values))
    session.show(values, "\n".join(f"{name.ljust(width)}  {value}" for name, value in values.items()))
