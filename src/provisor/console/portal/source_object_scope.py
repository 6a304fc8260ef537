"""*Source Object Scope*: the scoping filters of users or groups; edits of the mappings' draft until *Save*."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from provisor.console import drafting
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.provisioning import edit_object
from provisor.provisioning.filters import OPERATORS, clause
from provisor.provisioning.source_names import source_attributes

PAGE = Page(
    "source_object_scope", "/applications/{application:uuid}/mappings/{object}/scope", action="application.read"
)
#: Clauses that the form of a new filter has room for.
ROWS: Final = 5


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    kind = drafting.object_type(visit)
    draft = await drafting.draft_of(visit)
    settings = edit_object.settings(drafting.document(visit, draft), kind)
    attributes = source_attributes(kind)
    return visit.render(
        kind=kind,
        settings=settings,
        operators=OPERATORS,
        attributes=sorted(
            (name for name, of in attributes.items() if of != "Reference" and not of.endswith("[]")), key=str.casefold
        ),
        places=range(1, ROWS + 1),
        differences=drafting.differences(visit, draft),
        mark=draft.mark if draft else "",
    )


@PAGE.post("/add", action="provisioning.write")
async def add(visit: PortalVisit) -> Response:
    kind, form = drafting.object_type(visit), visit.form
    rows = zip(form.every("attribute"), form.every("operator"), form.every("value"), strict=False)
    clauses = [clause(attribute, operator, value, kind) for attribute, operator, value in rows if attribute]

    def step(document: Any) -> Any:
        return edit_object.add_filter(document, kind, form.text("title"), clauses)

    await drafting.change(visit, step)
    return visit.go(_path(visit))


@PAGE.post("/delete", action="provisioning.write")
async def delete(visit: PortalVisit) -> Response:
    kind, title = drafting.object_type(visit), visit.form.text("title")
    await drafting.change(visit, lambda document: edit_object.delete_filter(document, kind, title))
    return visit.go(_path(visit))


def _path(visit: PortalVisit) -> str:
    return visit.app_url(f"/mappings/{visit.parameter('object')}/scope")
