"""``provisor app mapping|attribute|mappings``: the page's mapping editor, one edit at a time, and whole documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from provisor.cli import mapping_tests, object_mapping
from provisor.cli.groups import group
from provisor.cli.mapping_edits import (
    Document,
    FileOption,
    Name,
    ObjectOption,
    change,
    document_in,
    document_of,
    kind_of,
)
from provisor.refusal import Invalid

Source = Annotated[str | None, typer.Option(help="Source attribute (mapping type Direct).")]
Expression = Annotated[str | None, typer.Option(help='An expression, like Join(" ", [givenName], [surname]).')]
Constant = Annotated[str | None, typer.Option(help="A constant value.")]
Default = Annotated[str | None, typer.Option(help="Default value if null.")]
Precedence = Annotated[int | None, typer.Option(help="Matching precedence; 0: does not match objects.")]
Apply = Annotated[str | None, typer.Option(help="Always, or Only during object creation.")]


def register(app: typer.Typer) -> None:
    mapping = group("Attribute mappings.", list=rows, add=add, edit=edit, delete=delete)
    listed = group(
        "Edit attribute list: what the target's objects have.",
        list=attributes,
        add=attribute_add,
        set=attribute_set,
        delete=attribute_delete,
        discover=object_mapping.discover,
    )
    whole = group(
        "The whole synchronizationSchema document, in Microsoft Graph's form.",
        show=object_mapping.show,
        set=object_mapping.settings,
        restore_defaults=object_mapping.restore_defaults,
        export=export,
        diff=diff,
        check=mapping_tests.check,
        test=mapping_tests.test,
    )
    whole.command("import")(import_file)
    scoped = group(
        "Scoping filters: who is in scope by what they say of themselves.",
        list=object_mapping.filters,
        add=object_mapping.filter_add,
        delete=object_mapping.filter_delete,
        operators=object_mapping.operators,
    )
    app.add_typer(mapping, name="mapping")
    app.add_typer(scoped, name="filter")
    app.add_typer(listed, name="attribute")
    app.add_typer(whole, name="mappings")


def rows(ctx: typer.Context, name: Name, object_type: ObjectOption = "user") -> None:
    """List the attribute mappings under the portal's headings."""
    from provisor.provisioning import edit as mapping

    document = ctx.obj.run(document_of(name))
    columns = {
        "type": "MAPPING TYPE",
        "source": "SOURCE ATTRIBUTE / EXPRESSION",
        "default": "DEFAULT VALUE",
        "target": "TARGET ATTRIBUTE",
        "match": "MATCH OBJECTS",
        "precedence": "PRECEDENCE",
        "apply": "APPLY THIS MAPPING",
    }
    ctx.obj.table(mapping.rows(document, kind_of(object_type)), columns)


def add(
    ctx: typer.Context,
    name: Name,
    target: Annotated[str, typer.Option(help="Target attribute.")],
    object_type: ObjectOption = "user",
    source: Source = None,
    expression: Expression = None,
    constant: Constant = None,
    default: Default = None,
    precedence: Precedence = None,
    apply: Apply = None,
) -> None:
    """Add New Mapping."""
    from provisor.provisioning import edit as mapping

    def step(document: Document) -> Document:
        return mapping.add_mapping(
            document,
            kind_of(object_type),
            target,
            attribute=source,
            expression=expression,
            constant=constant,
            default=default or "",
            precedence=precedence or 0,
            apply=apply or "Always",
        )

    change(ctx, name, step, f"add mapping {target}", f"{target} is mapped.")


def edit(
    ctx: typer.Context,
    name: Name,
    target: Annotated[str, typer.Option(help="Target attribute of the mapping that is edited.")],
    object_type: ObjectOption = "user",
    new_target: Annotated[str | None, typer.Option(help="Another target attribute.")] = None,
    source: Source = None,
    expression: Expression = None,
    constant: Constant = None,
    default: Default = None,
    precedence: Precedence = None,
    apply: Apply = None,
) -> None:
    """Edit a mapping in place; what is not named stays."""
    from provisor.provisioning import edit as mapping

    def step(document: Document) -> Document:
        return mapping.edit_mapping(
            document,
            kind_of(object_type),
            target,
            new_target=new_target,
            attribute=source,
            expression=expression,
            constant=constant,
            default=default,
            precedence=precedence,
            apply=apply,
        )

    change(ctx, name, step, f"edit mapping {target}", f"The mapping of {new_target or target} is saved.")


def delete(
    ctx: typer.Context,
    name: Name,
    target: Annotated[str | None, typer.Option(help="Target attribute.")] = None,
    object_type: ObjectOption = "user",
    all_deletable: Annotated[bool, typer.Option("--all-deletable", help="Every mapping that can be deleted.")] = False,
) -> None:
    """Delete one mapping, or all that can be deleted: the last matching one can only be edited."""
    from provisor.provisioning import edit as mapping

    if (target is None) == (not all_deletable):
        raise Invalid("Name one mapping with --target, or give --all-deletable.")

    def step(document: Document) -> Document:
        if target is not None:
            return mapping.delete_mapping(document, kind_of(object_type), target)
        return mapping.delete_all_deletable(document, kind_of(object_type))[0]

    what = target or "every deletable mapping"
    change(ctx, name, step, f"delete mapping {what}", f"Deleted {what}.")


def attributes(ctx: typer.Context, name: Name, object_type: ObjectOption = "user") -> None:
    """List the target's attributes."""
    from provisor.provisioning.edit import referenced
    from provisor.provisioning.schema import target_definitions

    document = ctx.obj.run(document_of(name))
    definitions = [
        {**row, "referenced": referenced(document, row) or None}
        for row in target_definitions(document, kind_of(object_type))
    ]
    columns = {
        "name": "NAME",
        "type": "TYPE",
        "anchor": "PRIMARY KEY?",
        "required": "REQUIRED?",
        "multivalued": "MULTI-VALUE?",
        "caseExact": "EXACT CASE?",
        "referenced": "REFERENCED OBJECT",
    }
    ctx.obj.table(definitions, columns)


