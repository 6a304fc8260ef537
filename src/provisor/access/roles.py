"""The one table of roles, used by every door.

Deny by default: an action that is not in a role's row is refused. An application's owner has the row *application
owner* for that application only. The workspace's two roles are decided per workspace from membership in ``admins``.
"""

from __future__ import annotations

from uuid import UUID

from provisor.access.actors import Actor
from provisor.refusal import Forbidden

#: Everything that can be asked for, with the words a refusal uses.
ACTIONS = {
    "account.own": "change their own password and sign out",
    "tenant.write": "create tenants",
    "role.write": "give and take directory roles",
    "sign_in.write": "configure how people sign in",
    "directory.read": "read users and groups",
    "directory.write": "change users and groups",
    "application.read": "read applications, mappings and logs",
    "application.write": "create and delete applications",
    "provisioning.write": "configure provisioning of this application",
    "provisioning.run": "plan, start and stop provisioning of this application",
    "client.read": "read clients",
    "client.write": "make and delete clients",
    "owner.write": "change the owners of this application",
    "audit.read": "read the audit log",
    "policy.read": "read conditional access policies and the sign-in log",
    "policy.write": "change conditional access",
    "workspace.operate": "create and administer workspaces on this installation",
    "workspace.admin": "administer this workspace",
    "workspace.names": "read names and ids in this workspace",
}

_READ = {"directory.read", "application.read", "client.read"}
_APPLICATION = {"application.read", "provisioning.write", "provisioning.run", "owner.write"}

ROLES: dict[str, frozenset[str]] = {
    "Provisor": frozenset(ACTIONS),
    "Global Administrator": frozenset(ACTIONS) - {"workspace.admin", "workspace.names"},
    "Application Administrator": frozenset(_READ | _APPLICATION | {"application.write", "client.write"}),
    "User Administrator": frozenset({"directory.read", "directory.write"}),
    "Conditional Access Administrator": frozenset({"directory.read", "policy.read", "policy.write"}),
    "Global Reader": frozenset(_READ | {"audit.read", "policy.read"}),
    "workspace admin": frozenset({"workspace.admin", "workspace.names"}),
    "workspace user": frozenset({"workspace.names"}),
}
#: What an owner may do to the applications that they own, on top of their roles.
APPLICATION_OWNER = frozenset({"application.read", "provisioning.write", "provisioning.run", "owner.write"})
#: The roles that the directory can give to a user.
DIRECTORY_ROLES = (
    "Global Administrator",
    "Application Administrator",
    "User Administrator",
    "Conditional Access Administrator",
    "Global Reader",
)
#: Entra ID's ids of these roles, by which Microsoft Graph's documents name them.
ROLE_TEMPLATES = {
    "Global Administrator": "62e90394-69f5-4237-9190-012177145e10",
    "Application Administrator": "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
    "User Administrator": "fe930be7-5e62-47db-91af-98c3a49a38b1",
    "Conditional Access Administrator": "b1be1c3e-b65d-4f19-8427-f6fa0d97feb9",
    "Global Reader": "f2ef992c-3afb-46b9-b7cf-a126ee74c451",
}


def may(actor: Actor, action: str, application: UUID | None = None) -> bool:
    """Whether ``actor`` may do ``action`` (a key of :data:`ACTIONS`), to ``application`` where it concerns one."""
    if action == "account.own":
        return True
    if any(action in ROLES.get(role, ()) for role in actor.roles):
        return True
    return application is not None and application in actor.owns and action in APPLICATION_OWNER


def covers(actor: Actor, role: str) -> bool:
    """Whether ``actor`` may do all that ``role`` allows: nobody hands on more than they have."""
    return all(may(actor, action) for action in ROLES[role])


def require(actor: Actor, action: str, application: UUID | None = None) -> None:
    """Raise Forbidden, with the roles that would do, unless :func:`may`."""
    if may(actor, action, application):
        return
    able = [role for role, actions in ROLES.items() if action in actions and role != "Provisor"]
    if action in APPLICATION_OWNER:
        able.append("owner of the application")
    raise Forbidden(f"{actor.name} may not {ACTIONS[action]}: that takes {' or '.join(able)}.")
