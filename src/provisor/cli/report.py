"""``provisor report``: the provisioning summary report."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from provisor.cli.app import Name, found
from provisor.cli.session import Desk, Session


def register(root: typer.Typer) -> None:
    root.command("report")(report)


def report(
    ctx: typer.Context,
    name: Name,
    days: Annotated[int, typer.Option(min=1, max=3660, help="How many days back.")] = 30,
) -> None:
    """Show what provisioning did day by day, what stands at the target, what went wrong, how long it took."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor.sync.history import History
        from provisor.sync.report import report as counted

        application = await found(desk, name)
        made = await counted(desk.house.database, desk.tenant.id, application.id, days)
        standing = await History(desk.house.database, desk.tenant.id, application.id).statistics()
        now = {"linked": dict(standing.linked), "disabled": dict(standing.disabled), "removed": dict(standing.removed)}
        return {"app": name, "now": {**now, "failing": standing.failing}, **made.to_json()}

    value = session.run(work)
    session.show(value, "\n".join(_lines(value, days)))


def _lines(value: dict[str, Any], days: int) -> list[str]:
    now = value["now"]
    lines = [
        f"{value['app']}, the last {days} days: {value['cycles']} cycles, {value['cyclesFailed']} of which did not end "
        f"well, {value['requests']} requests.",
    ]
    if value["medianSeconds"] is not None:
        lines.append(f"A cycle took {value['medianSeconds']:.1f} s (median), {value['slowestSeconds']:.1f} s at most.")
    linked, disabled = now["linked"], now["disabled"]
    lines.append(
        f"At the target now: {linked.get('User', 0)} users, {disabled.get('User', 0)} disabled, "
        f"{linked.get('Group', 0)} groups; {now['failing']} failing."
    )
    lines += ["Done:"] + ([f"  {action}: {count}" for action, count in value["actions"].items()] or ["  nothing"])
    if value["errors"]:
        lines += ["Went wrong:"] + [f"  {code}: {count}" for code, count in value["errors"].items()]
    lines.append("Day by day:")
    for day, counts in value["days"].items():
        said = ", ".join(f"{status} {count}" for status, count in counts.items())
        lines.append(f"  {day}: {said}")
    return lines