Flag = bool | None
Primary = Annotated[Flag, typer.Option("--primary/--no-primary", help="Primary.")]
Required = Annotated[Flag, typer.Option("--required/--not-required", help="Required.")]
Multi = Annotated[Flag, typer.Option("--multi-value/--single-value", help="Multi-value.")]
Referenced = Annotated[str | None, typer.Option("--references", help="What a Reference points at: user or group.")]
Exact = Annotated[Flag, typer.Option("--exact-case/--any-case", help="Letter case counts.")]


def attribute_add(
    ctx: typer.Context,
    name: Name,
    attribute: str,
    object_type: ObjectOption = "user",
    kind: Annotated[str, typer.Option("--type", help="String, Boolean, Integer, Reference or DateTime.")] = "String",
    primary: Primary = None,
    required: Required = None,
    multi_value: Multi = None,
    exact_case: Exact = None,
) -> None:
    """Add an attribute to the list."""
    from provisor.provisioning import edit as mapping

    def step(document: Document) -> Document:
        added = mapping.add_attribute(document, kind_of(object_type), attribute, kind=kind)
        return _flagged(added, object_type, attribute, primary, required, multi_value, exact_case)

    change(ctx, name, step, f"add attribute {attribute}", f"{attribute} is on the attribute list.")


def attribute_set(
    ctx: typer.Context,
    name: Name,
    attribute: str,
    object_type: ObjectOption = "user",
    primary: Primary = None,
    required: Required = None,
    multi_value: Multi = None,
    exact_case: Exact = None,
    references: Referenced = None,
) -> None:
    """Mark an attribute Primary, Required, and so on."""
    from provisor.provisioning import edit as mapping

    def step(document: Document) -> Document:
        flagged = _flagged(document, object_type, attribute, primary, required, multi_value, exact_case)
        if references is None:
            return flagged
        pointed = kind_of(references) if references else ""
        return mapping.set_attribute(flagged, kind_of(object_type), attribute, referenced=pointed)

    change(ctx, name, step, f"edit attribute {attribute}", f"{attribute} is saved.")


def attribute_delete(ctx: typer.Context, name: Name, attribute: str, object_type: ObjectOption = "user") -> None:
    """Take an attribute off the list; refused while a mapping uses it."""
    from provisor.provisioning import edit as mapping

    def step(document: Document) -> Document:
        return mapping.delete_attribute(document, kind_of(object_type), attribute)

    change(ctx, name, step, f"delete attribute {attribute}", f"{attribute} is off the attribute list.")


def export(
    ctx: typer.Context,
    name: Name,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A file instead of stdout.")] = None,
) -> None:
    """Write the document as it is."""
    text = json.dumps(ctx.obj.run(document_of(name)), indent=2, ensure_ascii=False)
    if output is None:
        ctx.obj.write(text)
    else:
        output.write_text(text + "\n")


def import_file(
    ctx: typer.Context,
    name: Name,
    file: Path,
    force: Annotated[bool, typer.Option("--force", help="Import it although check finds errors.")] = False,
) -> None:
    """Replace the document by one that was exported here or from a tenant. One with errors is refused."""
    from provisor.cli.app import found
    from provisor.provisioning.check import check
    from provisor.provisioning.edit import differences

    document = document_in(file)
    errors = [] if force else [finding for finding in check(document) if finding.error]
    if errors:
        first = errors[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise Invalid(
            f"{file} is not imported: {first.object_type} {first.attribute} {first.sentence.rstrip('.')}{more}. "
            f"provisor app mappings check {name} --file {file} names all; --force imports it all the same."
        )
    replaced: list[Document] = []

    def step(before: Document) -> Document:
        replaced.append(before)
        return document

    change(ctx, name, step, "import mappings", f"The mappings of {name} are those of {file}.")
    for sentence in differences(replaced[0], document):
        ctx.obj.note(sentence)
    if ctx.obj.run(lambda desk: found(desk, name)).provisioning == "On":
        ctx.obj.note("Provisioning Status is On: the next cycle works by them, at once.")


def diff(
    ctx: typer.Context,
    name: Name,
    recommended: Annotated[bool, typer.Option("--recommended", help="Against the page's mappings.")] = False,
    file: FileOption = None,
) -> int:
    """What a file would change in the mappings that the application has (exit code 2: something); or what is missing
    and what is too much, against the recommended mappings."""
    from provisor.cli.plan import CHANGES
    from provisor.provisioning import edit as mapping
    from provisor.provisioning.schema import compile_schema

    if recommended:
        findings = mapping.recommended(ctx.obj.run(document_of(name, file)))
        ctx.obj.show({"findings": findings}, "\n".join(findings) or "The mappings are as recommended.")
        return 0
    if file is None:
        raise Invalid("Say what to compare with: --file FILE, or --recommended.")
    document = document_in(file)
    compile_schema(document)
    findings = mapping.differences(ctx.obj.run(document_of(name)), document)
    ctx.obj.show({"findings": findings}, "\n".join(findings) or f"The mappings of {name} are those of {file}.")
    return CHANGES if findings else 0


def _flagged(
    document: Document, object_type: str, attribute: str, primary: Flag, required: Flag, multi: Flag, exact: Flag
) -> Document:
    from provisor.provisioning import edit as mapping

    return mapping.set_attribute(
        document,
        kind_of(object_type),
        attribute,
        primary=primary,
        required=required,
        multi_valued=multi,
        exact_case=exact,
    )
