"""*Access Tokens*: everybody's with their health; *Generate New Token*, shown once; revoking; who may have one.

A token that an application provisions with must be somebody's whom that application does not manage: the dialog says
so, and whether this admin is managed now. The list says of each token when it was used and refused last, and what is
wrong with its owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.responses import Response

from provisor.console.page import Page
from provisor.console.visit import WorkspaceVisit
from provisor.refusal import Invalid
from provisor.storage.pool import Row, Tx
from provisor.sync.ledger import managed_by
from provisor.workspace import groups, token_rules, tokens, users
from provisor.workspace.edit import Workspace

PAGE = Page("access_tokens", "/tokens", action="workspace.admin")
_SOON: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Health:
    """A token with its state; ``warnings`` are sentences about what is going to be, or is, in the way."""

    row: Row
    state: str
    warnings: list[str]

    @property
    def last(self) -> datetime | None:
        """When somebody came with it last, whether or not they got what they wanted."""
        return max(filter(None, (self.row["last_used"], self.row["refused_at"])), default=None)


@PAGE.get
async def show(visit: WorkspaceVisit) -> Response:
    async with visit.house.database.snapshot() as tx:
        managing = await managed_by(tx, visit.user_id)
        shown = await alive(tx, visit.workspace)
        permitted = await token_rules.permitted(tx, visit.workspace)
    address = await visit.house.tenant_url(visit.workspace)
    return visit.render(
        tokens=shown, managing=managing, lifetime=_lifetime(visit), address=address, permitted=permitted
    )


async def alive(tx: Tx, workspace: Workspace) -> list[Health]:
    """The tokens that were not revoked."""
    rows = [row for row in await tokens.everyone(tx, workspace) if row["revoked"] is None]
    managers = {owner: await managed_by(tx, owner) for owner in {row["owner"] for row in rows}}
    return [Health(row, tokens.state(row), _warnings(row, managers[row["owner"]])) for row in rows]


def _warnings(row: Row, managers: list[str]) -> list[str]:
    found = []
    if managers:
        found.append(f"{row['user_name']} is provisioned by {', '.join(managers)}, which can disable this token.")
    if row["expires"] and not row["expired"] and row["expires"] - datetime.now(UTC) < _SOON:
        found.append("It expires within two weeks.")
    return found


def _lifetime(visit: WorkspaceVisit) -> int:
    longest = visit.workspace.longest_token_days
    return min(tokens.LIFETIME_DAYS, longest) if longest else tokens.LIFETIME_DAYS


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


@PAGE.post("/rules")
async def set_rules(visit: WorkspaceVisit) -> Response:
    days = visit.form.number("longest", "The longest lifetime")
    async with visit.edit() as edit:
        await token_rules.set_rules(edit, enabled=visit.form.ticked("enabled"), longest_days=int(days))
    return await visit.done("/tokens", "Saved.")


@PAGE.post("/permit")
async def permit(visit: WorkspaceVisit) -> Response:
    name = visit.form.text("name")
    if not name:
        raise Invalid("Name a user or a group of this workspace.")
    async with visit.edit() as edit:
        await token_rules.permit(edit, [await groups.principal(edit, name)])
    return await visit.done("/tokens", f"{name} may use access tokens now.")


@PAGE.post("/forbid")
async def forbid(visit: WorkspaceVisit) -> Response:
    async with visit.edit() as edit:
        ended = await token_rules.forbid(edit, visit.form.text("principal"))
    return await visit.done("/tokens", f"Saved. {ended} {'token has' if ended == 1 else 'tokens have'} ended.")
