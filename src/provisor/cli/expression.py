"""``provisor expression``: the mapping language on its own, without a tenant or a target."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from provisor.cli.files import json_file, json_value
from provisor.cli.groups import group
from provisor.cli.session import Session
from provisor.refusal import Invalid, NotFound


def register(root: typer.Typer) -> None:
    found = group("Expressions of attribute mappings.", eval=evaluate, check=check, functions=functions)
    root.add_typer(found, name="expression")


def evaluate(
    ctx: typer.Context,
    expression: Annotated[str, typer.Argument(metavar="EXPRESSION", help="As it stands in a mapping.")],
    attributes: Annotated[str, typer.Option(help="The object's attributes, as a JSON object.")] = "{}",
    now: Annotated[str | None, typer.Option(help="What Now() is, like 2026-11-25T08:00:00Z.")] = None,
) -> None:
    """Show what an expression gives for an object with these attributes."""
    from datetime import UTC, datetime
    from random import SystemRandom

    from provisor.expressions import ExpressionError, Inputs, compile_expression
    from provisor.expressions.cases import shown

    given = json_value(attributes.encode(), "--attributes")
    if not isinstance(given, dict):
        raise Invalid('--attributes is a JSON object, like {"givenName": "Ada"}.')
    try:
        moment = datetime.fromisoformat(now) if now else datetime.now(UTC)
    except ValueError:
        raise Invalid(f"--now {now!r} is no moment: write 2026-11-25T08:00:00Z.") from None
    inputs = Inputs(given, moment if moment.tzinfo else moment.replace(tzinfo=UTC), SystemRandom(), lambda _: False)
    try:
        compiled = compile_expression(expression)
        found = shown(compiled.evaluate(inputs))
    except ExpressionError as error:
        raise Invalid(f"{error}\n{error.caret()}".rstrip()) from None
    session: Session = ctx.obj
    missing = sorted(compiled.attributes - given.keys())
    if missing:
        known = {name.casefold(): name for name in given}
        near = [f"Did you mean [{known[name.casefold()]}]?" for name in missing if name.casefold() in known]
        session.note(" ".join([f"Without a value here: {', '.join(missing)}.", *near]))
    session.show({"result": found}, "(nothing)" if found is None else json.dumps(found, ensure_ascii=False))


def check(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.json", help="A list of cases.")],
) -> None:
    """Check cases: each with an expression, attributes and what is expected; exit code 1 when one fails."""
    from random import SystemRandom

    from provisor.expressions import ExpressionError
    from provisor.expressions.cases import judge

    cases = json_file(file)
    if not isinstance(cases, list):
        raise Invalid(f"{file} is a list of cases.")
    counts = {True: 0, False: 0, None: 0}
    failures = []
    for number, case in enumerate(cases, 1):
        try:
            outcome = judge(case, SystemRandom())
        except ExpressionError as error:
            raise Invalid(f"{file}, case {number}: {error}") from None
        counts[outcome.passed] += 1
        if outcome.passed is False:
            failures.append(
                {"case": number, "expression": case["expression"], "expected": outcome.wanted, "found": outcome.found}
            )
    session: Session = ctx.obj
    summary = {"passed": counts[True], "failed": counts[False], "notJudged": counts[None], "failures": failures}
    lines = [
        f"case {item['case']}: {item['expression']}\n  expected {json.dumps(item['expected'], ensure_ascii=False)}\n"
        f"  found    {json.dumps(item['found'], ensure_ascii=False)}"
        for item in failures
    ]
    aside = f", {counts[None]} not judged" if counts[None] else ""
    session.show(summary, "\n".join([*lines, f"{counts[True]} passed, {counts[False]} failed{aside}"]))
    if failures:
        raise typer.Exit(1)


def functions(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this one, with its examples.")] = None,
) -> None:
    """List the functions, or tell all of one."""
    from provisor.expressions.functions import FUNCTIONS

    session: Session = ctx.obj
    if name is None:
        rows = [{"name": item.name, "signature": item.signature, "about": item.about} for item in FUNCTIONS.values()]
        session.table(rows, {"name": "FUNCTION", "about": "WHAT IT GIVES"})
        return
    found = FUNCTIONS.get(name)
    if found is None:
        near = [known for known in FUNCTIONS if known.casefold() == name.casefold()]
        hint = f"It is written {near[0]}." if near else "provisor expression functions lists those that there are."
        raise NotFound(f"There is no function {name}. {hint}")
    examples = [
        {"expression": item.expression, "attributes": dict(item.attributes), "result": item.result}
        for item in found.examples
    ]
    shown: dict[str, Any] = {
        "name": found.name,
        "signature": found.signature,
        "about": found.about,
        "returns": found.returns,
        "examples": examples,
    }
    lines = [found.signature, found.about]
    for item in examples:
        for_ = f"   for {json.dumps(item['attributes'], ensure_ascii=False)}" if item["attributes"] else ""
        result = "(nothing)" if item["result"] is None else json.dumps(item["result"], ensure_ascii=False)
        lines.append(f"  {item['expression']}  gives  {result}{for_}")
    session.show(shown, "\n".join(lines))
