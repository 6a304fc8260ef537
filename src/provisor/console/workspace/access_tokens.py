"""*Access Tokens*: everybody's with their state; *Generate New Token*, shown once; revoking.

A token that an application provisions with must be somebody's whom that application does not manage: the dialog says
so, and whether this admin is managed now.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import WorkspaceVisit
from provisor.refusal import Invalid
from provisor.sync.ledger import managed_by
from provisor.workspace import tokens, users

PAGE = Page("access_tokens", "/tokens", action="workspace.admin")


@PAGE.get
async def show(visit: WorkspaceVisit) -> Response:
    async with visit.house.database.snapshot() as tx:
        rows = await tokens.everyone(tx, visit.workspace)
        managing = await managed_by(tx, visit.user_id)
    shown = [(row, tokens.state(row)) for row in rows if row["revoked"] is None]
    address = await visit.house.tenant_url(visit.workspace)
    return visit.render(tokens=shown, managing=managing, lifetime=tokens.LIFETIME_DAYS, address=address)


@PAGE.post()
async def generate(visit: WorkspaceVisit) -> Response:
    if not visit.form.text("days"):
        raise Invalid("Say for how many days the token lives; 0 makes one that never expires.")
    days = visit.form.number("days", "The lifetime")
    async with visit.edit() as edit:
        owner = await users.get(edit.tx, visit.workspace, visit.user_id)
        made: Any = await tokens.create(edit, owner, comment=visit.form.text("comment"), lifetime_days=days or None)
    return visit.part("once", what=f"The access token of {owner.name}", value=made.value)


@PAGE.post("/revoke")
async def revoke(visit: WorkspaceVisit) -> Response:
    async with visit.edit() as edit:
        await tokens.revoke(edit, visit.form.text("token"))
    return await visit.done("/tokens", "The token is revoked: it is refused from now on.")
