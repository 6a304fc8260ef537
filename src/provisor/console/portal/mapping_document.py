"""*Review your schema*: the whole synchronizationSchema document as text, checked; an edit of the draft until *Save*.

Also the way back: *Restore default mappings*.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from provisor import jsongate
from provisor.console import drafting
from provisor.console.forms import LARGEST
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.provisioning import edit_object
from provisor.provisioning.check import check
from provisor.provisioning.schema import compile_schema
from provisor.refusal import Invalid

PAGE = Page(
    "mapping_document", "/applications/{application:uuid}/mappings/{object}/document", action="application.read"
)
WRITE = "provisioning.write"


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    draft = await drafting.draft_of(visit)
    document = drafting.document(visit, draft)
    return visit.render(
        kind=drafting.object_type(visit),
        text=json.dumps(document, indent=2, ensure_ascii=False),
        differences=drafting.differences(visit, draft),
        mark=draft.mark if draft else "",
    )


@PAGE.post("/check", action=WRITE)
async def look(visit: PortalVisit) -> Response:
    """The part that says what is wrong with the document as it stands in the form, or that nothing is."""
    try:
        findings, error = check(_typed(visit)), None
    except Invalid as refused:
        findings, error = [], str(refused)
    return visit.part("findings", findings=findings, error=error)


@PAGE.post("", action=WRITE)
async def keep(visit: PortalVisit) -> Response:
    document = _typed(visit)
    compile_schema(document)
    await drafting.change(visit, lambda _: document)
    return visit.go(visit.app_url(f"/mappings/{visit.parameter('object')}"))


@PAGE.post("/restore", action=WRITE)
async def restore(visit: PortalVisit) -> Response:
    await drafting.change(visit, lambda document: edit_object.restored(document, visit.app.template))
    return visit.go(visit.app_url(f"/mappings/{visit.parameter('object')}"))


def _typed(visit: PortalVisit) -> Mapping[str, Any]:
    """The document in the form. Raises Invalid, with line and column where it is no JSON."""
    text = visit.form.raw("document")
    try:
        document = jsongate.loads(text.encode(), limit=LARGEST, depth=64)
    except jsongate.JsonError as error:
        raise Invalid(str(error)) from None
    if not isinstance(document, dict):
        raise Invalid("This is no synchronizationSchema document: it must be an object.")
    return document
