"""Whether access tokens are used in a workspace, by whom, and how long they live at most.

Admins may always use them; others when they, or a group above them, were given the permission. Who loses it when the
list of permissions is replaced loses the tokens with it. Turning tokens off deletes none: every one is refused until
they are turned on again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from provisor.refusal import Forbidden, Invalid
from provisor.storage.pool import Tx
from provisor.workspace.edit import QUERIES, Edit, Workspace

_LONGEST_DAYS: Final = 36_500


@dataclass(frozen=True, slots=True)
class Permitted:
    """Somebody who may use access tokens: ``type`` is ``User``, ``ServicePrincipal`` or ``Group``."""

    id: str
    type: str
    name: str


async def require(tx: Tx, workspace: Workspace, user: str, *, admin: bool) -> None:
    """Raise Forbidden unless the user with this id may make access tokens now."""
    if not workspace.tokens_enabled:
        raise Forbidden(f"Access tokens are turned off in the workspace {workspace.name}.")
    if not admin and not await tx.fetchval(QUERIES.token_permitted, workspace.id, user):
        raise Forbidden("You may not use access tokens in this workspace: an admin can permit it.")


async def permitted(tx: Tx, workspace: Workspace) -> list[Permitted]:
    """Who was given the permission, admins aside, by name."""
    rows = await tx.fetch(QUERIES.token_permissions, workspace.id)
    return [Permitted(row["principal"], row["type"], row["name"]) for row in rows]


async def permit(work: Edit, principals: Collection[str]) -> None:
    """Give the permission to these users, service principals and groups (ids), beside those that have it."""
    work.require_admin()
    await work.tx.execute(QUERIES.workspace_lock, work.workspace.id)
    before = await _names(work)
    await work.tx.execute(QUERIES.token_permission_add, work.workspace.id, list(principals))
    await _changed(work, before)


async def forbid(work: Edit, principal: str) -> int:
    """Take the permission from one who has it; returns how many tokens died with it."""
    work.require_admin()
    await work.tx.execute(QUERIES.workspace_lock, work.workspace.id)
    return await permit_only(
        work, [item.id for item in await permitted(work.tx, work.workspace) if item.id != principal]
    )


async def permit_only(work: Edit, principals: Collection[str]) -> int:
    """Give the permission to these and nobody else; returns how many tokens died with it: those of owners who had the
    permission and have it no more."""
    work.require_admin()
    await work.tx.execute(QUERIES.workspace_lock, work.workspace.id)
    before = await _names(work)
    able = [row["owner"] for row in await work.tx.fetch(QUERIES.token_owners_permitted, work.workspace.id)]
    await work.tx.execute(QUERIES.token_permission_keep, work.workspace.id, list(principals))
    await work.tx.execute(QUERIES.token_permission_add, work.workspace.id, list(principals))
    await _changed(work, before)
    gone = await work.tx.fetch(QUERIES.tokens_without_permission, work.workspace.id, able)
    for row in gone:
        work.record("revoke token", f"token {row['id'][:12]}", row["id"], before={"owner": row["user_name"]})
    return len(gone)


async def set_rules(work: Edit, *, enabled: bool | None = None, longest_days: int | None = None) -> None:
    """Turn tokens on or off, and limit how long new ones live (0: no limit); None leaves things as they are."""
    work.require_admin()
    if longest_days is not None and not 0 <= longest_days <= _LONGEST_DAYS:
        raise Invalid(f"The longest lifetime of a token is 0 (no limit) to {_LONGEST_DAYS} days.")
    row = await work.tx.fetchrow(QUERIES.workspace_token_rules, work.workspace.id, enabled, longest_days)
    before = {"tokensEnabled": row["was_enabled"], "longestTokenDays": row["was_longest"]}
    after = {"tokensEnabled": row["tokens_enabled"], "longestTokenDays": row["longest_token_days"]}
    work.record_change(f"workspace {work.workspace.name}", str(work.workspace.id), before, after)


async def _names(work: Edit) -> list[str]:
    return [item.name for item in await permitted(work.tx, work.workspace)]


async def _changed(work: Edit, before: list[str]) -> None:
    after = await _names(work)
    what, identity = f"workspace {work.workspace.name}", str(work.workspace.id)
    work.record_change(what, identity, {"tokenUsers": before}, {"tokenUsers": after})
