"""``provisor provision``: one user or one group, now, step by step, whatever the Provisioning Status."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer

from provisor.cli.app import Name
from provisor.cli.session import Desk, Session
from provisor.cli.sync import cycle
from provisor.refusal import Invalid


def register(root: typer.Typer) -> None:
    root.command("provision")(provision)


def provision(
    ctx: typer.Context,
    name: Name,
    user: Annotated[str | None, typer.Argument(metavar="[USER]", help="A user, by user principal name.")] = None,
    group: Annotated[str | None, typer.Option(help="A group instead of a user.")] = None,
    members: Annotated[
        list[str] | None, typer.Option("--members", help="With --group: only these of its members; repeatable.")
    ] = None,
) -> int:
    """Provision one user or group on demand; who was removed at the target gets an account again."""
    if (user is None) is (group is None):
        raise Invalid("Say whom to provision: a user, or --group.")
    if members and group is None:
        raise Invalid("--members are those of a group: give --group.")
    session: Session = ctx.obj

    async def work(desk: Desk) -> tuple[Any, list[Any]]:
        from provisor.cli.app import found
        from provisor.cli.principals import identity_of
        from provisor.sync.cycle import Asked
        from provisor.sync.planning import Only

        application = await found(desk, name, "provisioning.run")
        people = [str(await identity_of(desk, "User", item)) for item in members or ()]
        if group is not None:
            rooms = (str(await identity_of(desk, "Group", group)),)
            only = Only(users=tuple(people), groups=rooms, members=frozenset(people) if people else None)
        else:
            only = Only(users=(str(await identity_of(desk, "User", str(user))),))
        if group is not None and people:
            await _say_who_is_no_member(session, desk, only.groups[0], people)
        result, _ = await cycle(session, desk, name, Asked(only=only), adopt=True)
        ledger = desk.house.ledger(desk.tenant, application.id)
        asked = [UUID(item) for item in (*only.users, *only.groups)]
        # Those that were asked for, whatever was done, and whatever was done to others because of them.
        rows = [
            row for ids in (asked, None) for row in await ledger.log(cycle=result.cycle.number, sources=ids, limit=500)
        ]
        return result, list({row["ordinal"]: row for row in rows}.values())

    result, rows = session.run(work)
    return _report(session, name, result, rows)


async def _say_who_is_no_member(session: Session, desk: Desk, group: str, people: list[str]) -> None:
    from provisor.directory import groups

    async with desk.house.database.reading() as tx:
        there = {str(row["member_id"]) for row in await groups.members(tx, desk.tenant, UUID(group))}
    others = sum(person not in there for person in people)
    if others:
        session.note(f"{others} of those whom --members names are not in the group, and do not come into it")


def _report(session: Session, name: str, result: Any, rows: list[Any]) -> int:
    from provisor.sync.records import pairs
    from provisor.sync.summary import steps_of

    shown, lines = [], []
    for row in rows:
        taken = steps_of(row)
        changed = {path: {"before": before, "after": after} for path, (before, after) in pairs(row).items()}
        shown.append(
            {"action": row["action"], "source": row["source_name"], "status": row["status"], "steps": taken}
            | {"modifiedProperties": changed, "target": row["target_id"]}
        )
        lines.append(f"{row['source_name']}: {row['action']} ({row['status']})")
        lines += [f"  {step['step'].ljust(19)} {step['status'].ljust(8)} {step['description']}" for step in taken]
        lines += [f"    {path}: {pair['before']!r} → {pair['after']!r}" for path, pair in changed.items()]
    session.show(
        {"app": name, "cycle": result.cycle.number, "status": result.status, "error": result.error, "objects": shown},
        "\n".join(lines) if result.status == "done" else None,
    )
    if result.status != "done":
        session.note(f"{name}: nothing was provisioned: {result.error}")
    failed = result.failures or result.counts.get("refuse", 0)
    return 0 if result.status == "done" and not failed else 1
