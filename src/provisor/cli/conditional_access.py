"""``provisor conditional-access``: who may sign in to what, from where, and with which factors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from provisor.cli import named_locations
from provisor.cli.groups import group
from provisor.cli.named_locations import File, Force, Upn, document, reading
from provisor.cli.session import Desk, Session
from provisor.refusal import Invalid

Policy = Annotated[str, typer.Argument(metavar="NAME", help="The policy's name, or its id.")]
Several = list[str] | None
Users = Annotated[Several, typer.Option("--users", help="All, or a user principal name; may be given several times.")]
NotUsers = Annotated[Several, typer.Option("--exclude-user", help="A user whom it is not about.")]
Groups = Annotated[Several, typer.Option("--group", help="A group whose members it is about, also nested ones.")]
NotGroups = Annotated[Several, typer.Option("--exclude-group", help="A group whose members it is not about.")]
Roles = Annotated[Several, typer.Option("--role", help="A directory role whose holders it is about.")]
NotRoles = Annotated[Several, typer.Option("--exclude-role", help="A directory role whose holders it is not about.")]
Apps = Annotated[Several, typer.Option("--app", help="All (as without it), portal, an application or a workspace.")]
NotApps = Annotated[Several, typer.Option("--exclude-app", help="What it is not about.")]
Places = Annotated[Several, typer.Option("--location", help="A named location, or trusted; anywhere without it.")]
NotPlaces = Annotated[Several, typer.Option("--exclude-location", help="A named location where it does not apply.")]
Require = Annotated[str | None, typer.Option("--require", help="mfa (two factors) or passkey; none for neither.")]
Block = Annotated[bool, typer.Option("--block", help="Let nobody in whom it applies to.")]
Every = Annotated[
    str | None, typer.Option("--sign-in-every", help="Sign in afresh after 4h, 7d, or every-time; never for not.")
]
State = Annotated[str | None, typer.Option("--state", help="on, off or report-only (as a new one is).")]


def register(root: typer.Typer) -> None:
    found = group("Conditional access: who may sign in to what, from where, with what.", what_if=what_if)
    policy = group("Policies.", create=create, list=policies, show=show, set=change, delete=delete)
    found.add_typer(policy, name="policy")
    named_locations.register(found)
    root.add_typer(found, name="conditional-access")


# ── policies ────────────────────────────────────────────────────────────────────────────────────────────────────────


def create(
    ctx: typer.Context,
    name: Policy,
    users: Users = None,
    exclude_user: NotUsers = None,
    team: Groups = None,
    exclude_group: NotGroups = None,
    role: Roles = None,
    exclude_role: NotRoles = None,
    app: Apps = None,
    exclude_app: NotApps = None,
    location: Places = None,
    exclude_location: NotPlaces = None,
    require: Require = None,
    block: Block = False,
    sign_in_every: Every = None,
    state: State = None,
    file: File = None,
    force: Force = False,
) -> None:
    """Make a policy; it is report-only unless told otherwise."""
    asked = _asked(ctx.params)

    async def work(desk: Desk) -> Any:
        from provisor.directory import conditional_access, policy_words

        async with desk.edit() as edit:
            if file is not None:
                given = {**_document(file, asked), "displayName": name}
            else:
                given = await policy_words.document(edit.tx, desk.tenant, policy_words.Wanted(name, **asked))
            made = await conditional_access.create_policy(edit, given, force=force)
            return made, await conditional_access.warnings(edit.tx, desk.tenant)

    made, warned = ctx.obj.run(work)
    _warn(ctx.obj, made, warned)
    ctx.obj.show(made.to_json(), f"Policy {name} made; it is {_state(made)}.")


def change(
    ctx: typer.Context,
    name: Policy,
    users: Users = None,
    exclude_user: NotUsers = None,
    team: Groups = None,
    exclude_group: NotGroups = None,
    role: Roles = None,
    exclude_role: NotRoles = None,
    app: Apps = None,
    exclude_app: NotApps = None,
    location: Places = None,
    exclude_location: NotPlaces = None,
    require: Require = None,
    block: Block = False,
    sign_in_every: Every = None,
    state: State = None,
    rename: Annotated[str | None, typer.Option("--rename", help="Another name.")] = None,
    file: File = None,
    force: Force = False,
) -> None:
    """Change a policy. A list that is given takes the place of the one that was there; '' empties it."""
    asked = _asked(ctx.params)
    if file is None and not asked:
        raise Invalid("Say what is to change, with an option or with --file.")

    async def work(desk: Desk) -> Any:
        from provisor.directory import conditional_access, policy_words

        async with desk.edit() as edit:
            before = await conditional_access.find_policy(edit.tx, desk.tenant, name)
            if file is not None:
                given = _document(file, asked)
            else:
                given = await policy_words.changed(edit.tx, desk.tenant, before.value, asked)
            made = await conditional_access.change_policy(edit, before.id, given, force=force)
            return made, await conditional_access.warnings(edit.tx, desk.tenant)

    made, warned = ctx.obj.run(work)
    _warn(ctx.obj, made, warned)
    ctx.obj.show(made.to_json(), f"Policy {made.name} changed; it is {_state(made)}.")


def policies(ctx: typer.Context) -> None:
    """List the policies; with --json as Microsoft Graph's documents, which --file takes."""

    async def work(desk: Desk) -> Any:
        from provisor.directory import conditional_access, policy_words

        async with reading(desk) as tx:
            kept = await conditional_access.policies(tx, desk.tenant)
            names = await policy_words.called(tx, desk.tenant, [item.value for item in kept])
            return kept, names, await conditional_access.warnings(tx, desk.tenant)

    session: Session = ctx.obj
    kept, names, warned = session.run(work)
    for item in kept:
        _warn(session, item, warned, everybody=False)
    for sentence in warned.all:
        session.note(f"warning: {sentence}")
    if session.json:
        session.show([item.to_json() for item in kept])
        return
    columns = {"name": "POLICY", "state": "STATE", "who": "WHO", "what": "WHAT", "where": "WHERE", "then": "THEN"}
    session.table([_row(item, names) for item in kept], columns)


