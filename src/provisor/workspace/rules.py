"""What a workspace's profile refuses, ignores and reserves.

``databricks`` is the page's workspace: decimal ids, small-letter user names that never change, e-mails that never
change, groups that keep their names, ``admins`` and ``users`` reserved. ``standard`` is RFC 7643 without those, but
``admins`` and ``users`` are what a workspace stands on and are reserved in both.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from provisor.access import sessions
from provisor.scim.schema import ResourceType
from provisor.storage.pool import Tx
from provisor.workspace.edit import QUERIES, Edit, Workspace, types
from provisor.workspace.refusals import Immutable, Unfit

ADMINS: Final = "admins"
USERS: Final = "users"
RESERVED: Final = frozenset({ADMINS, USERS})
#: What a Databricks workspace grants through its reserved groups.
GRANTS: Final = {
    ADMINS: ("workspace-access", "databricks-sql-access", "allow-cluster-create"),
    USERS: ("workspace-access", "databricks-sql-access"),
}
#: A longer one does not fit into an index entry whatever its script.
LONGEST: Final = 256
_IDS: Final = (10**15, 2**53)


def new_id(workspace: Workspace) -> str:
    """An id for a user or group. Decimal ones are below 2^53, which JavaScript and Go's float64 keep exactly."""
    if not workspace.databricks:
        return str(uuid4())
    return str(new_number())


def new_number() -> int:
    """A random number of 16 digits."""
    low, high = _IDS
    return low + secrets.randbelow(high - low)


def group_type(workspace: Workspace) -> ResourceType:
    return types(workspace)["Group"]


def check_text(doc: Mapping[str, Any], *attributes: str) -> None:
    """Refuse names that are blank or too long to be found again."""
    for attribute in attributes:
        value = doc.get(attribute)
        if not isinstance(value, str):
            continue
        if len(value) > LONGEST or not value.strip():
            raise Unfit(f"{attribute} must have 1 to {LONGEST} characters.")
        if any(unicodedata.category(char) == "Cc" for char in value):
            raise Unfit(f"{attribute} cannot hold control characters.")


def check_new_group(name: str) -> None:
    if name.casefold() in RESERVED:
        raise Immutable(f"The group name {name} is reserved: every workspace has that group already.")


def check_group_name(workspace: Workspace, before: str, after: str, *, reserved: bool) -> None:
    """Refuse another name for a reserved group, and for any group unless the workspace allows renaming."""
    if before == after:
        return
    if reserved:
        raise Immutable(f"The group {before} is reserved and cannot be renamed.")
    if workspace.databricks and workspace.group_rename != "allow":
        raise Immutable(f"Groups cannot be renamed: {before} keeps its name. Delete it and create {after} instead.")
    check_new_group(after)


def check_grants(workspace: Workspace, group: str, doc: Mapping[str, Any]) -> None:
    """Refuse to take from ``admins`` what makes them admins (databricks.md §1.7)."""
    if not workspace.databricks or group != ADMINS:
        return
    has = {item.get("value") for item in doc.get("entitlements") or ()}
    for value in GRANTS[ADMINS]:
        if value not in has:
            raise Immutable(f"{value} cannot be taken from the group {ADMINS}.")


async def active_admins(tx: Tx, workspace: Workspace) -> set[str]:
    """The ids of the admins who can do anything."""
    group = await tx.fetchrow(QUERIES.group_by_name, workspace.id, ADMINS)
    return {row["id"] for row in await tx.fetch(QUERIES.admins, workspace.id, group["id"])}


async def lose_admins(work: Edit, losing: set[str]) -> None:
    """Refuse when no active admin would be left without ``losing`` (ids of users); theirs is no console any more.

    The row of ``admins`` is locked first, so that two admins cannot remove each other at once.
    """
    group = await work.tx.fetchval(QUERIES.admins_lock, work.workspace.id)
    admins = {row["id"] for row in await work.tx.fetch(QUERIES.admins, work.workspace.id, group)}
    if admins and admins <= losing:
        raise Immutable(
            f"The last active admin of {work.workspace.name} cannot be removed, deactivated or demoted: "
            "make somebody else an admin first."
        )
    await sessions.close_all(work.tx, work.workspace.realm, *losing)
