"""``provisor app set``: the connection, the scope, the guard and the policies of an application, saved together."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from provisor.cli.session import Desk, Session
from provisor.refusal import Conflict, Invalid

Name = Annotated[str, typer.Argument(metavar="NAME", help="The application's name.")]


def configure(
    ctx: typer.Context,
    name: Name,
    tenant_url: Annotated[str | None, typer.Option(help="The target's SCIM address.")] = None,
    secret_token_file: Annotated[str | None, typer.Option(help="A file with the secret token; - reads stdin.")] = None,
    scope: Annotated[str | None, typer.Option(help="assigned or all.")] = None,
    guard_percent: Annotated[
        int | None, typer.Option(help="Hold a plan that takes something from more than so many percent; 0: none.")
    ] = None,
    guard_most: Annotated[int | None, typer.Option(help="Or from so many accounts; 0: none.")] = None,
    wire: Annotated[str | None, typer.Option(help="How the target is spoken to: lean, entra or entra-optscim.")] = None,
    adoption: Annotated[str | None, typer.Option(help="Accounts that were there before: merge, hold or take.")] = None,
    merged_groups: Annotated[str | None, typer.Option(help="Groups that were there before: keep or delete.")] = None,
    nested: Annotated[str | None, typer.Option(help="Members of assigned groups: direct or flatten.")] = None,
    cleared: Annotated[str | None, typer.Option(help="A value that the source has no more: clear or keep.")] = None,
    retry_policy: Annotated[str | None, typer.Option(help="When failures are tried again: provisor or entra.")] = None,
    allow_reserved: Annotated[
        list[str] | None,
        typer.Option(help="A reserved group that may be managed, like admins; repeatable; '' for none."),
    ] = None,
    token_owner: Annotated[
        str | None, typer.Option(help="The token's owner, where the target does not tell; empty for nobody.")
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(help="When cycles run: event, entra, a duration like PT15M, or cron (UTC).")
    ] = None,
    full_hours: Annotated[
        int | None, typer.Option(help="Read and compare every account so often (hours); 0: never.")
    ] = None,
    drift: Annotated[
        list[str] | None,
        typer.Option(help="ATTRIBUTE=POLICY of changes made at the target: report, overwrite, adopt, ignore."),
    ] = None,
    notification_email: Annotated[str | None, typer.Option(help="Who gets mail about failures; '' for nobody.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Do it although a check says no.")] = False,
) -> None:
    """Set connection, scope, guard and policies, and save; credentials that fail the test need --force."""
    policies = {
        "wire": wire,
        "adoption": adoption,
        "merged_groups": merged_groups,
        "nested": nested,
        "cleared": cleared,
        "retries": retry_policy,
        "reserved": allow_reserved,
        "token_owner": token_owner,
        "schedule": schedule,
        "full_hours": full_hours,
        "drift": _drift(drift) if drift else None,
    }
    others = (tenant_url, secret_token_file, scope, guard_percent, guard_most, notification_email)
    if all(item is None for item in (*others, *policies.values())):
        raise Invalid("There is nothing to save: give one of the options that provisor app set --help lists.")
    session: Session = ctx.obj
    if scope not in (None, "assigned", "all"):
        raise Invalid(f"{scope!r} is no scope: assigned (Sync only assigned users and groups) or all.")
    token = _read_token(secret_token_file) if secret_token_file else None

    def changes(current: Any) -> Any:
        from provisor.directory.applications import with_guard
        from provisor.provisioning.policies import changed

        _refuse_unmapped(current, policies["drift"])
        guarded = with_guard(current, percent=guard_percent, most=guard_most)
        wanted = replace(guarded, scope=scope or current.scope, policies=changed(guarded.policies, **policies))
        return wanted if notification_email is None else _told(wanted, notification_email)

    async def work(desk: Desk) -> str:
        return await _save(session, desk, name, tenant_url, token, changes, force=force)

    session.show({"saved": name}, f"{name} is saved.{session.run(work)}")


async def _save(
    session: Session,
    desk: Desk,
    name: str,
    tenant_url: str | None,
    token: str | None,
    changes: Callable[[Any], Any],
    *,
    force: bool,
) -> str:
    """Save the connection and ``changes``; returns what is worth saying beside."""
    from provisor.cli.app import found
    from provisor.directory import applications
    from provisor.sync import connection

    application = await found(desk, name, "provisioning.write")
    url = applications.tenant_url(tenant_url, desk.house.settings.allowed_targets) if tenant_url else None
    if changes(application).scope == "all" and application.scope != "all" and not force:
        await _confirm_all(desk)
    # Sealed once: sealing again would look like another token.
    connected = applications.connect(application, desk.house.box, tenant_url=url, secret_token=token)

    def whole(current: Any) -> Any:
        changed = changes(current)
        return changed if url is None and token is None else applications.with_connection(changed, connected)

    saved = await connection.save(
        desk.house.database,
        desk.tenant,
        desk.actor,
        application,
        whole,
        lambda item: desk.house.target(item, read_only=True),
        force=force,
        same=force,
    )
    owner = str(saved.capabilities.get("owner_name") or "")
    if saved.policies.token_owner and owner and saved.policies.token_owner.casefold() != owner.casefold():
        session.note(f"the target says that the token is {owner}'s, and that counts")
    if saved.notification_on and not application.notification_on and desk.house.settings.smtp_url is None:
        session.note("nobody hears by mail until smtp_url is set, and the server started with it")
    return "" if saved.sealed_token or not saved.tenant_url else " It has no secret token (yet)."


def _told(application: Any, text: str) -> Any:
    from provisor.directory import notification

    recipients = notification.addresses(text)
    return notification.told(application, recipients, on=True)


def _refuse_unmapped(application: Any, drift: Any) -> None:
    from provisor.provisioning.edit import rows

    known = {row["target"] for kind in ("User", "Group") for row in rows(application.schema, kind)}
    for path in drift or ():
        if path not in known | {"*", "members"}:
            raise Invalid(f"--drift {path}: no mapping has this target attribute; * stands for all others.")


def _drift(given: list[str]) -> dict[str, str]:
    """``displayName=overwrite`` and so on, as a table; the last = divides."""
    found = {}
    for item in given:
        path, _, policy = item.rpartition("=")
        if not path:
            raise Invalid(f"{item!r} is not ATTRIBUTE=POLICY, like displayName=overwrite; * stands for all others.")
        found[path] = policy
    return found


async def _confirm_all(desk: Desk) -> None:
    from provisor.directory import tenants

    async with desk.house.database.reading() as tx:
        people, rooms = await tenants.size(tx, desk.tenant)
    sentence = f"All {people} users and {rooms} groups of {desk.tenant.name} come into scope"
    if not sys.stdin.isatty():
        raise Conflict(f"{sentence}: repeat it with --force.")
    typer.confirm(f"{sentence}. Go on?", abort=True)


def _read_token(place: str) -> str:
    token = sys.stdin.readline() if place == "-" else Path(place).read_text(errors="replace")
    token = token.strip()
    if not token or not token.isprintable() or not token.isascii() or " " in token:
        raise Invalid("A secret token is one line of letters, digits and signs: give the file that has it alone.")
    return token
