"""``provisor leavers``: who has left, and where they may still be active."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from provisor.cli.app import found
from provisor.cli.session import Desk, Session
from provisor.refusal import Refusal


def register(root: typer.Typer) -> None:
    root.command("leavers")(leavers)


Chosen = Annotated[str | None, typer.Argument(help="One application; all unless named.")]


def leavers(ctx: typer.Context, name: Chosen = None) -> int:
    """List who left and whose account is not known to be closed. Exit code 2: there are some."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from provisor.access.roles import may
        from provisor.directory import applications
        from provisor.sync.leavers import open_leavers

        async with desk.house.database.reading() as tx:
            every = await applications.everyone(tx, desk.tenant)
        readable = [item for item in every if may(desk.actor, "application.read", item.id)]
        chosen = [await found(desk, name)] if name is not None else readable
        for application in chosen:
            if application.connected:
                try:
                    await desk.house.notice_leavers(desk.tenant, application.id)
                except Refusal as error:
                    session.note(f"{application.name} could not be looked at, its leavers are as of before: {error}")
        return [
            {
                "name": item.name,
                "app": item.app,
                "account": item.account,
                "since": item.since.isoformat(),
                "seconds": round(item.age.total_seconds()),
                "why": item.why,
            }
            for item in await open_leavers(desk.house.database, desk.tenant.id, [item.id for item in chosen])
        ]

    value = session.run(work)
    session.show(value, "\n".join(_lines(value)))
    return 2 if value else 0


def _lines(value: list[dict[str, Any]]) -> list[str]:
    if not value:
        return ["Nobody who left is active anywhere, as far as any target has answered."]
    return [
        f"{row['name']} left {row['since'][:16].replace('T', ' ')} UTC ({_ago(row['seconds'])}), may be active in "
        f"{row['app']}{' as ' + row['account'] if row['account'] else ''}: {row['why']}"
        for row in value
    ]


def _ago(seconds: int) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
