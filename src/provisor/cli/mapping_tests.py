"""``provisor app mappings check|test``: what is wrong with mappings, and what they do for somebody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from provisor.cli.files import json_file
from provisor.cli.mapping_edits import FileOption, document_in, document_of
from provisor.cli.session import Desk, Session
from provisor.refusal import Invalid

Name = Annotated[str, typer.Argument(metavar="NAME", help="The application's name.")]


def check(ctx: typer.Context, name: Name, file: FileOption = None) -> None:
    """Look for what would go wrong before anything runs; exit code 1 when something would."""
    from provisor.provisioning.check import check as look

    session: Session = ctx.obj
    findings = look(session.run(document_of(name, file)))
    rows = [
        {
            "level": "error" if item.error else "warning",
            "objectType": item.object_type,
            "attribute": item.attribute,
            "finding": item.sentence,
        }
        for item in findings
    ]
    lines = [f"{row['level']}: {row['objectType']} {row['attribute']} {row['finding']}" for row in rows]
    whose = f"the mappings of {name}" if file is None else str(file)
    session.show({"findings": rows}, "\n".join(lines) or f"Nothing is wrong with {whose}.")
    if any(item.error for item in findings):
        raise typer.Exit(1)


def test(
    ctx: typer.Context,
    name: Name,
    user: Annotated[str | None, typer.Option(help="Try every mapping on this user.")] = None,
    group: Annotated[str | None, typer.Option(help="Try every mapping on this group.")] = None,
    cases: Annotated[
        Path | None, typer.Option(help="A JSON list of cases with attributes and expected; asks no target.")
    ] = None,
    file: FileOption = None,
) -> None:
    """Try the mappings: on somebody, with what the target has and would get, or on cases, for CI."""
    if sum(item is not None for item in (user, group, cases)) != 1:
        raise Invalid("Say what to try the mappings on: --user, --group or --cases.")
    if cases is not None:
        _judge(ctx.obj, name, cases, file)
    else:
        _try(ctx.obj, name, "User" if user is not None else "Group", user if user is not None else str(group), file)


def _try(session: Session, name: str, object_type: str, who: str, file: Path | None) -> None:
    async def work(desk: Desk) -> tuple[str, str, list[dict[str, Any]]]:
        from provisor.cli.app import found
        from provisor.directory import groups, users
        from provisor.sync.trial import try_on

        application = await found(desk, name)
        async with desk.house.database.reading() as tx:
            finding = users.find if object_type == "User" else groups.find
            identity = str((await finding(tx, desk.tenant, who)).id)
        schema = document_in(file) if file is not None else None
        async with desk.house.job(desk.tenant, application.id, read_only=True, schema=schema) as job:
            source, reason, tried = await try_on(job, object_type, identity)
        return source.name, reason, [_row(item) for item in tried]

    source, reason, rows = session.run(work)
    if session.json:
        session.show({"name": source, "scope": reason, "attributes": rows})
        return
    session.note(f"{source} {reason}.")
    columns = {
        "attribute": "TARGET ATTRIBUTE",
        "expression": "SOURCE",
        "reads": "READS",
        "result": "GIVES",
        "has": "THE TARGET HAS",
        "sent": "SENT",
    }
    shown = [{**row, "reads": _values(row["reads"])} for row in rows]
    session.table(shown, columns)


def _row(item: Any) -> dict[str, Any]:
    return {
        "attribute": item.attribute,
        "expression": item.expression,
        "reads": dict(item.reads),
        "result": item.result,
        "has": item.has,
        "sent": item.sent,
    }


def _values(reads: dict[str, Any]) -> str:
    return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False, default=str)}" for name, value in reads.items())


def _judge(session: Session, name: str, cases: Path, file: Path | None) -> None:
    document = json_file(cases)
    mappings = document_of(name, file)

    async def work(desk: Desk) -> Any:
        from provisor.provisioning.schema import compile_schema
        from provisor.provisioning.trial import judge

        return judge(compile_schema(await mappings(desk)), document, desk.house.inputs(desk.tenant))

    judged, missing = session.run(work)
    failures = [
        {"case": item.case, "attribute": item.attribute, "expected": item.expected, "found": item.found}
        for item in judged
        if not item.passed
    ]
    lines = [
        f"case {item['case']}: {item['attribute']}\n  expected {json.dumps(item['expected'], ensure_ascii=False)}\n"
        f"  found    {json.dumps(item['found'], ensure_ascii=False)}"
        for item in failures
    ]
    lines += [f"No case exercises {item}." for item in missing]
    passed = len(judged) - len(failures)
    summary = {"passed": passed, "failed": len(failures), "failures": failures, "notExercised": missing}
    session.show(summary, "\n".join([*lines, f"{passed} passed, {len(failures)} failed"]))
    if failures:
        raise typer.Exit(1)
