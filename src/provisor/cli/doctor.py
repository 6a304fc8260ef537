"""``provisor doctor``: what keeps provisioning from doing what it should, and the command that mends it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from provisor.cli.app import Name, found
from provisor.cli.session import Desk, Session
from provisor.refusal import Invalid

_MARKS = {"good": "ok", "look": "look", "bad": "BAD"}


def register(root: typer.Typer) -> None:
    root.command("doctor")(doctor)


def doctor(
    ctx: typer.Context,
    name: Name,
    user: Annotated[str | None, typer.Argument(metavar="[USER]", help="Somebody for whom it does not work.")] = None,
) -> int:
    """Walk through connection, token, mappings, scope, matching, quarantine, schedule and guard, and one user."""
    session: Session = ctx.obj

    async def work(desk: Desk) -> list[Any]:
        from provisor.cli.principals import identity_of
        from provisor.sync.doctor import Finding, examine, facts

        application = await found(desk, name)
        identity = str(await identity_of(desk, "User", user)) if user is not None else None
        if not application.connected:
            sentence = "There is no Tenant URL with a Secret Token."
            mend = f"provisor app set {name} --tenant-url URL --secret-token-file FILE"
            return [Finding("connection", "bad", sentence, mend)]
        house, ledger = desk.house, desk.house.ledger(desk.tenant, application.id)
        known = await facts(house.database, ledger, desk.tenant, application, house.settings.cycle_minutes)
        try:
            async with house.job(desk.tenant, application.id, read_only=True) as job:
                findings = [item async for item in examine(application, job, known)]
                if identity is not None:
                    findings.append(await _person(job, name, str(user), identity))
        except Invalid as error:
            return [Finding("mappings", "bad", str(error), f"provisor app mappings check {name}")]
        return findings

    findings = session.run(work)
    rows = [
        {"area": item.area, "level": item.level, "finding": item.sentence, "mend": item.mend or None}
        for item in findings
    ]
    lines = []
    for row in rows:
        lines.append(f"{_MARKS[row['level']].ljust(4)} {row['area'].ljust(10)} {row['finding']}")
        if row["mend"] and row["level"] != "good":
            lines.append(f"{' ' * 16}{row['mend']}")
    session.show({"app": name, "findings": rows}, "\n".join(lines))
    return 1 if any(item.level == "bad" for item in findings) else 0


async def _person(job: Any, name: str, user: str, identity: str) -> Any:
    from provisor.sync.doctor import Finding
    from provisor.sync.explain import explain

    told = await explain(job, "User", identity)
    if told.problem is not None:
        return Finding("user", "bad", told.problem, f"provisor app test {name}")
    if not told.scope.inside:
        not_assigned = "not assigned" in told.scope.reason
        mend = f"provisor app assign {name} --user {user}" if not_assigned else f"provisor explain {name} {user}"
        return Finding("user", "bad", f"{user} is out of scope: {user} {told.scope.reason}.", mend)
    if told.gone or (told.known is not None and told.known.state == "removed"):
        return Finding("user", "bad", f"{user} was removed at the target.", f"provisor provision {name} {user}")
    # An account may be as it should be, and what it refers to not; what is only reported waits for nothing.
    rank = {"nothing": 2, "drift": 1}
    change = min(told.changes, key=lambda item: rank.get(item.action, 0), default=None)
    if change is not None and change.action == "refuse":
        return Finding("user", "bad", f"{user} is refused: {change.reason}.", f"provisor explain {name} {user}")
    next_try = f"{change.action}, because {change.reason}" if change is not None else "nothing"
    if told.known is not None and told.known.failures and told.known.error:
        error = told.known.error.rstrip(".")
        sentence = f"{user} could not be done the last time: {error}. What is tried again: {next_try}."
        return Finding("user", "bad", sentence, f"provisor provision {name} {user}")
    if change is not None and change.action == "drift":
        sentence = f"{user}: {change.reason}. A cycle only reports that."
        return Finding("user", "look", sentence, f"provisor provision {name} {user}")
    if change is not None and change.action != "nothing" and all(item.action == "nothing" for item in told.demanded):
        sentence = f"{user}: {change.reason}. The target did not take that; only a full comparison asks it again."
        return Finding("user", "look", sentence, f"provisor explain {name} {user}")
    if change is not None and change.action != "nothing":
        sentence = f"{user} is in scope and waits for the next cycle that looks at them: {next_try}."
        return Finding("user", "look", sentence, f"provisor provision {name} {user}")
    return Finding("user", "good", f"{user} is in scope, has an account, and it is as it should be.")
