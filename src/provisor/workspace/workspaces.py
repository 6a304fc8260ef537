"""Workspaces of an installation: created with their first admin, found by name.

A new workspace has its admin, the reserved groups ``admins`` (with that admin in it) and ``users`` (with everybody),
and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from provisor.access.actors import PROVISOR, Actor
from provisor.access.roles import require
from provisor.refusal import Conflict, Invalid, NotFound
from provisor.scim.errors import ScimError
from provisor.scim.extensions import parse
from provisor.scim.schema import ResourceType, Schema
from provisor.storage.pool import Tx
from provisor.workspace import groups, rules, users
from provisor.workspace.edit import QUERIES, Edit, Workspace, types

PROFILES: Final = ("databricks", "standard")
_LONGEST_EXTENSIONS: Final = 262_144
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
    sign_in_tenant: UUID | None = None,
) -> Workspace:
    """A workspace ``name`` whose first admin is the user ``admin`` (a user name), for the people of a tenant (its
    id)."""
    require(actor, "workspace.operate")
    _check(name, profile, group_rename)
    if strict and profile != "standard":
        raise Invalid(f"A {profile} workspace takes what Databricks' clients send: only a standard one is strict.")
    row = await tx.fetchrow(
        QUERIES.workspace_insert, rules.new_number(), name, profile, group_rename, strict, sign_in_tenant
    )
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
    if sign_in_tenant is not None:
        after["signInTenant"] = str(sign_in_tenant)
    logged.record("create", f"workspace {name}", str(workspace.id), after=after)
    await logged.finish()
    return workspace


async def get(tx: Tx, name: str) -> Workspace:
    """The workspace called ``name``. Raises NotFound."""
    row = await tx.fetchrow(QUERIES.workspace_by_name, name)
    if row is None:
        raise NotFound(f"There is no workspace {name}: provisor workspace list shows them.")
    return Workspace.of(row)


async def first(tx: Tx) -> Workspace | None:
    """The workspace that was made first, which answers at the root; None when there is none yet."""
    row = await tx.fetchrow(QUERIES.workspace_by_name, None)
    return Workspace.of(row) if row else None


async def everyone(tx: Tx) -> list[Workspace]:
    return [Workspace.of(row) for row in await tx.fetch(QUERIES.workspaces)]


async def set_group_rename(work: Edit, group_rename: str) -> None:
    """Whether groups may be renamed: ``refuse`` or ``allow``."""
    work.require_admin()
    _check(work.workspace.name, work.workspace.profile, group_rename)
    if group_rename != work.workspace.group_rename:
        await work.tx.execute(QUERIES.workspace_group_rename, work.workspace.id, group_rename)
        before = {"groupRename": work.workspace.group_rename}
        after = {"groupRename": group_rename}
        work.record("change", f"workspace {work.workspace.name}", str(work.workspace.id), before, after)


async def set_sign_in_tenant(work: Edit, tenant: UUID | None) -> None:
    """Through which tenant (its id) the workspace's people sign in; None: nobody does. Sessions stay as they are."""
    work.require_admin()
    before = work.workspace.sign_in_tenant
    if tenant != before:
        await work.tx.execute(QUERIES.workspace_sign_in_tenant, work.workspace.id, tenant)
        what, identity = f"workspace {work.workspace.name}", str(work.workspace.id)
        old, new = ({"signInTenant": str(item) if item else None} for item in (before, tenant))
        work.record("change", what, identity, old, new)