def show(ctx: typer.Context, name: Policy) -> None:
    """Show a policy; with --json as Microsoft Graph's document, which --file takes."""

    async def work(desk: Desk) -> Any:
        from provisor.directory import conditional_access, policy_words

        async with reading(desk) as tx:
            item = await conditional_access.find_policy(tx, desk.tenant, name)
            names = await policy_words.called(tx, desk.tenant, [item.value])
            return item, names, await conditional_access.warnings(tx, desk.tenant)

    item, names, warned = ctx.obj.run(work)
    _warn(ctx.obj, item, warned)
    ctx.obj.show(item.to_json(), "\n".join(f"{key.ljust(6)} {value}" for key, value in _row(item, names).items()))


def delete(ctx: typer.Context, name: Policy) -> None:
    """Delete a policy: it counts for nobody from now on."""

    async def work(desk: Desk) -> Any:
        from provisor.directory import conditional_access

        async with desk.edit() as edit:
            found = await conditional_access.find_policy(edit.tx, desk.tenant, name)
            return await conditional_access.delete_policy(edit, found.id)

    gone = ctx.obj.run(work)
    ctx.obj.show({"deleted": gone.name}, f"Policy {gone.name} is deleted.")


# ── what if ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def what_if(
    ctx: typer.Context,
    user: Upn,
    address: Annotated[str, typer.Option("--address", help="The address that they come from.")],
    app: Annotated[
        str, typer.Option("--app", help="What they sign in to: portal, an application, a workspace.")
    ] = "portal",
    methods: Annotated[
        str, typer.Option("--with", help="With what: password, totp, passkey, recovery-code, link, external.")
    ] = "password",
    hours: Annotated[float, typer.Option("--signed-in-hours-ago", min=0, help="How long ago they signed in.")] = 0,
) -> None:
    """Show which policies would apply to a sign-in, what comes of it, and why the others do not apply."""

    async def work(desk: Desk) -> Any:
        from provisor.directory import admission, policy_words, users

        evidence = admission.evidence(methods.split(","), hours * 3600, address)
        async with reading(desk) as tx:
            person = await users.find(tx, desk.tenant, user)
            resource = await policy_words.resource(tx, desk.tenant, app)
            return resource, *await admission.what_if(tx, desk.tenant, person, resource, evidence)

    session: Session = ctx.obj
    resource, verdict, judged = session.run(work)
    rows = [
        {
            "policy": item.policy.name,
            "applies": item.applies,
            "result": item.result,
            "reportOnly": item.report_only,
            "why": item.why,
        }
        for item in sorted(judged, key=lambda item: not item.applies)
    ]
    if session.json:
        session.show({"outcome": verdict.outcome.value, "sentence": verdict.sentence, "policies": rows})
        return
    session.write(f"{resource.name}: {verdict.outcome.value}. {verdict.sentence}".rstrip())
    if rows:
        columns = {"policy": "POLICY", "applies": "APPLIES", "result": "RESULT", "reportOnly": "REPORT-ONLY"}
        session.table(rows, {**columns, "why": "WHY"})


# ── what they have in common ────────────────────────────────────────────────────────────────────────────────────────

#: Option → the word of ``policy_words.Wanted``.
_LISTS = {
    "users": "users",
    "exclude_user": "exclude_users",
    "team": "groups",
    "exclude_group": "exclude_groups",
    "role": "roles",
    "exclude_role": "exclude_roles",
    "app": "apps",
    "exclude_app": "exclude_apps",
    "location": "locations",
    "exclude_location": "exclude_locations",
}


def _asked(given: dict[str, Any]) -> dict[str, Any]:
    """What the options say of a policy, in the words of ``policy_words.Wanted``; only what was given."""
    asked: dict[str, Any] = {
        word: tuple(item for item in given[option] if item) for option, word in _LISTS.items() if given[option]
    }
    if given["block"] and given["require"]:
        raise Invalid("Give --block or --require, not both: whoever is blocked is not asked for anything.")
    if given["block"] or given["require"]:
        asked["require"] = "block" if given["block"] else {"none": ""}.get(given["require"], given["require"])
    if given["sign_in_every"]:
        asked["every"] = {"never": ""}.get(given["sign_in_every"], given["sign_in_every"])
    if given["state"]:
        asked["state"] = given["state"]
    if given.get("rename"):
        asked["name"] = given["rename"]
    return asked


def _document(file: Path, asked: dict[str, Any]) -> dict[str, Any]:
    if asked:
        raise Invalid("--file says all of the policy: leave the other options out.")
    return document(file)


def _row(item: Any, names: dict[str, str]) -> dict[str, str]:
    from provisor.directory import policy_words

    wanted = policy_words.words(item.value, names)
    return {"name": wanted.name, "state": wanted.state, **policy_words.summary(wanted)}


def _state(item: Any) -> str:
    from provisor.directory.policy_words import STATE_NAMES

    return STATE_NAMES[item.value.state.value]


def _warn(session: Session, item: Any, warned: Any, *, everybody: bool = True) -> None:
    for sentence in (*(warned.all if everybody else ()), *warned.of(item.value)):
        session.note(f"warning: {sentence}")
