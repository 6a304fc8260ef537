"""``provisor plan``: what the next cycle would do, and why. Only GET is sent; exit code 2: there is something."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from provisor.cli.app import Name, found, nobody
from provisor.cli.mapping_edits import document_in
from provisor.cli.session import Desk, Session
from provisor.refusal import Invalid

CHANGES = 2
#: Rows printed unless --all is given; --json has them all.
SHOWN = 40


def register(root: typer.Typer) -> None:
    root.command("plan")(plan)
    root.command("revert")(revert)


def plan(
    ctx: typer.Context,
    name: Name,
    every: Annotated[bool, typer.Option("--all", help="Print every change.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A file for provisor apply.")] = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Merge accounts that were there before, although the policy holds them.")
    ] = False,
    mappings: Annotated[
        Path | None, typer.Option(help="By the mappings in this file, which are not imported yet.")
    ] = None,
) -> int:
    """Show what the next cycle would do, without doing it."""
    if mappings is not None and output is not None:
        raise Invalid(f"What {mappings} would do cannot be applied before it is imported: leave -o out, or import it.")
    return _made(ctx.obj, name, {}, adopt=adopt, every=every, output=output, mappings=mappings)


def revert(
    ctx: typer.Context,
    name: Name,
    cycle: Annotated[int, typer.Argument(help="The number of the cycle, as provisor log shows it.")],
    every: Annotated[bool, typer.Option("--all", help="Print every change.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A file for provisor apply.")] = None,
) -> int:
    """Plan to undo a cycle, from the values before it; provisor apply does it."""
    return _made(ctx.obj, name, {"revert": cycle}, adopt=False, every=every, output=output)


def _made(
    session: Session,
    name: str,
    what: dict[str, Any],
    *,
    adopt: bool,
    every: bool,
    output: Path | None,
    mappings: Path | None = None,
) -> int:
    """Make a plan, show it, and write it to ``output``; ``what`` is asked of it. Returns the exit code."""
    schema = document_in(mappings) if mappings is not None else None

    async def work(desk: Desk) -> tuple[Any, list[dict[str, Any]], dict[str, Any], str]:
        from provisor.sync.cycle import Asked, dry_run
        from provisor.sync.plan_file import changes, document

        application = await found(desk, name, "provisioning.run")
        async with desk.house.job(desk.tenant, application.id, read_only=True, schema=schema, adopt=adopt) as job:
            # Other mappings count for everybody, as they do once they are imported.
            other = schema is not None and schema != application.schema
            result = await dry_run(job, lambda stage, done, total: None, Asked(**what), everything=other)
            whole = await document(job, result, adopt=adopt, **what) if output is not None else {}
            why = await nobody(desk, application) if not result.kinds else ""
            return result, await changes(job.ledger, result.cycle), whole, why

    result, rows, whole, why = session.run(work)
    if output is not None:
        output.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
        session.note(f"{output} has the whole plan; provisor apply {output} does exactly that.")
    session.show({**as_json(name, result), "changes": rows}, as_text(name, result, rows, every=every))
    if why:
        session.note(why)
    return 0 if result.empty and not result.counts.get("refuse") else CHANGES


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


def as_text(name: str, result: Any, rows: list[dict[str, Any]], *, every: bool = False) -> str:
    """The plan as people read it."""
    from provisor.provisioning.change import quoted
    from provisor.provisioning.plan import described
    from provisor.sync.plan_file import REQUESTS_PER_SECOND, seconds

    writes = "1 write" if result.requests == 1 else f"{result.requests} writes"
    sent = "would be sent" if result.held is None else "held by the guard: nothing would be sent"
    lines = [f"{name}, {result.cycle.kind} cycle: {counted(result.kinds)}; {writes} {sent}."]
    if result.requests > REQUESTS_PER_SECOND:
        lines[0] += f" At {REQUESTS_PER_SECOND} a second that takes {seconds(result.requests)} s."
    shown = rows if every else rows[:SHOWN]
    for row in shown:
        what = described(row["action"], row["objectType"])
        lines.append(f"  {what.ljust(16)} {row['source']}: {row['reason']}")
        lines += [
            f"    {path}: {quoted(pair['before'])} → {quoted(pair['after'])}"
            for path, pair in row["attributes"].items()
            if row["action"] != "create" or every
        ]
    if result.held is not None:
        lines.append(f"The guard against accidental deletion holds this plan: {result.held}.")
        lines.append(f"If it is meant: provisor sync {name} --release {result.hash[:12]}")
    if len(rows) > len(shown):
        lines.append(f"  … and {len(rows) - len(shown)} more: --all prints them, --json too.")
    return "\n".join(lines)
