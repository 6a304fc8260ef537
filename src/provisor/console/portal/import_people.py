"""*Import*: a file of users, groups or members, pasted or chosen, and looked at before anything is written."""

from __future__ import annotations

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory.edit import Edit
from provisor.directory.importer import Imported, import_files
from provisor.refusal import Conflict, Invalid, Refusal

PAGE = Page("import_people", "/users/import", action="directory.write")
#: What a sentence about a row begins with, before its line.
_NAME = "Line"


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    return visit.render()


@PAGE.post("/check")
async def check(visit: PortalVisit) -> Response:
    """The part that says what would be imported, or why nothing can be. It is done and undone."""
    try:
        async with visit.edit() as edit:
            raise _Undone(await _imported(edit, visit))
    except _Undone as undone:
        return visit.part("import", said=str(undone.found), error=None)
    except Refusal as refused:
        return visit.part("import", said=None, error=str(refused))


@PAGE.post("")
async def bring(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        found = await _imported(edit, visit)
    return await visit.done("/users", f"Imported: {str(found) or 'nothing new'}.")


class _Undone(Exception):
    """Nothing is kept of a check but what it ``found``."""

    def __init__(self, found: Imported) -> None:
        super().__init__()
        self.found = found


async def _imported(edit: Edit, visit: PortalVisit) -> Imported:
    text = visit.form.raw("content")
    if not text.strip():
        raise Invalid("Choose a file, or paste what is in it.")
    try:
        return await import_files(edit, [(_NAME, text.encode())])
    except (Invalid, Conflict) as refused:
        # There is no file to name.
        raise type(refused)(str(refused).replace(f"{_NAME}:", f"{_NAME} ")) from None
