"""What the portal and the admin console lead to: for the menu at the side, and for finding a page by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from provisor.console import labels


@dataclass(frozen=True, slots=True)
class Item:
    """``path`` is below the site's start or the application's; ``pages`` are those that stand under it.

    It is for whoever may do ``action``; for whoever owns an application too when ``owners`` says so; where Databricks'
    rules are, and nowhere else, when ``databricks`` does. ``head`` stands above it, where a group of pages begins.
    """

    path: str
    text: str
    action: str
    pages: tuple[str, ...]
    owners: bool = False
    head: str = ""
    databricks: bool = False


_ACCESS: Final = ("conditional_access", "access_policy", "new_access_policy", "named_locations", "what_if")
_PROVISIONING: Final = (
    "provisioning",
    "attribute_mappings",
    "attribute_list",
    "source_object_scope",
    "mapping_document",
    "mapping_preview",
)

PORTAL: Final = (
    Item("/", labels.LABELS["azure_active_directory"], "account.own", ("home",)),
    Item("/users", "Users", "directory.read", ("users", "user", "import_people")),
    Item("/groups", "Groups", "directory.read", ("groups", "group")),
    Item("/roles", "Roles and administrators", "directory.read", ("roles",)),
    Item(
        "/applications",
        labels.LABELS["enterprise_applications"],
        "application.read",
        ("applications", "new_application", "non_gallery_application"),
        owners=True,
    ),
    Item("/leavers", "Leavers", "application.read", ("leavers",), owners=True),
    Item("/workers", "Workers", "application.read", ("workers",)),
    Item("/audit", "Audit log", "audit.read", ("audit_log",)),
    Item("/conditional-access", "Conditional access", "policy.read", _ACCESS),
    Item("/sign-ins", "Sign-in logs", "policy.read", ("sign_in_logs", "sign_in_entry")),
    Item("/clients", "API clients", "client.read", ("clients",)),
    Item("/external-provider", "External provider", "sign_in.write", ("external_provider",)),
    Item("/account", "My account", "account.own", ("account", "security_info")),
)
#: The pages of one application.
APPLICATION: Final = (
    Item("", "Overview", "application.read", ("overview",)),
    Item("/properties", "Properties", "application.read", ("properties",), head=labels.LABELS["manage"]),
    Item("/owners", labels.LABELS["owners"], "application.read", ("owners",)),
    Item(
        "/users-and-groups",
        labels.LABELS["users_and_groups"],
        "application.read",
        ("users_and_groups", "add_assignment"),
    ),
    Item("/provisioning", labels.LABELS["provisioning"], "application.read", _PROVISIONING),
    Item("/policies", "Policies", "application.read", ("policies",)),
    Item("/plan", "Plan", "application.read", ("plan",), head="Monitor"),
    Item("/on-demand", "Provision on demand", "application.read", ("on_demand",)),
    Item("/health", "Health", "application.read", ("health",)),
    Item("/summary", "Provisioning summary", "application.read", ("summary",)),
    Item("/logs", "Provisioning logs", "application.read", ("logs", "log_entry")),
)
#: The admin console of a workspace.
WORKSPACE: Final = (
    Item("/", "Users", "workspace.admin", ("users", "user")),
    Item("/groups", "Groups", "workspace.admin", ("groups", "group")),
    Item("/service-principals", "Service principals", "workspace.admin", ("service_principals",), databricks=True),
    Item("/removed", "Removed users", "workspace.admin", ("removed",)),
    Item("/tokens", "Access Tokens", "workspace.admin", ("access_tokens",)),
    Item("/audit", "Audit log", "workspace.admin", ("audit_log",)),
    Item("/health", "Health", "workspace.admin", ("health",)),
    Item("/settings", labels.LABELS["settings"], "workspace.admin", ("settings",)),
    Item("/account", "Your account", "account.own", ("account",)),
)
