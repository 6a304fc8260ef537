"""``provisor conditional-access location`` and ``break-glass``: address ranges by name, accounts for emergencies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from provisor.cli.groups import group
from provisor.cli.session import Desk, Session
from provisor.refusal import Invalid

Place = Annotated[str, typer.Argument(metavar="NAME", help="The named location's name, or its id.")]
Ranges = Annotated[
    list[str] | None, typer.Argument(metavar="RANGE…", help="Addresses, like 192.0.2.0/24 or 2001:db8::/32.")
]
Upn = Annotated[str, typer.Argument(metavar="USER", help="User principal name.")]
File = Annotated[Path | None, typer.Option("--file", help="Microsoft Graph's JSON of it, instead of other options.")]
Force = Annotated[bool, typer.Option("--force", help="Do it although no administrator could sign in any more.")]


def register(found: typer.Typer) -> None:
    location = group(
        "Named locations: address ranges that policies name.",
        add=location_add,
        list=locations,
        set=location_set,
        remove=location_remove,
    )
    glass = group(
        "Break-glass accounts: no policy should be in their way.",
        add=_glass("add"),
        remove=_glass("remove"),
        list=break_glass,
    )
    found.add_typer(location, name="location")
    found.add_typer(glass, name="break-glass")


# ── named locations ─────────────────────────────────────────────────────────────────────────────────────────────────


def location_add(
    ctx: typer.Context,
    name: Place,
    ranges: Ranges = None,
    trusted: Annotated[bool, typer.Option("--trusted", help="Policies can name all trusted ones at once.")] = False,
    file: File = None,
    force: Force = False,
) -> None:
    """Make a named location of address ranges."""
    given = _location(name, ranges, trusted, file)

    async def work(desk: Desk) -> Any:
        from provisor.directory import conditional_access

        async with desk.edit() as edit:
            return await conditional_access.create_location(edit, given, force=force)

    made = ctx.obj.run(work)
    ctx.obj.show(made.to_json(), f"Named location {made.name} made: {_ranges(made)}.")


def location_set(
    ctx: typer.Context,
    name: Place,
    ranges: Ranges = None,
    trusted: Annotated[bool | None, typer.Option("--trusted/--not-trusted", help="Whether it is trusted.")] = None,
    rename: Annotated[str | None, typer.Option("--rename", help="Another name.")] = None,
    file: File = None,
    force: Force = False,
) -> None:
    """Change a named location; ranges that are given take the place of those that were there."""
    if not ranges and trusted is None and rename is None and file is None:
        raise Invalid("Say what is to change: ranges, --trusted, --rename, or --file.")

    async def work(desk: Desk) -> Any:
        from provisor.directory import conditional_access

        async with desk.edit() as edit:
            before = await conditional_access.find_location(edit.tx, desk.tenant, name)
            kept = [str(item) for item in before.value.networks]
            trust = before.value.trusted if trusted is None else trusted
            given = _location(rename or before.name, ranges or (None if file else kept), trust, file)
            return await conditional_access.change_location(edit, before.id, given, force=force)

    made = ctx.obj.run(work)
    ctx.obj.show(made.to_json(), f"Named location {made.name} changed: {_ranges(made)}.")


def locations(ctx: typer.Context) -> None:
    """List the named locations."""

    async def work(desk: Desk) -> Any:
        from provisor.directory import conditional_access

        async with reading(desk) as tx:
            return await conditional_access.locations(tx, desk.tenant)

    session: Session = ctx.obj
    kept = session.run(work)
    if session.json:
        session.show([item.to_json() for item in kept])
        return
    rows = [{"name": item.name, "trusted": item.value.trusted, "ranges": _ranges(item)} for item in kept]
    session.table(rows, {"name": "LOCATION", "trusted": "TRUSTED", "ranges": "RANGES"})


def location_remove(ctx: typer.Context, name: Place, force: Force = False) -> None:
    """Remove a named location that no policy names."""

    async def work(desk: Desk) -> Any:
        from provisor.directory import conditional_access

        async with desk.edit() as edit:
            found = await conditional_access.find_location(edit.tx, desk.tenant, name)
            return await conditional_access.delete_location(edit, found.id, force=force)

    gone = ctx.obj.run(work)
    ctx.obj.show({"removed": gone.name}, f"Named location {gone.name} is removed.")


# ── break-glass accounts ────────────────────────────────────────────────────────────────────────────────────────────


def break_glass(ctx: typer.Context) -> None:
    """List the break-glass accounts."""

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from provisor.directory import conditional_access

        async with reading(desk) as tx:
            found = await conditional_access.break_glass(tx, desk.tenant)
        return [{"user": user.upn, "enabled": user.enabled} for user in found]

    ctx.obj.table(ctx.obj.run(work), {"user": "USER", "enabled": "ENABLED"})


def _glass(verb: str) -> Any:
    def command(ctx: typer.Context, user: Upn) -> None:
        async def work(desk: Desk) -> Any:
            from provisor.directory import conditional_access, users

            async with desk.edit() as edit:
                person = await users.find(edit.tx, desk.tenant, user)
                if verb == "remove":
                    await conditional_access.remove_break_glass(edit, person)
                else:
                    await conditional_access.add_break_glass(edit, person)
                return await conditional_access.warnings(edit.tx, desk.tenant)

        session: Session = ctx.obj
        warned = session.run(work)
        for sentence in (*warned.all, *(told for each in warned.each.values() for told in each)):
            session.note(f"warning: {sentence}")
        said = "is a break-glass account now" if verb == "add" else "is no break-glass account any more"
        session.show({verb: user}, f"{user} {said}.")

    command.__doc__ = {
        "add": "Name an account that every policy should exclude; where one does not, that is warned about.",
        "remove": "Name it no longer.",
    }[verb]
    return command


# ── what they have in common ────────────────────────────────────────────────────────────────────────────────────────


def document(file: Path) -> dict[str, Any]:
    """The one JSON object in a file. Raises Invalid."""
    from provisor.cli.files import json_file

    given = json_file(file)
    if not isinstance(given, dict):
        raise Invalid(f"{file} must hold one JSON object.")
    return given


def reading(desk: Desk) -> Any:
    """A read of conditional access by whoever may."""
    from provisor.access.roles import require

    require(desk.actor, "policy.read")
    return desk.house.database.reading()


def _location(name: str, ranges: list[str] | None, trusted: bool, file: Path | None) -> dict[str, Any]:
    if file is not None:
        if ranges:
            raise Invalid("--file says all of the location: leave the ranges out.")
        return {**document(file), "displayName": name}
    if not ranges:
        raise Invalid("Name at least one address range, like 192.0.2.0/24.")
    return {
        "displayName": name,
        "isTrusted": trusted,
        "ipRanges": [{"cidrAddress": item} for item in ranges],
    }


def _ranges(item: Any) -> str:
    return ", ".join(str(network) for network in item.value.networks)
