"""Workspaces of an installation: created with their first admin, found by name.

A new workspace has its admin, the reserved groups ``admins`` (with that admin in it) and ``users`` (with everybody),
and nothing else.
"""

from __future__ import annotations

import re
from typing import Any, Final

from provisor.access.actors import PROVISOR, Actor
from provisor.access.roles import require
from provisor.refusal import Conflict, Invalid, NotFound
from provisor.storage.pool import Row, Tx
from provisor.workspace import groups, rules, users
from provisor.workspace.edit import QUERIES, Edit, Workspace

PROFILES: Final = ("databricks", "standard")
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


async def create(
    tx: Tx,
    actor: Actor,
    name: str,
    *,
    admin: str,
    profile: str = "databricks",
    group_rename: str = "refuse",
    strict: bool = False,
) -> Workspace:
    """A workspace ``name`` whose first admin is the user ``admin`` (a user name)."""
    require(actor, "workspace.operate")
    _check(name, profile, group_rename)
    if strict and profile != "standard":
        raise Invalid(f"A {profile} workspace takes what Databricks' clients send: only a standard one is strict.")
    row = await tx.fetchrow(QUERIES.workspace_insert, rules.new_number(), name, profile, group_rename, strict)
    if row is None:
        raise Conflict(f"The workspace {name} exists already.")
    workspace = await get(tx, name)
    work = Edit(tx, workspace, PROVISOR)
    for group in (rules.ADMINS, rules.USERS):
        doc: dict[str, Any] = {"displayName": group}
        if workspace.databricks:
            doc["entitlements"] = [{"value": value} for value in rules.GRANTS[group]]
        await groups.insert(work, doc, reserved=True)
    await users.add(work, admin, {}, admin=True)
    # The first admin is there because somebody made the workspace: that one row says so.
    logged = Edit(tx, workspace, actor)
    after = {"profile": profile, "groupRename": group_rename, "strict": strict, "admin": admin}
    logged.record("create", f"workspace {name}", str(workspace.id), after=after)
    await logged.finish()
    return workspace


async def get(tx: Tx, name: str) -> Workspace:
    """The workspace called ``name``. Raises NotFound."""
    row = await tx.fetchrow(QUERIES.workspace_by_name, name)
    if row is None:
        raise NotFound(f"There is no workspace {name}: provisor workspace list shows them.")
    return _workspace(row)


async def first(tx: Tx) -> Workspace | None:
    """The workspace that was made first, which answers at the root; None when there is none yet."""
    row = await tx.fetchrow(QUERIES.workspace_by_name, None)
    return _workspace(row) if row else None


async def everyone(tx: Tx) -> list[Workspace]:
    return [_workspace(row) for row in await tx.fetch(QUERIES.workspaces)]


async def set_group_rename(work: Edit, group_rename: str) -> None:
    """Whether groups may be renamed: ``refuse`` or ``allow``."""
    work.require_admin()
    _check(work.workspace.name, work.workspace.profile, group_rename)
    if group_rename != work.workspace.group_rename:
        await work.tx.execute(QUERIES.workspace_group_rename, work.workspace.id, group_rename)
        before = {"groupRename": work.workspace.group_rename}
        after = {"groupRename": group_rename}
        work.record("change", f"workspace {work.workspace.name}", str(work.workspace.id), before, after)


def _check(name: str, profile: str, group_rename: str) -> None:
    if not _NAME.fullmatch(name):
        raise Invalid(f"{name!r} cannot be a workspace's name: use 1 to 63 small letters, digits and hyphens.")
    if profile not in PROFILES:
        raise Invalid(f"{profile!r} is not a profile: {', '.join(PROFILES)}.")
    if group_rename not in ("refuse", "allow"):
        raise Invalid(f"{group_rename!r} is not a rule for renaming groups: refuse or allow.")


def _workspace(row: Row) -> Workspace:
    return Workspace(row["id"], row["name"], row["profile"], row["group_rename"], row["created"], row["strict"])
