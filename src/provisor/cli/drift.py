"""``provisor drift``: what the target says, what was last applied, and what it should say; who is there beside."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import typer

from provisor.cli.app import Name, found
from provisor.cli.session import Desk, Session

#: Strangers that are listed unless --json asks for all.
SHOWN = 20


def register(root: typer.Typer) -> None:
    root.command("drift")(drift)


def drift(ctx: typer.Context, name: Name) -> int:
    """Read the whole target and show what was changed there, or never taken; nothing is written. Exit code 2: something
    was."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> dict[str, Any]:
        from provisor.sync.cycle import Asked, dry_run
        from provisor.sync.survey import survey

        application = await found(desk, name, "provisioning.run")
        async with desk.house.job(desk.tenant, application.id, read_only=True) as found_job:
            # What was changed is named whatever is done about it.
            job = replace(found_job, policies=replace(found_job.policies, drift={}))
            result = await dry_run(job, lambda stage, done, total: None, Asked(full=True))
            changes = [row.change async for page in job.ledger.planned(result.cycle, 500) for row in page]
            known = await job.ledger.known([item.source_id for item in changes if item.action != "nothing"])
            everybody = await survey(job)
        return _value(name, changes, known, everybody)

    value = session.run(work)
    session.show(value, "\n".join(_lines(value)))
    return 2 if any(value[found] for found in ("changed", "notTaken", "removed", "duplicates")) else 0


def _value(name: str, changes: list[Any], known: dict[str, Any], everybody: Any) -> dict[str, Any]:
    from provisor.provisioning.change import REFERENCES, shown

    changed, not_taken, removed, pending = [], [], [], 0
    for item in changes:
        applied = known[item.source_id].last_applied if item.source_id in known else {}
        wishes = known[item.source_id].kept if item.source_id in known else {}
        hidden = item.redacted
        # What was sent as it is wanted, and is not what the account says since.
        refused = {path: values for path, values in item.attributes.items() if wishes.get(path, item) == values[1]}
        not_taken += _not_taken(item, refused)
        for path, (actual, desired) in item.drift.items():
            row: dict[str, Any]
            if path == "members":
                row = {"actual": None, "desired": None, "applied": None, "added": actual, "removed": desired}
            elif item.phase == REFERENCES:
                # What was applied is an id of the directory; the others are the target's, and the reason names whose.
                row = {"actual": shown(hidden, path, actual), "desired": shown(hidden, path, desired)}
                row |= {"applied": None, "reason": item.reason}
            else:
                row = {
                    "actual": shown(hidden, path, actual),
                    "applied": shown(hidden, path, applied.get(path)),
                    "desired": shown(hidden, path, desired),
                }
            changed.append({"source": item.source_name, "target": item.target_id, "attribute": path, **row})
        if item.action == "removed":
            removed.append({"source": item.source_name, "target": item.target_id})
        pending += item.action not in ("nothing", "drift", "removed") and (not refused or refused != item.attributes)
    return {
        "app": name,
        "compared": everybody.counted,
        "changed": changed,
        "notTaken": not_taken,
        "removed": removed,
        "pending": pending,
        "strangers": [
            {"objectType": item.object_type, "id": item.id, "name": item.name, "active": item.active}
            for item in everybody.strangers
        ],
        "duplicates": [
            {"objectType": item.object_type, "attribute": item.path, "value": item.value, "ids": list(item.ids)}
            for item in everybody.alike
        ],
    }


def _not_taken(item: Any, refused: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each value of a change that the target did not take (``refused``) or is known not to let change."""
    from provisor.provisioning.change import quoted, shown

    found = []
    for path, values in sorted({**refused, **item.kept}.items()):
        actual, desired = (shown(item.redacted, path, value) for value in values)
        reason = f"it keeps {quoted(actual)}, the directory wants {quoted(desired)}"
        if item.action == "update references":
            # What is known of a reference are ids of the directory; what the target has is in the reason.
            actual, desired, reason = None, None, item.reason
        row = {"source": item.source_name, "target": item.target_id, "attribute": path}
        found.append({**row, "actual": actual, "desired": desired, "reason": reason})
    return found


def _lines(value: dict[str, Any]) -> list[str]:
    from provisor.provisioning.change import quoted

    counted = value["compared"]
    lines = [f"{value['app']}: {counted.get('User', 0)} users and {counted.get('Group', 0)} groups at the target."]
    for row in value["changed"]:
        if row["attribute"] == "members":
            lines.append(
                f"  changed there: {row['source']} members: {len(row['added'])} added, {len(row['removed'])} removed"
            )
        elif "reason" in row:
            lines.append(f"  changed there: {row['source']} {row['attribute']}: {row['reason']}")
        else:
            lines.append(
                f"  changed there: {row['source']} {row['attribute']}: it says {quoted(row['actual'])}, "
                f"applied was {quoted(row['applied'])}, the directory wants {quoted(row['desired'])}"
            )
    lines += [f"  not taken there: {row['source']} {row['attribute']}: {row['reason']}" for row in value["notTaken"]]
    lines += [f"  removed there: {row['source']} ({row['target']})" for row in value["removed"]]
    lines += [
        f"  look alike: {' and '.join(row['ids'])} have {row['attribute']} {row['value']!r}"
        for row in value["duplicates"]
    ]
    strangers = value["strangers"]
    if strangers:
        lines.append(f"  not of this application: {len(strangers)}, which no cycle touches")
        lines += [f"    {row['objectType'].lower()} {row['name']} ({row['id']})" for row in strangers[:SHOWN]]
        if len(strangers) > SHOWN:
            lines.append(f"    … and {len(strangers) - SHOWN} more: --json has them all.")
    if value["pending"]:
        lines.append(f"  {value['pending']} changes of the directory are not done yet: provisor plan {value['app']}")
    if len(lines) == 1:
        lines.append("  nothing was changed there.")
    return lines
