"""``provisor sync``: one cycle now, in this process, under the job's lock, whatever the Provisioning Status."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any

import typer

from provisor.cli.app import Name, found, nobody
from provisor.cli.plan import as_json, as_text, counted
from provisor.cli.session import Desk, Session
from provisor.refusal import Conflict, Invalid

_LEAST_HASH = 8


def register(root: typer.Typer) -> None:
    root.command("sync")(sync)


def sync(
    ctx: typer.Context,
    name: Name,
    release: Annotated[
        str | None, typer.Option(help="The beginning of the hash of a plan that the guard holds: it may go through.")
    ] = None,
    approve: Annotated[
        bool, typer.Option("--approve", help="Show the plan and ask first; also merges what the policy holds.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Read and compare every account; drift is treated by the policies.")
    ] = False,
) -> int:
    """Run one cycle now and say what it did."""
    if release is not None and len(release) < _LEAST_HASH:
        raise Invalid(
            f"--release is at least {_LEAST_HASH} characters of the plan's hash, as the guard's sentence has it."
        )
    if approve and not sys.stdin.isatty():
        raise Conflict(
            "--approve asks, and nobody is there to answer: provisor plan NAME -o FILE and provisor apply FILE."
        )
    session: Session = ctx.obj

    async def work(desk: Desk) -> tuple[Any, list[dict[str, Any]]]:
        from provisor.sync.cycle import Asked

        asked = Asked(release=release, full=full)
        if approve:
            asked = await _approved(session, desk, name, asked)
        return await cycle(session, desk, name, asked, adopt=approve)

    return report(session, name, *session.run(work))


async def _approved(session: Session, desk: Desk, name: str, asked: Any) -> Any:
    """Show the plan and ask; returns what to do then. Raises Conflict when somebody says no."""
    from provisor.sync.cycle import dry_run
    from provisor.sync.plan_file import changes

    application = await found(desk, name, "provisioning.run")
    async with desk.house.job(desk.tenant, application.id, read_only=True, adopt=True) as job:
        planned = await dry_run(job, lambda stage, done, total: None, asked)
        session.write(as_text(name, planned, await changes(job.ledger, planned.cycle), every=True))
    promised = replace(asked, promised=planned.hash)
    if planned.empty:
        return promised
    question = "The guard holds this plan. Do it all the same?" if planned.held is not None else "Do that?"
    if not typer.confirm(question):
        raise Conflict("Nothing was sent.")
    return replace(promised, release=planned.hash) if planned.held is not None else promised


async def cycle(
    session: Session, desk: Desk, name: str, asked: Any, *, adopt: bool
) -> tuple[Any, list[dict[str, Any]]]:
    """One cycle as ``asked``: its result, and for --json, or when it was not what was promised, the plan's rows."""
    from provisor.sync.control import ordered
    from provisor.sync.cycle import LEASE_SECONDS, MOVED
    from provisor.sync.plan_file import changes

    application = await found(desk, name, "provisioning.run")
    order = asked.order
    if order is not None:
        async with desk.edit() as edit:
            await ordered(edit, application, *order)

    def waiting() -> None:
        killed = f"one that was killed counts as ended after {LEASE_SECONDS:.0f} s"
        session.note(f"a cycle of {name} is running; waiting for it to end ({killed})")

    with progress(session) as shown:
        result = await desk.house.cycle(desk.tenant, application.id, shown, asked, adopt=adopt, waiting=waiting)
    if not result.kinds and (why := await nobody(desk, application)):
        session.note(why)
    wanted = session.json or result.error == MOVED
    ledger = desk.house.ledger(desk.tenant, application.id)
    return result, await changes(ledger, result.cycle, whole=not session.json) if wanted else []


def report(session: Session, name: str, result: Any, rows: list[dict[str, Any]]) -> int:
    """Say what a cycle did; returns the exit code."""
    shown = {
        **as_json(name, result),
        "changes": rows,
        "sent": result.sent,
        "seconds": round(result.seconds, 3),
        "status": result.status,
        "failures": result.failures,
        "error": result.error,
    }
    text = (
        f"{name}, {result.cycle.kind} cycle {result.cycle.number}: {counted(result.kinds)}; "
        f"{result.sent} request{'s' * (result.sent != 1)} in {result.seconds:.2f} s."
    )
    refused = result.counts.get("refuse", 0)
    if refused:
        text += f" {refused} refused: provisor log {name} --cycle {result.cycle.number} says why."
    if result.failures:
        text += f" {result.failures} of these failed: provisor log {name} --cycle {result.cycle.number} says why."
    session.show(shown, text if result.status == "done" else None)
    if result.status != "done":
        # Some sentences say themselves what to do.
        mend = "" if "provisor " in str(result.error) else f" What mends it: provisor doctor {name}"
        session.note(f"{name}: the cycle is {result.status}: {result.error}{mend}")
    return 0 if result.status == "done" and not result.failures and not refused else 1


@contextmanager
def progress(session: Session) -> Iterator[Callable[[str, int, int | None], None]]:
    """A progress bar on stderr when somebody is watching."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done, total=total)

        yield report
