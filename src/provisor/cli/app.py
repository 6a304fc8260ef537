"""``provisor app``: enterprise applications, their connection, scope, status, assignments and owners."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, Literal

import typer

from provisor.cli import app_settings, app_sign_in, mappings
from provisor.cli.groups import group
from provisor.cli.session import Desk, Session
from provisor.refusal import Conflict, Invalid, Refusal

Name = Annotated[str, typer.Argument(metavar="NAME", help="The application's name.")]
Force = Annotated[bool, typer.Option("--force", help="Do it although a check says no.")]
Users = Annotated[list[str] | None, typer.Option("--user", help="User principal name; may be given several times.")]
Groups = Annotated[list[str] | None, typer.Option("--group", help="Group; may be given several times.")]


def register(root: typer.Typer) -> None:
    app = group(
        "Enterprise applications and their provisioning.",
        create=create,
        list=show_all,
        show=show,
        set=app_settings.configure,
        rename=rename,
        delete=delete,
        test=test,
        assign=assign,
        unassign=unassign,
        restart=restart,
        start=_status("On"),
        stop=_status("Off"),
    )
    owner = group("Owners: they manage this application and no other.", add=_owner("add"), remove=_owner("remove"))
    app.add_typer(owner, name="owner")
    app_sign_in.register(app)
    mappings.register(app)
    root.add_typer(app, name="app")


async def found(desk: Desk, name: str, action: str = "application.read") -> Any:
    """The application, for an actor who may do ``action`` to it."""
    from provisor.access.roles import require
    from provisor.directory import applications

    async with desk.house.database.reading() as tx:
        application = await applications.find(tx, desk.tenant, name)
    require(desk.actor, action, application.id)
    return application


async def nobody(desk: Desk, application: Any) -> str:
    """Why there is nothing to do in an application to which nobody is assigned; empty when somebody is."""
    from provisor.directory import assignments
    from provisor.sync.doctor import scope

    async with desk.house.database.reading() as tx:
        said = scope(application, await assignments.count(tx, desk.tenant, application))
    return f"{said.sentence.rstrip('.')}: {said.mend}" if said.level == "bad" else ""


def create(
    ctx: typer.Context,
    name: Name,
    template: Annotated[str, typer.Option(help="scim, customappsso-2019 or dataBricks.")] = "scim",
) -> None:
    """Add a non-gallery application from a template."""

    async def work(desk: Desk) -> str:
        from provisor.directory import applications

        async with desk.edit() as edit:
            return str(await applications.create(edit, name, template))

    session: Session = ctx.obj
    session.show({"id": session.run(work), "name": name}, f"Application {name} made from the template {template}.")


def show_all(ctx: typer.Context) -> None:
    """List the applications."""

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from provisor.access.roles import may
        from provisor.directory import applications

        async with desk.house.database.reading() as tx:
            every = await applications.everyone(tx, desk.tenant)
        return [item.to_json() for item in every if may(desk.actor, "application.read", item.id)]

    columns = {"name": "APPLICATION", "provisioningStatus": "STATUS", "scope": "SCOPE", "tenantUrl": "TENANT URL"}
    ctx.obj.table(ctx.obj.run(work), columns)


def show(ctx: typer.Context, name: Name) -> None:
    """Show an application, who is assigned to it, who owns it and how its last cycle went."""

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor.directory import assignments

        application = await found(desk, name)
        async with desk.house.database.reading() as tx:
            assigned = await assignments.assignments(tx, desk.tenant, application)
            owners = await assignments.owners(tx, desk.tenant, application)
        ledger = desk.house.ledger(desk.tenant, application.id)
        job, cycles = await ledger.job(), await ledger.cycles(1, "cycle")
        return {
            **application.to_json(),
            "policies": application.policies.to_json(),
            "assigned": [f"{row['principal_type']} {row['name']}" for row in assigned],
            "owners": [row["upn"] for row in owners],
            "quarantine": job.quarantine,
            "cycleRuns": job.held,
            "lastCycle": {**{key: cycles[0][key] for key in ("number", "kind", "status", "started", "counts", "error")}}
            if cycles
            else None,
        }

    session: Session = ctx.obj
    shown = session.run(work)
    lines = [f"{key.ljust(19)} {_line(value)}" for key, value in shown.items()]
    session.show(shown, "\n".join(lines))


def rename(ctx: typer.Context, name: Name, new: Annotated[str, typer.Argument(help="Its new name.")]) -> None:
    """Give an application another name; its provisioning goes on."""

    async def work(desk: Desk) -> None:
        from provisor.directory import applications

        application = await found(desk, name)
        async with desk.edit() as edit:
            await applications.rename(edit, await applications.locked(edit, application.id), new)

    session: Session = ctx.obj
    session.run(work)
    session.show({"renamed": name, "name": new}, f"{name} is called {new} now.")


def delete(ctx: typer.Context, name: Name, force: Force = False) -> None:
    """Delete an application with its mappings, assignments and log; what it made at the target stays there."""

    async def work(desk: Desk) -> None:
        from provisor.directory import applications
        from provisor.sync import control

        application = await found(desk, name)
        if not force:
            await _looked(desk, application)
        async with desk.edit() as edit:
            if not force:
                await control.forget(edit, application)
                raise Conflict(
                    f"This deletes {name} with its mappings, assignments and log, and leaves its accounts as they are: "
                    "repeat it with --force."
                )
            await applications.delete(edit, await applications.locked(edit, application.id))

    session: Session = ctx.obj
    session.run(work)
    session.show({"deleted": name}, f"{name} is deleted. Its accounts are as they were.")


def test(ctx: typer.Context, name: Name) -> None:
    """Test Connection with the saved address and token."""

    async def work(desk: Desk) -> tuple[str | None, str | None]:
        from provisor.sync import connection
        from provisor.sync.doctor import waits_for_release

        application = await found(desk, name)
        learned = await connection.test_application(application, lambda item: desk.house.target(item, read_only=True))
        job = await desk.house.ledger(desk.tenant, application.id).job()
        return learned.owner_name, None if waits_for_release(job) else job.quarantine

    from provisor.sync.connection import AUTHORIZED

    session: Session = ctx.obj
    owner, why = session.run(work)
    sentence = f"{AUTHORIZED}." + (f" The token is {owner}'s." if owner else "")
    if why is not None:
        sentence += f" Quarantine ends when a cycle goes through, which `provisor sync {name}` tries now: {why}"
    session.show({"message": AUTHORIZED, "tokenOwner": owner, "quarantine": why}, sentence)


def assign(ctx: typer.Context, name: Name, user: Users = None, team: Groups = None, force: Force = False) -> None:
    """Assign users and groups."""

    async def work(desk: Desk) -> int:
        from provisor.directory import assignments

        application = await found(desk, name)
        async with desk.edit() as edit:
            chosen = await _principals(edit, user, team)
            return await assignments.assign(edit, application, chosen, force=force)

    session: Session = ctx.obj
    count = session.run(work)
    session.show({"assigned": count}, f"{count} assigned to {name}.")


def unassign(ctx: typer.Context, name: Name, user: Users = None, team: Groups = None) -> None:
    """Take assignments away."""

    async def work(desk: Desk) -> int:
        from provisor.directory import assignments

        application = await found(desk, name)
        async with desk.edit() as edit:
            return await assignments.unassign(edit, application, await _principals(edit, user, team))

    session: Session = ctx.obj
    count = session.run(work)
    session.show({"unassigned": count}, f"{count} unassigned from {name}.")


def restart(
    ctx: typer.Context,
    name: Name,
    clear: Annotated[str, typer.Option(help="state, or full to forget which accounts are whose as well.")] = "state",
    force: Force = False,
) -> None:
    """Clear current state and restart synchronization: the next cycle is an initial one."""
    if clear not in ("state", "full"):
        raise Invalid(f"--clear is state or full, not {clear!r}.")

    async def work(desk: Desk) -> str:
        from provisor.sync import control

        application = await found(desk, name, "provisioning.run")
        if clear == "full" and not force:
            await _looked(desk, application)
        async with desk.edit() as edit:
            ledger = desk.house.ledger(desk.tenant, application.id)
            await control.restart(edit, ledger, application, full=clear == "full", force=force)
        return str(application.provisioning)

    session: Session = ctx.obj
    when = "at once" if session.run(work) == "On" else f"with provisor sync {name} (provisioning is Off)"
    session.show(
        {"restarted": name, "clear": clear}, f"{name}: current state cleared; an initial cycle follows {when}."
    )


async def _looked(desk: Desk, application: Any) -> None:
    """Look for leavers now, before somebody forgets them; where that cannot be, it is said later."""
    if application.connected:
        with suppress(Refusal):
            await desk.house.notice_leavers(desk.tenant, application.id)


def _status(status: Literal["On", "Off"]) -> Any:
    def command(ctx: typer.Context, name: Name) -> None:
        async def work(desk: Desk) -> None:
            from provisor.sync import control

            application = await found(desk, name, "provisioning.run")
            async with desk.edit() as edit:
                await control.switch(edit, application.id, status)

        session: Session = ctx.obj
        session.run(work)
        session.show({"provisioningStatus": status}, f"{name}: Provisioning Status {status}.")

    command.__doc__ = {
        "On": "Provisioning Status On: an initial cycle follows at once, later ones within a second of every change.",
        "Off": "Provisioning Status Off; a cycle that runs stops before its next request.",
    }[status]
    return command


def _owner(verb: str) -> Any:
    def command(ctx: typer.Context, name: Name, user: str) -> None:
        async def work(desk: Desk) -> None:
            from provisor.directory import assignments, users

            application = await found(desk, name)
            async with desk.edit() as edit:
                person = await users.find(edit.tx, desk.tenant, user)
                step = assignments.add_owner if verb == "add" else assignments.remove_owner
                await step(edit, application, person)

        session: Session = ctx.obj
        session.run(work)
        text = f"{user} is an owner of {name} now." if verb == "add" else f"{user} is no owner of {name} any more."
        session.show({verb: user}, text)

    command.__doc__ = {"add": "Make a user an owner.", "remove": "Take ownership away."}[verb]
    return command


async def _principals(edit: Any, user: list[str] | None, group: list[str] | None) -> list[Any]:
    from provisor.directory import groups, users

    if not user and not group:
        raise Invalid("Name at least one --user or --group.")
    chosen: list[Any] = [await users.find(edit.tx, edit.tenant, name) for name in user or ()]
    return chosen + [await groups.find(edit.tx, edit.tenant, name) for name in group or ()]


def _line(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items() if item is not None)
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)
