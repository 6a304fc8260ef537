"""``provisor plan``: what the next cycle would do, and why. Only GET is sent; exit code 2: there is something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from provisor.cli.app import Name, found
from provisor.cli.session import Desk, Session

CHANGES = 2
PAGE = 500
#: Rows printed unless --all is given; --json has them all.
SHOWN = 40


def register(root: typer.Typer) -> None:
    root.command("plan")(plan)


def plan(
    ctx: typer.Context, name: Name, every: Annotated[bool, typer.Option("--all", help="Print every change.")] = False
) -> int:
    """Show what the next cycle would do, without doing it."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> tuple[Any, list[dict[str, Any]]]:
        from provisor.sync.cycle import dry_run

        application = await found(desk, name, "provisioning.run")
        async with desk.house.job(desk.tenant, application.id, read_only=True) as job:
            result = await dry_run(job, lambda stage, done, total: None)
            return result, await changes(job.ledger, result.cycle)

    result, rows = session.run(work)
    session.show({**as_json(name, result), "changes": rows}, _text(name, result, rows, every))
    return 0 if result.empty and not result.counts.get("refuse") else CHANGES


async def changes(ledger: Any, cycle: Any) -> list[dict[str, Any]]:
    """The rows of a plan that say that something is done or refused: in the order in which it is done, then by name."""
    from provisor.provisioning.change import shown

    found_rows = []
    async for page in ledger.planned(cycle, PAGE):
        for row in page:
            change = row.change
            if change.action != "nothing":
                found_rows.append(
                    {
                        "action": change.action,
                        "objectType": change.object_type,
                        "source": change.source_name,
                        "target": change.target_id,
                        "reason": change.reason,
                        "attributes": {
                            path: {
                                "before": shown(change.redacted, path, before),
                                "after": shown(change.redacted, path, after),
                            }
                            for path, (before, after) in change.attributes.items()
                        },
                        "members": len(change.members),
                    }
                )
    order: dict[tuple[str, str], int] = {}
    for row in found_rows:
        order.setdefault((row["action"], row["objectType"]), len(order))
    found_rows.sort(key=lambda row: (order[row["action"], row["objectType"]], row["source"].casefold()))
    return found_rows


def as_json(name: str, result: Any) -> dict[str, Any]:
    """The fields that a plan and a cycle share."""
    return {
        "app": name,
        "cycle": result.cycle.number,
        "kind": result.cycle.kind,
        "hash": result.hash,
        "counts": result.counts,
        "requests": result.requests,
        "held": result.held,
    }


def counted(kinds: Mapping[str, int]) -> str:
    """``create user 12, add members 3``; nothing to do when there is nothing."""
    return ", ".join(f"{kind} {count}" for kind, count in kinds.items()) or "nothing to do"


def _text(name: str, result: Any, rows: list[dict[str, Any]], every: bool) -> str:
    from provisor.provisioning.plan import described

    lines = [f"{name}, {result.cycle.kind} cycle: {counted(result.kinds)}; {result.requests} requests would be sent."]
    shown = rows if every else rows[:SHOWN]
    for row in shown:
        what = described(row["action"], row["objectType"])
        lines.append(f"  {what.ljust(16)} {row['source']}: {row['reason']}")
        lines += [
            f"    {path}: {_value(pair['before'])} → {_value(pair['after'])}"
            for path, pair in row["attributes"].items()
            if row["action"] != "create" or every
        ]
    if result.held is not None:
        lines.append(f"The guard against accidental deletion holds this plan: {result.held}.")
        lines.append(f"If it is meant: provisor sync {name} --release {result.hash[:12]}")
    if len(rows) > len(shown):
        lines.append(f"  … and {len(rows) - len(shown)} more: --all prints them, --json too.")
    return "\n".join(lines)


def _value(value: Any) -> str:
    return "(none)" if value is None else repr(value) if isinstance(value, str) else str(value)
