"""``provisor explain``: why somebody is provisioned or not, step by step, and what the next cycle would do."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from provisor.cli.app import Name, found
from provisor.cli.files import json_value
from provisor.cli.session import Desk, Session
from provisor.refusal import Invalid, NotFound

#: Rows of the log that are shown of somebody.
PAST = 10


def register(root: typer.Typer) -> None:
    root.command("explain")(explain)


def explain(
    ctx: typer.Context,
    name: Name,
    who: Annotated[str | None, typer.Argument(metavar="[USER]", help="A user, by user principal name.")] = None,
    group: Annotated[str | None, typer.Option(help="A group instead of a user.")] = None,
    attributes: Annotated[
        str | None, typer.Option(help="Somebody who does not exist yet: their attributes as a JSON object.")
    ] = None,
    cycle: Annotated[int | None, typer.Option(help="What this cycle did about them, step by step.")] = None,
) -> None:
    """Explain scope, match and every mapping of somebody, past cycles, and what the next one about them would do."""
    if sum(item is not None for item in (who, group, attributes)) != 1:
        raise Invalid(
            "Say whom to explain, and only one: a user, --group, or --attributes of somebody who does not exist yet."
        )
    if attributes is not None and cycle is not None:
        raise Invalid("--cycle is about somebody who exists: a user or --group.")
    given = json_value(attributes.encode(), "--attributes") if attributes is not None else None
    if given is not None and not isinstance(given, dict):
        raise Invalid('--attributes is a JSON object, like {"userPrincipalName": "ada@contoso.com"}.')
    if given is not None:
        from provisor.provisioning.source_names import unknown_attribute

        unknown = unknown_attribute(given, "User")
        if unknown is not None:
            raise Invalid(f"--attributes: {unknown}")
    session: Session = ctx.obj
    object_type = "Group" if group is not None else "User"

    async def work(desk: Desk) -> tuple[dict[str, Any], str]:
        application = await found(desk, name)
        if given is not None:
            from provisor.sync.explain import imagine

            async with desk.house.job(desk.tenant, application.id, read_only=True) as job:
                return _shown(await imagine(job, object_type, given), [])
        from provisor.cli.principals import identity_of

        try:
            identity = await identity_of(desk, object_type, str(who or group))
        except NotFound as missing:
            # Who was deleted for good is in the log, by the name that they had.
            asks = f"provisor log {name}" + (f" --user {who}" if who is not None else "")
            raise NotFound(f"{missing} What was done about somebody who is gone for good: {asks}") from None
        ledger = desk.house.ledger(desk.tenant, application.id)
        rows = await ledger.log(cycle=cycle, sources=[identity], limit=PAST)
        if cycle is not None:
            return _past(rows, cycle)
        from provisor.sync.explain import explain as told

        async with desk.house.job(desk.tenant, application.id, read_only=True) as job:
            return _shown(await told(job, object_type, str(identity)), rows)

    value, text = session.run(work)
    session.show(value, text)


def _shown(told: Any, rows: list[Any]) -> tuple[dict[str, Any], str]:
    from provisor.provisioning.plan import described

    known, source = told.known, told.source
    changes, demanded = (
        [
            {"action": described(item.action, item.object_type), "reason": item.reason, "attributes": _after(item)}
            for item in items
        ]
        for items in (told.changes, told.demanded)
    )
    filters = [
        [{"filter": row.title, "clause": str(row.clause), "value": row.value, "holds": row.holds} for row in item]
        for item in told.filters
    ]
    mappings = [
        {
            "attribute": row.attribute,
            "expression": row.expression,
            "reads": dict(row.reads),
            "gives": row.result,
            "targetHas": row.has,
            "sent": row.sent,
        }
        for row in told.tried
    ]
    asked = None
    if told.asked is not None:
        asked = [{"attribute": q.path, "value": q.value, "found": list(ids)} for q, ids in told.asked.items()]
    value = {
        "name": source.name,
        "inScope": told.scope.inside,
        "scope": told.scope.reason,
        "filters": filters,
        "account": known.target_id if known is not None and known.linked else None,
        "state": known.state if known is not None else "none",
        "gone": told.gone,
        "matching": asked,
        "mappings": mappings,
        "next": changes,
        "onDemand": demanded,
        "problem": told.problem,
        "past": [{"cycle": row["number"], "at": row["at"], **_said(row)} for row in rows],
    }
    return value, "\n".join(_lines(value, enabled=told.enabled, two_ways=told.two_ways))


def _lines(value: dict[str, Any], *, enabled: bool, two_ways: bool) -> list[str]:
    from provisor.provisioning.trial import REFERENCE

    lines = [value["name"], f"Scope: {'in' if value['inScope'] else 'out'}: {value['name']} {value['scope']}."]
    if not enabled:
        lines.append("  The object mapping is disabled: nothing is done.")
    for item in value["filters"]:
        lines += [
            f"  {row['filter']}: {row['clause']}: it is {_json(row['value'])}, {'yes' if row['holds'] else 'no'}"
            for row in item
        ]
    if value["gone"]:
        said = f"the account {value['account']} was theirs and is not there any more; on demand makes another"
        lines.append(f"Match: {said}.")
    elif value["account"] is not None:
        lines.append(f"Match: the account {value['account']} ({value['state']}) is theirs.")
    else:
        removed = " It was removed at the target: on demand makes another." if value["state"] == "removed" else ""
        lines.append(f"Match: no account yet.{removed}")
        lines += [
            f"  {row['attribute']} eq {_json(row['value'])}: {', '.join(row['found']) or 'nobody'}"
            for row in value["matching"] or ()
        ]
    lines.append("Mappings:")
    for row in value["mappings"]:
        reads = ", ".join(f"{name}={_json(item)}{_because(name, item)}" for name, item in row["reads"].items())
        said = f"  [{reads}]" if reads else ""
        lines.append(f"  {row['attribute']} ← {row['expression'] or '(nothing)'}{said}")
        asked = value["problem"] is None and (value["account"] or row["targetHas"] is not None)
        gives = "" if row["sent"] == REFERENCE else f"gives {_json(row['gives'])}; "
        has = f"the target has {_json(row['targetHas'])}; " if gives and asked else ""
        lines.append(f"    {gives}{has}{row['sent']}")
    if value["problem"]:
        lines.append(value["problem"])
    else:
        for title, changes in (("Next cycle that looks at them", "next"), ("On demand", "onDemand")):
            if changes == "next" or two_ways:
                lines.append(f"{title}:")
                lines += [f"  {item['action']}: {item['reason']}" for item in value[changes]] or ["  nothing"]
    if value["past"]:
        lines.append("Past cycles:")
        lines += [f"  {row['cycle']}: {row['action']}: {row['why']} ({row['status']})" for row in value["past"]]
    return lines


def _past(rows: list[Any], cycle: int) -> tuple[dict[str, Any], str]:
    from provisor.sync.summary import steps_of

    if not rows:
        return {"cycle": cycle, "rows": []}, f"Cycle {cycle} did nothing about them, or there is none."
    found, lines = [], []
    for row in rows:
        taken = steps_of(row)
        found.append({**_said(row), "steps": taken})
        lines.append(f"{row['action']} ({row['status']})")
        lines += [f"  {step['step'].ljust(19)} {step['status'].ljust(8)} {step['description']}" for step in taken]
    return {"cycle": cycle, "rows": found}, "\n".join(lines)


def _said(row: Any) -> dict[str, Any]:
    from provisor.sync.summary import why

    return {"action": row["action"], "why": why(row), "status": row["status"]}


def _after(change: Any) -> dict[str, Any]:
    from provisor.provisioning.change import shown

    return {path: shown(change.redacted, path, after) for path, (_, after) in change.attributes.items()}


def _because(name: str, value: Any) -> str:
    """Whoever is out of scope counts as deleted, also when nobody has deleted them."""
    return ": not in scope" if name == "IsSoftDeleted" and value else ""


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str) if value is not None else "(nothing)"
