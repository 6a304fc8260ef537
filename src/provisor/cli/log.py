"""``provisor log``: what cycles did, object by object, with the reason and what the target said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from provisor.cli.app import Name, found
from provisor.cli.session import Desk, Session
from provisor.refusal import Invalid, NotFound


def register(root: typer.Typer) -> None:
    root.command("log")(log)


def log(
    ctx: typer.Context,
    name: Name,
    user: Annotated[
        str | None, typer.Option(help="Only this user, by a name of now or then, with the cycles that did nothing.")
    ] = None,
    cycle: Annotated[int | None, typer.Option(help="Only the cycle with this number.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100000, help="At most so many rows.")] = 200,
    export: Annotated[
        Path | None, typer.Option(help="Write the rows to a file: .csv, or .json in Microsoft Graph's form.")
    ] = None,
) -> None:
    """Show the provisioning log, newest cycle first."""
    session: Session = ctx.obj
    if export is not None and export.suffix not in (".csv", ".json"):
        raise Invalid(f"{export} is neither .csv nor .json: its ending says what is written.")

    async def work(desk: Desk) -> list[Any]:
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
        rows: list[Any] = await ledger.log(cycle=cycle, sources=list(sources) if sources else None, limit=limit)
        if export is not None:
            _write(export, rows, str(application.id), str(desk.tenant.id))
        return rows

    columns = {
        "cycle": "CYCLE",
        "at": "AT",
        "action": "ACTION",
        "source": "SOURCE",
        "target": "TARGET",
        "status": "STATUS",
        "why": "WHY",
    }
    rows = session.run(work)
    if export is not None:
        session.show({"exported": str(export), "rows": len(rows)}, f"{export} has {len(rows)} rows of the log.")
    else:
        if not rows:
            session.note(f"nothing is logged of that: provisor log {name} shows what is")
        session.table([_row(row) for row in rows], columns)


def _write(file: Path, rows: list[Any], application: str, tenant: str) -> None:
    from provisor.sync.summary import as_csv, graph

    if file.suffix == ".csv":
        # The mark at the beginning tells spreadsheets that it is UTF-8.
        file.write_text(as_csv(rows), encoding="utf-8-sig", newline="")
    else:
        value = {"value": [graph(row, application, tenant) for row in rows]}
        file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _row(row: Any) -> dict[str, Any]:
    from provisor.sync.records import pairs
    from provisor.sync.summary import steps_of, why

    return {
        "cycle": row["number"],
        "at": row["at"],
        "action": row["action"],
        "objectType": row["object_type"],
        "source": row["source_name"],
        "target": row["target_id"],
        "status": row["status"],
        "why": why(row),
        "attributes": {path: {"before": b, "after": a} for path, (b, a) in pairs(row).items()},
        "steps": steps_of(row),
    }
