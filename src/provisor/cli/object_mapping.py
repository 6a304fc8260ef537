"""``provisor app filter`` and ``app mappings show|set|restore-defaults``: an object mapping as a whole."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from provisor.cli.mapping_edits import Name, ObjectOption, change, document_of, kind_of
from provisor.cli.session import Session
from provisor.refusal import Conflict, Invalid

Title = Annotated[str, typer.Argument(metavar="TITLE", help="The scoping filter's title.")]
Flag = bool | None


def show(ctx: typer.Context, name: Name) -> None:
    """Show users' and groups' mappings: on or off, what they may do, filters, and every attribute mapping."""
    from provisor.provisioning import edit, edit_object
    from provisor.provisioning.filters import to_json

    document = ctx.obj.run(document_of(name))
    shown: dict[str, Any] = {}
    lines = []
    for kind in ("User", "Group"):
        has, rows = edit_object.settings(document, kind), edit.rows(document, kind)
        shown[kind] = {**has, "filters": to_json(has["filters"]), "attributeMappings": rows}
        on = "enabled" if has["enabled"] else "disabled"
        lines.append(f"{has['name']} ({kind.lower()}s): {on}; may {', '.join(has['actions']) or 'do nothing'}")
        lines += [f"  filter {item.title}: {' and '.join(map(str, item.clauses))}" for item in has["filters"]]
        for row in rows:
            match = f"  (matches, precedence {row['precedence']})" if row["match"] else ""
            default = f"  (or {row['default']!r})" if row["default"] else ""
            lines.append(f"  {row['target']} ← {row['source'] or '(nothing)'}{default}{match}")
    ctx.obj.show(shown, "\n".join(lines))


def settings(
    ctx: typer.Context,
    name: Name,
    object_type: ObjectOption = "user",
    enabled: Annotated[
        Flag, typer.Option("--enabled/--disabled", help="With --object group: whether they are provisioned.")
    ] = None,
    create: Annotated[Flag, typer.Option("--create/--no-create", help="Make accounts.")] = None,
    update: Annotated[Flag, typer.Option("--update/--no-update", help="Change and disable accounts.")] = None,
    delete: Annotated[Flag, typer.Option("--delete/--no-delete", help="Delete accounts.")] = None,
) -> None:
    """Set what an object mapping may do at the target, and whether it is enabled."""
    from provisor.provisioning import edit_object

    if all(item is None for item in (enabled, create, update, delete)):
        raise Invalid("There is nothing to set: give --enabled, --create, --update or --delete, or its opposite.")
    actions = {"create": create, "update": update, "delete": delete}
    kind = kind_of(object_type)
    change(
        ctx,
        name,
        lambda document: edit_object.set_object(document, kind, enabled=enabled, actions=actions),
        "set object mapping",
        f"The mapping of {object_type.lower()}s of {name} is saved.",
    )


def restore_defaults(
    ctx: typer.Context, name: Name, force: Annotated[bool, typer.Option("--force", help="Do it.")] = False
) -> None:
    """Restore the template's mappings, filters and attribute list; the next cycle looks at everything again."""
    from provisor.provisioning import edit_object

    if not force:
        raise Conflict(
            f"This replaces every mapping, scoping filter and attribute list of {name} (provisor app mappings export "
            f"{name} -o FILE keeps them): repeat it with --force."
        )

    async def template(desk: Any) -> str:
        from provisor.cli.app import found

        return str((await found(desk, name)).template)

    session: Session = ctx.obj
    which = session.run(template)
    change(
        ctx,
        name,
        lambda document: edit_object.restored(document, which),
        "restore default mappings",
        f"The mappings of {name} are those of the template {which} again.",
    )


def filters(ctx: typer.Context, name: Name, object_type: ObjectOption = "user") -> None:
    """List the scoping filters: whoever passes one of them is in scope, if assigned."""
    from provisor.provisioning import edit_object

    found = edit_object.settings(ctx.obj.run(document_of(name)), kind_of(object_type))["filters"]
    rows = [{"title": item.title, "clauses": [str(row) for row in item.clauses]} for item in found]
    ctx.obj.table(rows, {"title": "TITLE", "clauses": "CLAUSES (ALL MUST HOLD)"})


def filter_add(
    ctx: typer.Context,
    name: Name,
    title: Title,
    clause: Annotated[
        list[str], typer.Option(help='Like "department EQUALS Sales"; may be given several times: all must hold.')
    ],
    object_type: ObjectOption = "user",
) -> None:
    """Add a scoping filter. Who passes none of the filters leaves the scope with the next cycle."""
    from provisor.provisioning import edit_object
    from provisor.provisioning.filters import parse_clause

    kind = kind_of(object_type)
    clauses = [parse_clause(text, kind) for text in clause]
    change(
        ctx,
        name,
        lambda document: edit_object.add_filter(document, kind, title, clauses),
        f"add scoping filter {title}",
        f"The scoping filter {title} is added: provisor plan {name} shows whom it keeps out.",
    )


def filter_delete(ctx: typer.Context, name: Name, title: Title, object_type: ObjectOption = "user") -> None:
    """Delete a scoping filter; without any, everybody who is assigned is in scope."""
    from provisor.provisioning import edit_object

    kind = kind_of(object_type)
    change(
        ctx,
        name,
        lambda document: edit_object.delete_filter(document, kind, title),
        f"delete scoping filter {title}",
        f"The scoping filter {title} is deleted: provisor plan {name} shows what changes.",
    )


def operators(ctx: typer.Context) -> None:
    """List the operators of scoping filters."""
    from provisor.provisioning.filters import OPERATORS

    rows = [{"name": item.name, "takes": item.takes} for item in OPERATORS]
    ctx.obj.table(rows, {"name": "OPERATOR", "takes": "COMPARES WITH"})


def discover(ctx: typer.Context, name: Name) -> None:
    """Add to the attribute lists what the target's /Schemas names; what is on them stays as it is."""

    async def work(desk: Any) -> list[str]:
        from provisor.cli.app import found
        from provisor.directory import applications
        from provisor.provisioning.discovery import add_discovered

        application = await found(desk, name, "provisioning.write")
        target = desk.house.target(application, read_only=True)
        try:
            schemas = await target.schemas()
        finally:
            await target.close()
        if not schemas:
            raise Invalid(f"The target of {name} has no /Schemas to discover attributes from: add them by hand.")
        async with desk.edit() as edit:
            before = await applications.locked(edit, application.id)
            document, added = add_discovered(before.schema, schemas)
            if added:
                await applications.set_schema(edit, before, document, "discover attributes")
        return added

    session: Session = ctx.obj
    added = session.run(work)
    text = "\n".join(added) or "The attribute lists have everything that the target names."
    session.show({"added": added}, text)