async def add_extension(work: Edit, resource_type: str, document: Any) -> Schema:
    """Attributes of the organisation's own for ``User``, ``Group`` or ``ServicePrincipal`` (RFC 7643 §7, decoded).

    An extension that is there already may get further attributes; those that it has stay as they are. Raises
    Invalid for what cannot be done, Conflict when attributes would change.
    """
    work.require_admin()
    try:
        schema = parse(document)
    except ScimError as error:
        raise Invalid(error.detail) from None
    found, now = await _extensions(work)
    if resource_type not in now:
        raise Invalid(f"{resource_type!r} is no resource type of {work.workspace.name}: {', '.join(now)}.")
    for name, kind in now.items():
        known = kind.extension(schema.id)
        if known is not None and (name != resource_type or known.id != schema.id):
            raise Conflict(f"{known.id} is there already, for {name}.")
        if known is not None:
            _grown(known, schema)
        for other in kind.extensions:
            # Where one id begins with the other, a path could mean an attribute of either.
            one, two = sorted((other.id.lower(), schema.id.lower()), key=len)
            if one != two and two.startswith((f"{one}:", f"{one}.")):
                raise Conflict(f"{schema.id} and {other.id} begin alike: a path could mean either of them.")
    own = [item for item in found.get(resource_type, []) if item["id"] != schema.id]
    shown = schema.to_json("")
    own.append({name: shown[name] for name in ("id", "name", "description", "attributes")})
    await _store_extensions(work, {**found, resource_type: own})
    return schema


async def remove_extension(work: Edit, urn: str) -> None:
    """Take an extension away again. Raises NotFound, and Conflict while something has values of it."""
    work.require_admin()
    found, _ = await _extensions(work)
    left = {name: [item for item in items if item["id"].lower() != urn.lower()] for name, items in found.items()}
    if left == found:
        raise NotFound(f"{work.workspace.name} has no extension {urn}.")
    urn = next(item["id"] for items in found.values() for item in items if item["id"].lower() == urn.lower())
    holder = await work.tx.fetchval(QUERIES.workspace_extension_used, work.workspace.id, urn)
    if holder is not None:
        raise Conflict(f"{holder} has values of {urn}, and others may: remove those first.")
    await _store_extensions(work, {name: items for name, items in left.items() if items})


async def _extensions(work: Edit) -> tuple[dict[str, list[Any]], Mapping[str, ResourceType]]:
    """The extensions by resource type as they are now, and what they make of the types; locked until the end."""
    text = await work.tx.fetchval(QUERIES.workspace_extensions, work.workspace.id)
    return json.loads(text or "{}"), types(replace(work.workspace, extensions=text))


async def _store_extensions(work: Edit, extensions: Mapping[str, list[Any]]) -> None:
    text = json.dumps(extensions) if extensions else ""
    if len(text) > _LONGEST_EXTENSIONS:
        raise Invalid(f"The extensions of a workspace have at most {_LONGEST_EXTENSIONS} characters in all.")
    before = await work.tx.fetchval(QUERIES.workspace_set_extensions, work.workspace.id, text)
    work.record(
        "change",
        f"workspace {work.workspace.name}",
        str(work.workspace.id),
        {"extensions": _urns(before)},
        {"extensions": _urns(text)},
    )


def _urns(extensions: str) -> list[str]:
    return [item["id"] for items in json.loads(extensions or "{}").values() for item in items]


def _grown(before: Schema, after: Schema) -> None:
    """Refuse when an attribute is not what it was: values of it are there."""
    now = {attribute.name: attribute for attribute in after.attributes}
    for attribute in before.attributes:
        if now.get(attribute.name) != attribute:
            raise Conflict(
                f"{before.id}:{attribute.name} is there already and stays as it is: an extension gets further "
                "attributes only. To change one, remove the extension first."
            )


def _check(name: str, profile: str, group_rename: str) -> None:
    if not _NAME.fullmatch(name):
        raise Invalid(f"{name!r} cannot be a workspace's name: use 1 to 63 small letters, digits and hyphens.")
    if profile not in PROFILES:
        raise Invalid(f"{profile!r} is not a profile: {', '.join(PROFILES)}.")
    if group_rename not in ("refuse", "allow"):
        raise Invalid(f"{group_rename!r} is not a rule for renaming groups: refuse or allow.")
