"""Editing mappings in a draft: what the mapping pages share.

An edit takes the document as the viewer's draft has it, or the application's own, and keeps what comes out as a draft.
*Save* shows first what the next cycle would change when it would change it at once: provisioning is On. Otherwise it
saves, and shows it then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from provisor.console.visit import PortalVisit
from provisor.directory import drafts, groups, users
from provisor.directory.drafts import Draft
from provisor.directory.source import DirectorySource
from provisor.expressions import Inputs
from provisor.provisioning import edit as editing
from provisor.provisioning.map import given
from provisor.provisioning.schema import compile_schema
from provisor.provisioning.scope import SourceObject, evaluate
from provisor.refusal import NotFound
from provisor.sync.cycle import Result, dry_run
from provisor.sync.history import History
from provisor.sync.previews import Preview

#: Object types as they stand in addresses.
OBJECTS = {"user": "User", "group": "Group"}
#: Seconds that *Save* waits for a dry run before it says that one is being made.
PATIENCE = 1.5
#: Rows of a plan that are shown before saving; the plan's page has all.
SHOWN = 12


def object_type(visit: PortalVisit) -> str:
    """The object type in the page's address. Raises NotFound."""
    found = OBJECTS.get(visit.parameter("object"))
    if found is None:
        raise NotFound("Mappings are of users or of groups.")
    return found


async def draft_of(visit: PortalVisit) -> Draft | None:
    """The viewer's unsaved edits."""
    async with visit.house.database.reading() as tx:
        return await drafts.get(tx, visit.tenant, visit.app.id, visit.me.id)


def document(visit: PortalVisit, draft: Draft | None) -> Mapping[str, Any]:
    """The document as it is edited."""
    return draft.schema if draft else visit.app.schema


async def offered(visit: PortalVisit, kind: str, name: str, of: Mapping[str, Any]) -> tuple[SourceObject, Inputs]:
    """Somebody, or a group, with this name, and what expressions read of them with the mappings ``of``. Raises
    Refusal."""
    finding = users.find if kind == "User" else groups.find
    async with visit.house.database.reading() as tx:
        identity = str((await finding(tx, visit.tenant, name)).id)
    source = (await DirectorySource(visit.house.database, visit.tenant, visit.app.id).read(kind, [identity]))[identity]
    scope = evaluate(source, compile_schema(of).of(kind), all_objects=visit.app.scope == "all")
    return source, given(source, visit.house.inputs(visit.tenant), soft_deleted=not scope.inside)


def differences(visit: PortalVisit, draft: Draft | None) -> list[str]:
    return editing.differences(draft.base, draft.schema) if draft else []


async def change(visit: PortalVisit, step: drafts.Step) -> None:
    """Do an edit to the draft."""
    async with visit.edit() as work:
        await drafts.change(work, visit.app.id, visit.me.id, step)


async def discard(visit: PortalVisit) -> None:
    async with visit.edit() as work:
        await drafts.discard(work, visit.app.id, visit.me.id)


async def save(visit: PortalVisit, then: str, draft: Draft, *, seen: str) -> Response:
    """*Save*: show what ``draft`` would change, or save it. ``then`` is where to go on; ``seen`` is the mark of the
    document that the page showed."""
    if visit.app.provisioning == "On" and visit.app.connected and visit.form.text("confirmed") != draft.mark:
        preview = start(visit, draft)
        await visit.house.previews.wait(key(visit, draft.mark), PATIENCE)
        if preview.result is None or not preview.result.empty:
            return await shown(visit, draft.mark)
    async with visit.edit() as work:
        await drafts.save(work, visit.app.id, visit.me.id, draft, seen)
    saved = "Saved."
    if visit.app.provisioning != "On" and visit.app.connected:
        start(visit)
        then += "?saved=1"
    elif visit.app.provisioning == "On":
        saved = "Saved. The next cycle looks at everything again with these mappings."
    return await visit.done(then, saved)


def key(visit: PortalVisit, mark: str = "") -> str:
    """Which dry run is meant: that of the next cycle, or that of the draft with this mark."""
    return f"{visit.app.id}/{mark}" if mark else str(visit.app.id)


def start(visit: PortalVisit, draft: Draft | None = None, *, adopt: bool = False) -> Preview:
    """Begin a dry run; that of a draft looks at everything, as the cycle after saving it does."""

    async def work(preview: Preview) -> Result:
        schema = draft.schema if draft else None
        async with visit.house.job(visit.tenant, visit.app.id, read_only=True, schema=schema, adopt=adopt) as job:
            return await dry_run(job, preview.report, everything=draft is not None)

    return visit.house.previews.start(key(visit, draft.mark if draft else ""), work)


async def shown(visit: PortalVisit, mark: str = "") -> Response:
    """The part of a page that says what a dry run found; it renews itself until that has ended. With a draft's mark it
    asks whether to save that."""
    preview = visit.house.previews.of(key(visit, mark))
    rows: list[Any] = []
    if preview is not None and preview.result is not None:
        history = History(visit.house.database, visit.tenant.id, visit.app.id)
        rows = await history.planned(preview.result.cycle.id, (0, 0), SHOWN + 1)
    return visit.part(
        "preview",
        preview=preview,
        mark=mark,
        rows=rows[:SHOWN],
        more=len(rows) > SHOWN,
    )
