"""*Import*: a file of users, groups or members, pasted or chosen, and looked at before anything is written."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from provisor.audit import Entry
from provisor.console.page import Page
from provisor.console.visit import PortalVisit
from provisor.directory.edit import Edit
from provisor.directory.importer import Imported, import_files
from provisor.refusal import Conflict, Invalid, Refusal

PAGE = Page("import_people", "/users/import", action="directory.write")
#: What a sentence about a row begins with, before its line.
_NAME = "Line"
#: What would be done is listed up to so many.
_NAMED = 100


@PAGE.get
async def show(visit: PortalVisit) -> Response:
    return visit.render()


@PAGE.post("/check")
async def check(visit: PortalVisit) -> Response:
    """The part that says what would be imported, or why nothing can be. It is done and undone."""
    try:
        async with visit.edit() as edit:
            raise _Undone(await _imported(edit, visit), edit.entries)
    except _Undone as undone:
        which = [_in_words(entry) for entry in undone.entries[:_NAMED]]
        more = len(undone.entries) - len(which)
        return visit.part("import", said=str(undone.found), error=None, which=which, more=more)
    except Refusal as refused:
        return visit.part("import", said=None, error=str(refused))


@PAGE.post("")
async def bring(visit: PortalVisit) -> Response:
    async with visit.edit() as edit:
        found = await _imported(edit, visit)
    return await visit.done("/users", f"Imported: {str(found) or 'nothing new'}.")


def _in_words(entry: Entry) -> str:
    """What would be done to whom, and of a change which attributes it is of."""
    before, after = entry.before or {}, entry.after or {}
    if entry.action == "change":
        of = ", ".join(sorted(name for name in {**before, **after} if before.get(name) != after.get(name)))
    else:
        of = str(after["name"]) if entry.action == "add member" else ""
    return f"{entry.action} {entry.object}" + (f": {of}" if of else "")


class _Undone(Exception):
    """Nothing is kept of a check but what it ``found``, and the rows of the audit log that an import would write."""

    def __init__(self, found: Imported, entries: Sequence[Entry]) -> None:
        super().__init__()
        self.found = found
        self.entries = entries


async def _imported(edit: Edit, visit: PortalVisit) -> Imported:
    text = visit.form.raw("content")
    if not text.strip():
        raise Invalid("Choose a file, or paste what is in it.")
    try:
        return await import_files(edit, [(_NAME, text.encode())])
    except (Invalid, Conflict) as refused:
        # There is no file to name.
        raise type(refused)(str(refused).replace(f"{_NAME}:", f"{_NAME} ")) from None
