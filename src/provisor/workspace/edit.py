"""One edit of a workspace: a transaction with its workspace, its actor and its audit rows.

    async with edit(database, workspace, actor) as work:
        await users.remove(work, "ada@contoso.com")

Whoever has a transaction already (a door that recognised a token in it) makes the Edit and calls ``finish`` itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from provisor import audit
from provisor.access.actors import Actor
from provisor.access.roles import may, require
from provisor.scim.profiles import resource_types
from provisor.scim.schema import ResourceType
from provisor.storage.pool import Database, Row, Tx
from provisor.storage.queries import queries

QUERIES = queries("workspace")


@dataclass(frozen=True, slots=True)
class Workspace:
    """``id`` is what Databricks calls the organisation id; ``profile`` is ``databricks`` or ``standard``.

    ``strict``: what the RFCs do not say is refused. ``extensions``: its own, as ``profiles.resource_types`` takes them.
    ``longest_token_days``: 0 for no limit. ``sign_in_tenant``: through whose OpenID provider its people sign in.
    """

    id: int
    name: str
    profile: str
    group_rename: str
    created: datetime
    strict: bool = False
    extensions: str = ""
    tokens_enabled: bool = True
    longest_token_days: int = 0
    sign_in_tenant: UUID | None = None

    @classmethod
    def of(cls, row: Row) -> Workspace:
        """From a row of ``workspaces`` or of an arrival, whose columns are named alike."""
        return cls(
            row["workspace"],
            row["name"],
            row["profile"],
            row["group_rename"],
            row["workspace_created"],
            row["strict"],
            row["extensions"],
            row["tokens_enabled"],
            row["longest_token_days"],
            row["sign_in_tenant"],
        )

    @property
    def databricks(self) -> bool:
        return self.profile == "databricks"

    @property
    def log(self) -> str:
        """Whose audit log it is."""
        return f"workspace/{self.name}"

    @property
    def realm(self) -> str:
        """Whose sessions and links are its people's."""
        return f"workspace/{self.id}"


def types(workspace: Workspace) -> Mapping[str, ResourceType]:
    """The resource types of a workspace by name, its own extensions among their attributes."""
    renamable = workspace.databricks and workspace.group_rename == "allow"
    return resource_types(workspace.profile, workspace.extensions, renamable=renamable)


@dataclass(slots=True)
class Edit:
    tx: Tx
    workspace: Workspace
    actor: Actor
    entries: list[audit.Entry] = field(default_factory=list)

    def require_admin(self) -> None:
        """Raise Forbidden unless the actor is an admin of this workspace, or operates the installation."""
        if not may(self.actor, "workspace.operate"):
            require(self.actor, "workspace.admin")

    def record(self, action: str, what: str, identity: str, before: Any = None, after: Any = None) -> None:
        self.entries.append(audit.Entry(action, what, identity, before=before, after=after))

    def record_change(self, what: str, identity: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """One row with the attributes that differ; none when nothing does."""
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        if names:
            old = {name: before.get(name) for name in names}
            self.record("change", what, identity, old, {name: after.get(name) for name in names})

    async def finish(self) -> None:
        await audit.record(self.tx, self.workspace.log, self.actor, self.entries)


@asynccontextmanager
async def edit(database: Database, workspace: Workspace, actor: Actor) -> AsyncIterator[Edit]:
    """An edit that commits when the block ends and leaves nothing behind when it raises."""
    async with database.transaction() as tx:
        work = Edit(tx, workspace, actor)
        yield work
        await work.finish()
