"""``provisor sign-ins``: the sign-in log: who signed in to what, from where, and which policy decided."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from provisor.cli.audit import moment
from provisor.cli.session import Desk, Session


def register(root: typer.Typer) -> None:
    root.command("sign-ins")(sign_ins)


def sign_ins(
    ctx: typer.Context,
    user: Annotated[str, typer.Option(help="Only those whose user principal name has this in it.")] = "",
    app: Annotated[str, typer.Option(help="Only to what has this in its name.")] = "",
    policy: Annotated[str | None, typer.Option(help="Only those that this policy was about, report-only too.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that were refused.")] = False,
    since: Annotated[str | None, typer.Option(help="Only from this moment on, like 2026-11-25.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many rows.")] = 200,
) -> None:
    """Show the sign-in log, newest first; with --json every policy that was about a sign-in, and how it fared."""
    session: Session = ctx.obj
    first = moment("--since", since)

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from provisor.access.roles import require
        from provisor.directory import conditional_access, sign_in_log

        require(desk.actor, "policy.read")
        async with desk.house.database.reading() as tx:
            rule = (await conditional_access.find_policy(tx, desk.tenant, policy)).value.id if policy else ""
            outcomes = (sign_in_log.FAILURE,) if failed else ()
            chosen = sign_in_log.Filter(user, app, outcomes, rule, first)
            return [_row(row) for row in await sign_in_log.entries(tx, desk.tenant, limit, chosen)]

    columns = {
        "at": "AT",
        "user": "WHO",
        "app": "WHAT",
        "address": "FROM",
        "methods": "WITH",
        "outcome": "OUTCOME",
        "reason": "WHY",
    }
    session.table(session.run(work), columns)


def _row(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "at": row["at"],
        "user": row["upn"] or None,
        "userId": row["user_id"],
        "app": row["resource_name"],
        "appId": row["resource"],
        "address": row["address"],
        "methods": row["methods"],
        "outcome": row["outcome"],
        "reason": row["reason"],
        "policies": row["policies"],
    }
