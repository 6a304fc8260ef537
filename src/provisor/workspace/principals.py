"""Who can be a member of groups, own tokens and be an admin: users and, in a databricks workspace, service principals.

A service principal is an application's account. It is like a user in all but its name, the ``applicationId``, and in
that it is no person: it does not sign in. Both stand in one table, whose names are unique across them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from provisor.scim.errors import NotFound
from provisor.scim.schema import ResourceType
from provisor.workspace.edit import Workspace, types
from provisor.workspace.refusals import Missing, Taken


@dataclass(frozen=True, slots=True)
class Principal:
    """``naming`` is the attribute with the unique name; ``kind`` and ``name_of_name`` are the words of sentences."""

    name: str
    naming: str
    kind: str
    name_of_name: str
    #: Attributes (in small letters) that a databricks workspace keeps as they are, whatever a client says.
    fixed: frozenset[str]

    def type_of(self, workspace: Workspace) -> ResourceType:
        """Raises NotFound in a workspace that has none of them."""
        found = types(workspace).get(self.name)
        if found is None:
            raise NotFound("Endpoint not supported.")
        return found

    def fixed_in(self, workspace: Workspace) -> frozenset[str]:
        """Attributes whose change is ignored (in small letters); the answer shows them as they are."""
        return self.fixed if workspace.databricks else frozenset()

    def kept_name(self, workspace: Workspace, name: str) -> str:
        """The name as it is kept: in small letters in a databricks workspace."""
        return name.lower() if workspace.databricks else name

    def taken(self, name: str) -> Taken:
        return Taken(f"{self.kind} with {self.name_of_name} {name} already exists.")

    def missing(self, identity: str) -> Missing:
        return Missing(f"{self.kind} {identity} not found.")


USER: Final = Principal("User", "userName", "User", "username", frozenset({"username", "emails"}))
SERVICE_PRINCIPAL: Final = Principal(
    "ServicePrincipal", "applicationId", "Service principal", "application ID", frozenset({"applicationid"})
)
PRINCIPALS: Final[Mapping[str, Principal]] = {item.name: item for item in (USER, SERVICE_PRINCIPAL)}


def new_application_id() -> str:
    return str(uuid4())
