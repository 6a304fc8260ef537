"""Rows of users and groups, and what they look like in SCIM.

A row keeps what a client wrote (``doc``: attributes in their canonical spelling) without what the server itself knows:
id, meta, schemas, and memberships, which stand in their own table. Pure: rows in, plain dicts out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from provisor.scim.resource import assemble
from provisor.scim.schema import ResourceType
from provisor.storage.pool import Row
from provisor.workspace.edit import Workspace
from provisor.workspace.principals import PRINCIPALS, USER, Principal
from provisor.workspace.rules import group_type

#: What the server says about a resource and no client writes into a row. A password is not kept at all: whoever
#: signs in does so through the directory.
_NOT_KEPT: Final = frozenset({"id", "meta", "schemas", "groups", "members", "password"})
#: What somebody who is no admin may read of others.
NAMES: Final = frozenset({"schemas", "id", "userName", "applicationId", "displayName"})


@dataclass(frozen=True, slots=True)
class User:
    """A user or, by ``principal``, a service principal.

    ``groups`` are the direct memberships (``value``, ``display``); None when they were not asked for.
    """

    id: str
    active: bool
    doc: Mapping[str, Any]
    version: int
    created: datetime
    modified: datetime
    groups: Sequence[Mapping[str, str]] | None = None
    principal: Principal = USER

    @property
    def name(self) -> str:
        return str(self.doc[self.principal.naming])


@dataclass(frozen=True, slots=True)
class Group:
    """``groups`` are the parents, ``members`` the direct members (``value``, ``type``, ``display``), when asked for."""

    id: str
    reserved: bool
    doc: Mapping[str, Any]
    version: int
    created: datetime
    modified: datetime
    groups: Sequence[Mapping[str, str]] | None = None
    members: Sequence[Mapping[str, str]] | None = None

    @property
    def name(self) -> str:
        return str(self.doc["displayName"])


def user(row: Row) -> User:
    return User(
        row["id"],
        row["active"],
        row["doc"],
        row["version"],
        row["created"],
        row["modified"],
        row["groups"],
        PRINCIPALS[row["kind"]],
    )


def group(row: Row, members: Sequence[Mapping[str, str]] | None = None) -> Group:
    return Group(
        row["id"],
        row["reserved"],
        row["doc"],
        row["version"],
        row["created"],
        row["modified"],
        row["groups"],
        members,
    )


def kept(resource: Mapping[str, Any]) -> dict[str, Any]:
    """What of a resource goes into its row."""
    return {name: value for name, value in resource.items() if name not in _NOT_KEPT}


def represent(workspace: Workspace, item: User | Group, base: str, *, member_names: bool = False) -> dict[str, Any]:
    """The whole representation (RFC 7643 §3); ``base`` is the address that the endpoints stand under.

    Members have their names (``display``) with ``member_names``, and always for Databricks' clients.
    """
    is_principal = isinstance(item, User)
    doc = dict(item.doc)
    if isinstance(item, Group) and item.members:
        doc["members"] = member_references(workspace, item.members, base, names=member_names)
    if item.groups and (is_principal or workspace.databricks):
        doc["groups"] = [
            _reference(workspace, {**parent, "type": "Group"}, base, direct=True) for parent in item.groups
        ]
    kind = type_of(workspace, item)
    return assemble(
        kind,
        doc,
        id=item.id,
        created=item.created,
        modified=item.modified,
        version=item.version,
        location=f"{base}{kind.endpoint}/{item.id}",
        name=meta_name(workspace, kind, base),
    )


def member_references(
    workspace: Workspace, members: Iterable[Mapping[str, str]], base: str, *, names: bool
) -> list[dict[str, str]]:
    """Members of a group as the group shows them."""
    shown = names or native(workspace, base)
    return [_reference(workspace, member, base, named=shown) for member in members]


def as_user(item: User) -> User:
    """What Me shows of whoever asks: a service principal as a user whose name is the application id."""
    if item.principal is USER:
        return item
    rest = {name: value for name, value in item.doc.items() if name != item.principal.naming and ":" not in name}
    doc = {"userName": item.name, **rest}
    return replace(item, doc=doc, principal=USER)


def type_of(workspace: Workspace, item: User | Group) -> ResourceType:
    return item.principal.type_of(workspace) if isinstance(item, User) else group_type(workspace)


def native(workspace: Workspace, base: str) -> bool:
    """Whether Databricks' own clients ask: at its own address they read its words, at the RFC's address the RFC's."""
    return workspace.databricks and "/api/2." in base


def meta_name(workspace: Workspace, kind: ResourceType, base: str) -> str:
    """What ``meta.resourceType`` says: a workspace's own address tells its groups from those of an account."""
    local = native(workspace, base) and "/preview/" in base
    return (local and kind.meta_name) or kind.name


def only_names(resource: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody who is no admin sees."""
    return {name: value for name, value in resource.items() if name in NAMES}


def _reference(
    workspace: Workspace, item: Mapping[str, str], base: str, *, direct: bool = False, named: bool = True
) -> dict[str, str]:
    # Databricks' clients test for the prefix "Users/", so there the reference is relative.
    is_native = native(workspace, base)
    start = "" if is_native else f"{base}/"
    reference = {"value": item["value"], "$ref": f"{start}{item['type']}s/{item['value']}"}
    if named and item.get("display"):
        reference["display"] = item["display"]
    if direct:
        reference["type"] = "direct"
    elif not is_native:
        reference["type"] = item["type"]
    return reference
