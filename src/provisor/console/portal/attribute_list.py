"""*Edit attribute list*: what the application's users or groups can say; one form, saved as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from starlette.responses import Response

from provisor.connectors.base import TargetError
from provisor.console import drafting
from provisor.console.forms import Form
from provisor.console.page import Page
from provisor.console.portal.attribute_mappings import target_directory
from provisor.console.visit import PortalVisit
from provisor.directory.drafts import OTHERS, Draft, mark_of
from provisor.provisioning import edit as editing
from provisor.provisioning.discovery import add_discovered
from provisor.provisioning.schema import OBJECT_TYPES, target_definitions
from provisor.refusal import Conflict, Invalid

PAGE = Page("attribute_list", "/applications/{application:uuid}/attributes/{object}", action="application.read")
#: Form field → the name of what it ticks: in the document, and for the function that sets it.
TICKS: Final = {
    "primary": ("anchor", "primary"),
    "required": ("required", "required"),
    "multi": ("multivalued", "multi_valued"),
    "exact": ("caseExact", "exact_case"),
}


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    kind = drafting.object_type(visit)
    draft = await drafting.draft_of(visit)
    document = drafting.document(visit, draft)
    return visit.render(
        kind=kind,
        directory=target_directory(document),
        rows=target_definitions(document, kind),
        types=editing.TYPES,
        object_types=OBJECT_TYPES,
        referenced=lambda row: editing.referenced(document, row),
        differences=drafting.differences(visit, draft),
        mark=mark_of(document),
    )


@PAGE.post("/save", action="provisioning.write")
async def save(visit: PortalVisit) -> Response:
    """The form says the whole list: what comes of it is saved, and kept nowhere until then."""
    kind = drafting.object_type(visit)
    draft = await drafting.draft_of(visit)
    document, base = drafting.document(visit, draft), draft.base if draft else visit.app.schema
    seen = mark_of(document)
    if seen != visit.form.text("mark"):
        raise Conflict(OTHERS)
    wanted = Draft(base, edited(document, kind, visit.form), datetime.now(UTC))
    mappings = visit.app_url(f"/mappings/{visit.parameter('object')}")
    if wanted.schema == base:
        await drafting.discard(visit)
        return await visit.done(mappings, "Nothing was changed.")
    return await drafting.save(visit, mappings, wanted, seen=seen)


@PAGE.post("/discover", action="provisioning.write")
async def discover(visit: PortalVisit) -> Response:
    """Add what the target names in its /Schemas; an edit of the mappings' draft."""
    target = visit.house.target(visit.app, read_only=True)
    try:
        schemas = await target.schemas()
    except TargetError as error:
        raise Invalid(f"The target cannot be asked: {error}") from None
    finally:
        await target.close()
    here = visit.app_url(f"/attributes/{visit.parameter('object')}")
    added = add_discovered(drafting.document(visit, await drafting.draft_of(visit)), schemas)[1]
    if not added:
        return await visit.done(here, "The target names no attribute that is not on the lists.")
    await drafting.change(visit, lambda document: add_discovered(document, schemas)[0])
    return await visit.done(here, f"Added, and kept as an edit until you save: {', '.join(added)}.")


def edited(document: Mapping[str, Any], kind: str, form: Form) -> Mapping[str, Any]:
    """The document with the list as the form has it. Rows that the form does not name stay as they are."""
    ticked = {name: set(form.every(name)) for name in TICKS}
    types = dict(zip(form.every("name"), form.every("type"), strict=False))
    pointed = dict(zip(form.every("name"), form.every("referenced"), strict=False))
    new = form.text("new")
    if new:
        document = editing.add_attribute(document, kind, new, kind=form.text("new_type") or "String")
    # First everything that is set, so that another attribute can become Primary before one is deleted.
    for turned_on in (True, False):
        for row in list(target_definitions(document, kind)):
            if row["name"] in types:
                document = _set(document, kind, row, ticked, types[row["name"]], turned_on)
    for row in list(target_definitions(document, kind)):
        name = row["name"]
        if name in pointed and pointed[name] != editing.referenced(document, row):
            document = editing.set_attribute(document, kind, name, referenced=pointed[name])
    for name in form.every("delete"):
        document = editing.delete_attribute(document, kind, name)
    return document


def _set(
    document: Mapping[str, Any], kind: str, row: Mapping[str, Any], ticked: Mapping[str, set[str]], of: str, on: bool
) -> Mapping[str, Any]:
    """Tick (``on``) or untick what differs in one row."""
    name = row["name"]
    given: dict[str, Any] = {
        argument: on
        for tick, (stored, argument) in TICKS.items()
        if bool(row.get(stored)) is not on and (name in ticked[tick]) is on
    }
    if of != row.get("type"):
        given["kind"] = of
    return editing.set_attribute(document, kind, name, **given) if given else document
