"""*Settings*: everything that a workspace can be told, where each is set, and what the installation sets for it.

What can be changed here has the same effect, and the same row in the audit log, as ``provisor workspace set``,
``sign-in`` and ``extension``. Through which tenant people sign in is named by whoever administers that tenant: an
admin of the workspace can end it, and name none.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from provisor import jsongate
from provisor.console.forms import LARGEST
from provisor.console.page import Page
from provisor.console.visit import WorkspaceVisit
from provisor.console.workspace.sign_in import tenant
from provisor.refusal import Invalid
from provisor.workspace import tokens, workspaces
from provisor.workspace.edit import types

PAGE = Page("settings", "/settings", action="workspace.admin")


@PAGE.get
async def show(visit: WorkspaceVisit) -> Response:
    address = await visit.house.tenant_url(visit.workspace)
    extensions = json.loads(visit.workspace.extensions or "{}")
    return visit.render(
        tenant=await tenant(visit),
        address=address,
        rfc=f"{await visit.house.public_url()}/w/{visit.workspace.name}/scim/v2",
        extensions=[_shown(kind, item) for kind, items in extensions.items() for item in items],
        kinds=[(name, name) for name in types(visit.workspace)],
        lifetime=tokens.LIFETIME_DAYS,
        quota=tokens.QUOTA,
        settings=visit.house.settings,
    )


@PAGE.post("/groups")
async def set_groups(visit: WorkspaceVisit) -> Response:
    async with visit.edit() as edit:
        await workspaces.set_group_rename(edit, visit.form.text("group_rename"))
    return await visit.done("/settings", "Saved.")


@PAGE.post("/sign-in/end")
async def end_sign_in(visit: WorkspaceVisit) -> Response:
    async with visit.edit() as edit:
        await workspaces.set_sign_in_tenant(edit, None)
    return await visit.done("/settings", "Nobody signs in through a tenant any more. Sessions that are open stay open.")


@PAGE.post("/extensions")
async def add_extension(visit: WorkspaceVisit) -> Response:
    document = _typed(visit)
    async with visit.edit() as edit:
        schema = await workspaces.add_extension(edit, visit.form.text("resource_type"), document)
    return await visit.done("/settings", f"Each {visit.form.text('resource_type')} can have {schema.id} now.")


@PAGE.post("/extensions/remove")
async def remove_extension(visit: WorkspaceVisit) -> Response:
    urn = visit.form.text("urn")
    async with visit.edit() as edit:
        await workspaces.remove_extension(edit, urn)
    return await visit.done("/settings", f"{visit.workspace.name} has no {urn} any more.")


def _shown(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    names = [attribute["name"] for attribute in item["attributes"]]
    return {"kind": kind, "id": item["id"], "names": names, "text": json.dumps(item, indent=2, ensure_ascii=False)}


def _typed(visit: WorkspaceVisit) -> Any:
    """The schema in the form. Raises Invalid, with line and column where it is no JSON."""
    text = visit.form.raw("document")
    if not text.strip():
        raise Invalid("Paste the schema as JSON, in the form of RFC 7643 §7.")
    try:
        return jsongate.loads(text.encode(), limit=LARGEST)
    except jsongate.JsonError as error:
        raise Invalid(f"The schema is not JSON that can be used: {error}") from None
