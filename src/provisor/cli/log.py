"""``provisor log``: what cycles did, object by object, with the reason and what the target said."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from provisor.cli.app import Name, found
from provisor.cli.session import Desk, Session
from provisor.refusal import NotFound


def register(root: typer.Typer) -> None:
    root.command("log")(log)


def log(
    ctx: typer.Context,
    name: Name,
    user: Annotated[
        str | None, typer.Option(help="Only this user, by a name of now or then, with the cycles that did nothing.")
    ] = None,
    cycle: Annotated[int | None, typer.Option(help="Only the cycle with this number.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10000, help="At most so many rows.")] = 200,
) -> None:
    """Show the provisioning log, newest cycle first."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from provisor.directory import users

        application = await found(desk, name)
        ledger = desk.house.ledger(desk.tenant, application.id)
        sources = None
        if user is not None:
            sources = set(await ledger.once_called(user))
            try:
                async with desk.house.database.reading() as tx:
                    sources.add((await users.find(tx, desk.tenant, user)).id)
            except NotFound:
                # Whoever was renamed, or deleted for good, is looked up by the name of then.
                if not sources:
                    raise
        rows = await ledger.log(cycle=cycle, sources=list(sources) if sources else None, limit=limit)
        return [_row(row) for row in rows]

    columns = {
        "cycle": "CYCLE",
        "at": "AT",
        "action": "ACTION",
        "source": "SOURCE",
        "target": "TARGET",
        "status": "STATUS",
        "why": "WHY",
    }
    session.table(session.run(work), columns)


def _row(row: Any) -> dict[str, Any]:
    from provisor.sync.records import pairs

    said = [row["reason"], row["message"]]
    return {
        "cycle": row["number"],
        "at": row["at"],
        "action": row["action"],
        "objectType": row["object_type"],
        "source": row["source_name"],
        "target": row["target_id"],
        "status": row["status"],
        "why": "; ".join(dict.fromkeys(part for part in said if part)),
        "attributes": {path: {"before": b, "after": a} for path, (b, a) in pairs(row).items()},
    }
