"""``provisor audit``: who changed what, from where; and whether the log is still what it was."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from provisor.cli.groups import group
from provisor.cli.session import Desk, Session
from provisor.refusal import Invalid


def register(root: typer.Typer) -> None:
    root.add_typer(group("The audit log: who changed what.", list=show_all, verify=verify), name="audit")


def show_all(
    ctx: typer.Context,
    workspace: Annotated[str | None, typer.Option(help="Of this workspace; without it, of the tenant.")] = None,
    actor: Annotated[str, typer.Option(help="Only what somebody did whose name or id has this in it.")] = "",
    action: Annotated[str, typer.Option(help="Only this action: create, change, delete, …")] = "",
    what: Annotated[str, typer.Option(help="Only what happened to something whose name or id has this in it.")] = "",
    request: Annotated[str, typer.Option(help="Only the request with this id (X-Request-Id).")] = "",
    since: Annotated[
        str | None, typer.Option(help="Only from this moment on, like 2026-11-25 or 2026-11-25T08:00.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only before this moment.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many rows.")] = 200,
) -> None:
    """Show the log, newest first; with --json also what was before and after."""
    session: Session = ctx.obj
    first, last = moment("--since", since), moment("--until", until)

    async def work(desk: Desk) -> list[dict[str, Any]]:
        from provisor import audit
        from provisor.access.roles import require
        from provisor.cli.console import find

        if workspace is None:
            require(desk.actor, "audit.read")
            realm = f"tenant/{desk.tenant.name}"
        else:
            realm = (await find(desk, workspace)).log
        chosen = audit.Filter(actor, action, what, request, first, last)
        async with desk.house.database.reading() as tx:
            return [_row(row) for row in await audit.entries(tx, realm, limit, chosen)]

    columns = {
        "at": "AT",
        "actor": "WHO",
        "address": "FROM",
        "action": "ACTION",
        "object": "WHAT",
        "changed": "CHANGED",
    }
    session.table(session.run(work), columns)


def verify(
    ctx: typer.Context,
    head: Annotated[str | None, typer.Option(help="A head that was noted earlier: the log must still have it.")] = None,
) -> None:
    """Check that nobody changed, removed or slipped in a row; prints the head to note elsewhere."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> Any:
        from provisor.access.roles import require
        from provisor.audit import seal

        require(desk.actor, "workspace.operate")
        async with desk.house.database.snapshot() as tx:
            return await seal.verify(tx, head)

    found = session.run(work)
    shown = {"sealed": found.sealed, "head": found.head, "unsealed": found.unsealed, "fault": found.fault}
    if found.fault is not None:
        if session.json:
            session.show(shown)
        raise Invalid(f"The audit log is not what it was. {found.fault}")
    waiting = f" {found.unsealed} more wait to be sealed by the server." if found.unsealed else ""
    session.show(shown, f"{found.sealed} rows are what they were.{waiting}\nHead: {found.head}")


def moment(name: str, text: str | None) -> datetime | None:
    """The moment that an option says, in this machine's zone unless it names one. Raises Invalid."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{name} {text!r} is no moment: write 2026-11-25 or 2026-11-25T08:00.") from None
    return found.astimezone() if found.tzinfo is None else found


def _row(row: Any) -> dict[str, Any]:
    before, after = row["before"] or {}, row["after"] or {}
    return {
        "id": row["id"],
        "at": row["at"],
        "actor": row["actor"],
        "address": row["address"] or None,
        "request": row["request"] or None,
        "action": row["action"],
        "object": row["object"],
        "objectId": row["object_id"],
        "changed": sorted(name for name in {**before, **after} if before.get(name) != after.get(name)),
        "before": row["before"],
        "after": row["after"],
    }
