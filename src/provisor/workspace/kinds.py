"""Users, service principals and groups as they are searched: what is selected, and where their attributes stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from provisor.scim.schema import ResourceType
from provisor.workspace.edit import QUERIES, Workspace
from provisor.workspace.places import Many, One, Place, Places, Structure, quoted
from provisor.workspace.principals import SERVICE_PRINCIPAL, USER, Principal
from provisor.workspace.resources import meta_name, native
from provisor.workspace.rules import group_type

#: Stands in expressions for the address that the endpoints stand under.
BASE: Final = "{base}"


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """``table``: the rows ``r`` of a workspace ``a.workspace``; ``unique``: attributes (in small letters) that at most
    one row has a value of."""

    name: str
    columns: str
    table: str
    type_of: Callable[[Workspace], ResourceType]
    own: Mapping[str, Place]
    unique: frozenset[str] = field(default=frozenset({"id"}))

    def places(self, workspace: Workspace, base: str, visible: frozenset[str] | None = None) -> Places:
        """The places of all attributes, as they are shown under the address ``base``; ``visible``: only of these."""
        named = meta_name(workspace, self.type_of(workspace), base)
        return _places(self, workspace, native(workspace, base), named, visible)

    def in_columns(self, workspace: Workspace, is_native: bool, named: str) -> Mapping[str, Place]:
        return {**self.own, "meta": self._meta(workspace, named), **_references(self.name, workspace, is_native)}

    def _meta(self, workspace: Workspace, named: str) -> Place:
        kind = self.type_of(workspace)
        parts = {
            "resourceType": f"{quoted(named)}::text",
            # What is shown ends with milliseconds.
            "created": _microseconds("created"),
            "lastModified": _microseconds("modified"),
            "location": f"{BASE} || {quoted(f'{kind.endpoint}/')} || r.id",
            "version": "'W/\"' || r.version || '\"'",
        }
        return Structure(parts, "true")


@lru_cache(maxsize=256)
def _places(kind: Kind, workspace: Workspace, is_native: bool, named: str, visible: frozenset[str] | None) -> Places:
    """Made once: putting them together costs as much as asking the database."""
    return Places(kind.type_of(workspace), kind.in_columns(workspace, is_native, named), visible)


def _microseconds(column: str) -> str:
    return f"extract(epoch from date_trunc('milliseconds', r.{column})) * 1000000"


def _references(kind: str, workspace: Workspace, is_native: bool) -> dict[str, Place]:
    start = "" if is_native else f"{BASE} || '/' || "
    above = (
        "workspace_member m join workspace_group g on g.workspace = m.workspace and g.id = m.group_id"
        " where m.workspace = r.workspace and m.member_id = r.id"
    )
    found: dict[str, Place] = {}
    if kind != "Group" or workspace.databricks:
        parts = {
            "value": "m.group_id",
            "$ref": f"{start}'Groups/' || m.group_id",
            "display": "g.display_key",
            "type": "'direct'::text",
        }
        found["groups"] = Many(above, parts, "m.group_id")
    if kind == "Group":
        below = (
            "workspace_member m"
            " left join workspace_user u"
            " on m.member_type <> 'Group' and u.workspace = m.workspace and u.id = m.member_id"
            " left join workspace_group g"
            " on m.member_type = 'Group' and g.workspace = m.workspace and g.id = m.member_id"
            " where m.workspace = r.workspace and m.group_id = r.id"
        )
        parts = {
            "value": "m.member_id",
            "$ref": f"{start}m.member_type || 's/' || m.member_id",
            "display": "coalesce(u.display_key, u.name_key, g.display_key)",
            "type": "null::text" if is_native else "lower(m.member_type)",
        }
        found["members"] = Many(below, parts, "m.member_id")
    return found


def _principals(principal: Principal) -> Kind:
    return Kind(
        principal.name,
        QUERIES.user_columns,
        f"workspace_user r where r.workspace = a.workspace and r.kind = '{principal.name}'",
        principal.type_of,
        {
            "id": One("r.id"),
            principal.naming: One("r.name_key"),
            "displayName": One("r.display_key"),
            "externalId": One("r.external_id"),
            # A client may have removed it.
            "active": One("case when r.doc ? 'active' then r.active end"),
        },
        frozenset({"id", principal.naming.lower()}),
    )


USERS: Final = _principals(USER)
SERVICE_PRINCIPALS: Final = _principals(SERVICE_PRINCIPAL)
GROUPS: Final = Kind(
    "Group",
    QUERIES.group_columns,
    "workspace_group r where r.workspace = a.workspace",
    group_type,
    {"id": One("r.id"), "displayName": One("r.display_key"), "externalId": One("r.external_id")},
    frozenset({"id", "displayname"}),
)


def kinds(workspace: Workspace) -> tuple[Kind, ...]:
    """What a workspace has, in the order in which a search at the root has them."""
    return (USERS, GROUPS, SERVICE_PRINCIPALS) if workspace.databricks else (USERS, GROUPS)
