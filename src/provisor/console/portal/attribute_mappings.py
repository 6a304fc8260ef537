"""*Attribute Mappings* of users or groups: the list, the edit pane, *Add New Mapping*, deleting; a draft until *Save*.

``?edit=TARGET`` opens the pane of a mapping, ``?add=1`` an empty one; *OK* closes it. Below an expression that is typed
there stands what the language makes of it.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from provisor.console import drafting
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory.drafts import OTHERS
from provisor.expressions import ExpressionError, Flow, compile_expression, parse
from provisor.expressions.functions import FUNCTIONS
from provisor.provisioning import edit as editing
from provisor.provisioning import edit_object
from provisor.provisioning.schema import object_mapping, target_definitions
from provisor.provisioning.source_names import source_attributes, unknown_attribute
from provisor.refusal import Conflict, Invalid, NotFound, Refusal

PAGE = Page("attribute_mappings", "/applications/{application:uuid}/mappings/{object}", action="application.read")
WRITE = "provisioning.write"
TYPES = ("Direct", "Constant", "Expression", "None")


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    kind = drafting.object_type(visit)
    draft = await drafting.draft_of(visit)
    document = drafting.document(visit, draft)
    rows = editing.rows(document, kind)
    matching = [row for row in rows if row["match"]]
    target = visit.query("edit")
    chosen = next((row for row in rows if row["target"] == target), None) if target else None
    mapping = object_mapping(document, kind)
    return visit.render(
        kind=kind,
        mapping=mapping,
        settings=edit_object.settings(document, kind),
        actions=list(edit_object.ACTIONS),
        functions=FUNCTIONS.values(),
        directory=target_directory(document),
        rows=rows,
        last=matching[0]["target"] if len(matching) == 1 else None,
        chosen=chosen or (_EMPTY if visit.query("add") else None),
        adding=chosen is None,
        types=[(name, name) for name in TYPES],
        applies=[(name, name.capitalize()) for name in editing.APPLY],
        sources=sorted(source_attributes(kind), key=str.casefold),
        targets=[row["name"] for row in target_definitions(document, kind)],
        differences=drafting.differences(visit, draft),
        mark=draft.mark if draft else "",
        saved=bool(visit.query("saved")),
    )


@PAGE.post("/edit", action=WRITE)
async def edit(visit: PortalVisit) -> Response:
    kind, given = drafting.object_type(visit), _given(visit)
    target = visit.form.text("edited")

    def step(document: Any) -> Any:
        return editing.edit_mapping(
            document,
            kind,
            target,
            new_target=visit.form.text("target"),
            **given,
            sourceless=not given,
            default=visit.form.raw("default"),
            precedence=_precedence(visit, editing.rows(document, kind)),
            apply=visit.form.text("apply"),
        )

    await drafting.change(visit, step)
    return visit.go(_path(visit))


@PAGE.post("/add", action=WRITE)
async def add(visit: PortalVisit) -> Response:
    kind, given = drafting.object_type(visit), _given(visit)

    def step(document: Any) -> Any:
        return editing.add_mapping(
            document,
            kind,
            visit.form.text("target"),
            **given,
            default=visit.form.raw("default"),
            precedence=_precedence(visit, editing.rows(document, kind)),
            apply=visit.form.text("apply") or "always",
        )

    await drafting.change(visit, step)
    return visit.go(_path(visit))


@PAGE.post("/delete", action=WRITE)
async def delete(visit: PortalVisit) -> Response:
    kind, target = drafting.object_type(visit), visit.form.text("target")
    await drafting.change(visit, lambda document: editing.delete_mapping(document, kind, target))
    return visit.go(_path(visit))


@PAGE.post("/delete-all", action=WRITE)
async def delete_all(visit: PortalVisit) -> Response:
    kind = drafting.object_type(visit)
    await drafting.change(visit, lambda document: editing.delete_all_deletable(document, kind)[0])
    return visit.go(_path(visit))


@PAGE.post("/object", action=WRITE)
async def change_object(visit: PortalVisit) -> Response:
    """*Enabled* and *Target Object Actions*."""
    kind = drafting.object_type(visit)
    chosen = set(visit.form.every("action"))

    def step(document: Any) -> Any:
        actions = {action: action in chosen for action in edit_object.ACTIONS}
        enabled = visit.form.text("enabled") == "Yes" if kind == "Group" else None
        return edit_object.set_object(document, kind, enabled=enabled, actions=actions)

    await drafting.change(visit, step)
    return visit.go(_path(visit))


@PAGE.post("/expression", action=WRITE)
async def try_expression(visit: PortalVisit) -> Response:
    """The part below an expression that is being typed: its tree and its value for somebody, or what is wrong with it
    and where."""
    kind, text = drafting.object_type(visit), visit.form.raw("source")
    if visit.form.text("type") != "Expression" or not text.strip():
        return _read(visit)
    try:
        tree, compiled = parse(text), compile_expression(text)
    except ExpressionError as error:
        return _read(visit, error=error)
    unknown, name = unknown_attribute(compiled.attributes, kind), visit.form.text("user")
    if unknown is not None or not name:
        return _read(visit, tree=tree, problem=unknown)
    try:
        document = drafting.document(visit, await drafting.draft_of(visit))
        who, offered = await drafting.offered(visit, kind, name, document)
        value = compiled.evaluate(offered)
    except (ExpressionError, Refusal) as error:
        return _read(visit, tree=tree, problem=str(error))
    reads = {item: offered.attributes.get(item) for item in sorted(compiled.attributes)}
    return _read(visit, tree=tree, who=who, value=value.value if isinstance(value, Flow) else value, reads=reads)


def _read(visit: PortalVisit, **found: Any) -> Response:
    nothing = {"tree": None, "error": None, "problem": None, "who": None}
    return visit.part("expression", **{**nothing, **found})


@PAGE.post("/save", action=WRITE)
async def save(visit: PortalVisit) -> Response:
    draft = await drafting.draft_of(visit)
    if draft is None:
        raise NotFound("There is nothing to save: no mapping was edited.")
    if draft.mark != visit.form.text("mark"):
        raise Conflict(OTHERS)
    return await drafting.save(visit, _path(visit), draft, seen=draft.mark)


@PAGE.post("/discard", action=WRITE)
async def discard(visit: PortalVisit) -> Response:
    await drafting.discard(visit)
    return visit.go(visit.form.text("then").removeprefix(visit.start) or _path(visit))


@PAGE.part("/preview")
async def preview(visit: PortalVisit) -> Response:
    """The part that says what the next cycle would change, asked for until the dry run has ended."""
    return await drafting.shown(visit, visit.query("mark"))


#: What *Add New Mapping* begins with.
_EMPTY = {
    "type": "Direct",
    "source": "",
    "default": "",
    "target": "",
    "match": False,
    "precedence": 0,
    "apply": "always",
}


def target_directory(document: Any) -> str:
    """The name of the application's side in the document, like ``customappsso``."""
    return str(document["synchronizationRules"][0].get("targetDirectoryName") or "the application")


def _path(visit: PortalVisit) -> str:
    return visit.app_url(f"/mappings/{visit.parameter('object')}")


def _given(visit: PortalVisit) -> dict[str, str]:
    """What the mapping is made from, as the functions that edit take it."""
    kind, source = visit.form.text("type"), visit.form.text("source")
    if kind == "None":
        return {}
    if kind not in TYPES:
        raise Invalid("Choose a mapping type.")
    if kind == "Constant":
        return {"constant": visit.form.raw("source")}
    if not source:
        raise Invalid("Say where the value comes from: a source attribute or an expression.")
    return {"expression": source} if kind == "Expression" else {"attribute": source.strip("[]")}


def _precedence(visit: PortalVisit, rows: list[dict[str, Any]]) -> int:
    """The matching precedence that the form means: the next free one when it says Yes and no number."""
    if visit.form.text("match") != "Yes":
        return 0
    number = visit.form.number("precedence", "The matching precedence")
    edited = visit.form.text("edited")
    taken = [row["precedence"] for row in rows if row["target"] != edited]
    if number < 0:
        raise Invalid("A matching precedence is 1 or more.")
    return number or max(taken, default=0) + 1
