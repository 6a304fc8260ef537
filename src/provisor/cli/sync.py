"""``provisor sync``: one cycle now, in this process, under the job's lock, whatever the Provisioning Status."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from provisor.cli.app import Name, found
from provisor.cli.plan import as_json, changes, counted
from provisor.cli.session import Desk, Session
from provisor.refusal import Invalid

_LEAST_HASH = 8


def register(root: typer.Typer) -> None:
    root.command("sync")(sync)


def sync(
    ctx: typer.Context,
    name: Name,
    release: Annotated[
        str | None, typer.Option(help="The beginning of the hash of a plan that the guard holds: it may go through.")
    ] = None,
) -> int:
    """Run one cycle now and say what it did."""
    if release is not None and len(release) < _LEAST_HASH:
        raise Invalid(
            f"--release is at least {_LEAST_HASH} characters of the plan's hash, as the guard's sentence has it."
        )
    session: Session = ctx.obj

    async def work(desk: Desk) -> tuple[Any, list[dict[str, Any]]]:
        from provisor.sync.cycle import LEASE_SECONDS, run

        application = await found(desk, name, "provisioning.run")

        def waiting() -> None:
            killed = f"one that was killed counts as ended after {LEASE_SECONDS:.0f} s"
            session.note(f"a cycle of {name} is running; waiting for it to end ({killed})")

        ledger = desk.house.ledger(desk.tenant, application.id)
        with progress(session) as report:
            result = await run(
                ledger,
                lambda: desk.house.job(desk.tenant, application.id),
                report,
                backed_off=True,
                waiting=waiting,
                release=release,
            )
        return result, await changes(ledger, result.cycle) if session.json else []

    result, rows = session.run(work)
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
        f"{result.sent} requests in {result.seconds:.2f} s."
    )
    refused = result.counts.get("refuse", 0)
    if refused:
        text += f" {refused} refused: provisor log {name} --cycle {result.cycle.number} says why."
    if result.failures:
        text += f" {result.failures} of these failed: provisor log {name} --cycle {result.cycle.number} says why."
    session.show(shown, text if result.status == "done" else None)
    if result.status != "done":
        session.note(f"{name}: the cycle is {result.status}: {result.error}")
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
