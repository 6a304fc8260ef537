"""What is spoken of Microsoft Graph: one table, from which requests are routed, roles tested and the reference written.

A word in braces stands for something; all others are names, compared in any case. What is in no row is answered 501.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from provisor.api.graph import (
    access_policies,
    app_roles,
    application_owners,
    application_templates,
    batch,
    delta,
    enterprise,
    groups,
    jobs,
    mapping_documents,
    memberships,
    objects,
    on_demand,
    organization,
    passwords,
    people,
    provisioning_log,
    secrets,
    sign_ins,
)
from provisor.api.graph.call import Answer, Call
from provisor.api.graph.errors import NotSpoken

Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """``action`` is what whoever calls must be allowed to do (``access.roles``), unless it is their ``own``."""

    method: str
    path: str
    action: str
    do: Handler
    own: Callable[[Call], bool] = lambda _: False

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.path.split("/"))


_READ, _WRITE = "directory.read", "directory.write"
_APP_READ, _APP_WRITE = "application.read", "application.write"
_SET_UP, _RUN, _OWN = "provisioning.write", "provisioning.run", "owner.write"
_POLICY_READ, _POLICY_WRITE = "policy.read", "policy.write"
_ACCESS = "identity/conditionalAccess"

#: What is done under an application's ``synchronization``.
_SYNCHRONIZATION: Final[tuple[tuple[str, str, str, Handler], ...]] = (
    ("GET", "templates", _APP_READ, jobs.templates),
    ("GET", "templates/{template}", _APP_READ, jobs.template_get),
    ("GET", "templates/{template}/schema", _APP_READ, jobs.template_schema),
    ("GET", "templates/{template}/schema/directories", _APP_READ, mapping_documents.directories),
    ("GET", "templates/{template}/schema/directories/{directory}", _APP_READ, mapping_documents.directory),
    (
        "POST",
        "templates/{template}/schema/directories/{directory}/discover",
        _SET_UP,
        mapping_documents.discover_for_template,
    ),
    ("GET", "templates/{template}/schema/functions", _APP_READ, mapping_documents.functions),
    ("GET", "templates/{template}/schema/filterOperators", _APP_READ, mapping_documents.filter_operators),
    ("POST", "templates/{template}/schema/parseExpression", _APP_READ, mapping_documents.parse_expression),
    ("GET", "secrets", _APP_READ, secrets.get),
    ("GET", "secrets/$count", _APP_READ, secrets.count),
    ("PUT", "secrets", _SET_UP, secrets.put),
    ("GET", "jobs", _APP_READ, jobs.listed),
    ("POST", "jobs", _SET_UP, jobs.create),
    ("POST", "jobs/validateCredentials", _SET_UP, secrets.validate),
    ("GET", "jobs/{job}", _APP_READ, jobs.get),
    ("DELETE", "jobs/{job}", _SET_UP, jobs.delete),
    ("POST", "jobs/{job}/start", _RUN, jobs.start),
    ("POST", "jobs/{job}/pause", _RUN, jobs.pause),
    ("POST", "jobs/{job}/restart", _RUN, jobs.restart),
    ("POST", "jobs/{job}/validateCredentials", _SET_UP, secrets.validate),
    ("POST", "jobs/{job}/provisionOnDemand", _RUN, on_demand.provision),
    ("GET", "jobs/{job}/schema", _APP_READ, mapping_documents.get),
    ("PUT", "jobs/{job}/schema", _SET_UP, mapping_documents.put),
    ("PATCH", "jobs/{job}/schema", _SET_UP, mapping_documents.put),
    ("DELETE", "jobs/{job}/schema", _SET_UP, mapping_documents.reset),
    ("GET", "jobs/{job}/schema/directories", _APP_READ, mapping_documents.directories),
    ("GET", "jobs/{job}/schema/directories/{directory}", _APP_READ, mapping_documents.directory),
    ("POST", "jobs/{job}/schema/directories/{directory}/discover", _SET_UP, mapping_documents.discover),
    ("GET", "jobs/{job}/schema/functions", _APP_READ, mapping_documents.functions),
    ("GET", "jobs/{job}/schema/filterOperators", _APP_READ, mapping_documents.filter_operators),
    ("POST", "jobs/{job}/schema/parseExpression", _APP_READ, mapping_documents.parse_expression),
)

#: What each of an application's two sides has alike.
_BOTH_SIDES: Final[tuple[tuple[str, str, str, Handler], ...]] = (
    ("GET", "owners", _APP_READ, application_owners.listed),
    ("POST", "owners/$ref", _OWN, application_owners.add),
    ("DELETE", "owners/{owner}/$ref", _OWN, application_owners.remove),
    ("POST", "addPassword", _SET_UP, passwords.add),
    ("POST", "removePassword", _SET_UP, passwords.remove),
)

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "users", _READ, people.listed),
    Route("POST", "users", _WRITE, people.create),
    Route("GET", "users/$count", _READ, people.count),
    Route("GET", "users/delta", _READ, delta.users),
    Route("GET", "users/{id}", _READ, people.get),
    Route("PATCH", "users/{id}", _WRITE, people.change),
    Route("DELETE", "users/{id}", _WRITE, people.delete),
    Route("GET", "users/{id}/manager", _READ, people.manager),
    Route("PUT", "users/{id}/manager/$ref", _WRITE, people.set_manager),
    Route("DELETE", "users/{id}/manager/$ref", _WRITE, people.clear_manager),
    Route("GET", "users/{id}/memberOf", _READ, memberships.of_user),
    Route("GET", "users/{id}/memberOf/{cast}", _READ, memberships.of_user),
    Route("GET", "users/{id}/transitiveMemberOf", _READ, memberships.above_user),
    Route("GET", "users/{id}/transitiveMemberOf/{cast}", _READ, memberships.above_user),
    Route("GET", "groups", _READ, groups.listed),
    Route("POST", "groups", _WRITE, groups.create),
    Route("GET", "groups/$count", _READ, groups.count),
    Route("GET", "groups/delta", _READ, delta.groups),
    Route("GET", "groups/{id}", _READ, groups.get),
    Route("PATCH", "groups/{id}", _WRITE, groups.change),
    Route("DELETE", "groups/{id}", _WRITE, groups.delete),
    Route("GET", "groups/{id}/members", _READ, memberships.listed),
    Route("GET", "groups/{id}/members/$count", _READ, memberships.count),
    Route("GET", "groups/{id}/members/{cast}", _READ, memberships.listed),
    Route("POST", "groups/{id}/members/$ref", _WRITE, memberships.add),
    Route("DELETE", "groups/{id}/members/{member}/$ref", _WRITE, memberships.remove),
    Route("GET", "groups/{id}/memberOf", _READ, memberships.of_group),
    Route("GET", "groups/{id}/memberOf/{cast}", _READ, memberships.of_group),
    Route("GET", "groups/{id}/transitiveMembers", _READ, memberships.below),
    Route("GET", "groups/{id}/transitiveMembers/{cast}", _READ, memberships.below),
    Route("GET", "groups/{id}/transitiveMemberOf", _READ, memberships.above_group),
    Route("GET", "groups/{id}/transitiveMemberOf/{cast}", _READ, memberships.above_group),
    Route("GET", "groups/{id}/owners", _READ, memberships.owned_by),
    Route("POST", "groups/{id}/owners/$ref", _WRITE, memberships.add_owner),
    Route("DELETE", "groups/{id}/owners/{owner}/$ref", _WRITE, memberships.remove_owner),
    Route("GET", "directoryObjects/{id}", _READ, objects.get),
    Route("POST", "directoryObjects/getByIds", _READ, objects.by_ids),
    Route("GET", "directory/deletedItems/{cast}", _READ, people.deleted),
    Route("GET", "directory/deletedItems/{id}", _READ, objects.recycled),
    Route("POST", "directory/deletedItems/{id}/restore", _WRITE, objects.restore),
    Route("DELETE", "directory/deletedItems/{id}", _WRITE, objects.purge),
    Route("GET", "applicationTemplates", _APP_READ, application_templates.listed),
    Route("GET", "applicationTemplates/{id}", _APP_READ, application_templates.get),
    Route("POST", "applicationTemplates/{id}/instantiate", _APP_WRITE, application_templates.instantiate),
    Route("GET", "applications", _APP_READ, enterprise.applications_listed),
    Route("GET", "applications/$count", _APP_READ, enterprise.applications_count),
    Route("GET", "applications/{id}", _APP_READ, enterprise.application_get),
    Route("PATCH", "applications/{id}", _SET_UP, enterprise.change),
    Route("DELETE", "applications/{id}", _APP_WRITE, enterprise.delete),
    Route("GET", "servicePrincipals", _APP_READ, enterprise.principals_listed),
    Route("GET", "servicePrincipals/$count", _APP_READ, enterprise.principals_count),
    Route("GET", "servicePrincipals/{id}", _APP_READ, enterprise.principal_get, enterprise.is_caller),
    Route("PATCH", "servicePrincipals/{id}", _SET_UP, enterprise.change),
    Route("DELETE", "servicePrincipals/{id}", _APP_WRITE, enterprise.delete),
    *(
        Route(method, f"{root}/{{id}}/{path}", action, do)
        for root in ("applications", "servicePrincipals")
        for method, path, action, do in _BOTH_SIDES
    ),
    Route("GET", "servicePrincipals/{id}/appRoleAssignedTo", _APP_READ, app_roles.of_application),
    Route("POST", "servicePrincipals/{id}/appRoleAssignedTo", _SET_UP, app_roles.assign),
    Route("GET", "servicePrincipals/{id}/appRoleAssignedTo/{assignment}", _APP_READ, app_roles.get),
    Route("DELETE", "servicePrincipals/{id}/appRoleAssignedTo/{assignment}", _SET_UP, app_roles.unassign),
    Route("GET", "users/{id}/appRoleAssignments", _APP_READ, app_roles.of_user),
    Route("POST", "users/{id}/appRoleAssignments", _SET_UP, app_roles.assign_user),
    Route("DELETE", "users/{id}/appRoleAssignments/{assignment}", _SET_UP, app_roles.unassign_user),
    Route("GET", "groups/{id}/appRoleAssignments", _APP_READ, app_roles.of_group),
    Route("POST", "groups/{id}/appRoleAssignments", _SET_UP, app_roles.assign_group),
    Route("DELETE", "groups/{id}/appRoleAssignments/{assignment}", _SET_UP, app_roles.unassign_group),
    *(
        Route(method, f"{root}/{{id}}/synchronization/{path}", action, do)
        for root in ("servicePrincipals", "applications")
        for method, path, action, do in _SYNCHRONIZATION
    ),
    Route("GET", "auditLogs/provisioning", _APP_READ, provisioning_log.listed),
    Route("GET", "auditLogs/signIns", _POLICY_READ, sign_ins.listed),
    Route("GET", f"{_ACCESS}/policies", _POLICY_READ, access_policies.policies),
    Route("POST", f"{_ACCESS}/policies", _POLICY_WRITE, access_policies.policy_create),
    Route("GET", f"{_ACCESS}/policies/{{id}}", _POLICY_READ, access_policies.policy),
    Route("PATCH", f"{_ACCESS}/policies/{{id}}", _POLICY_WRITE, access_policies.policy_change),
    Route("DELETE", f"{_ACCESS}/policies/{{id}}", _POLICY_WRITE, access_policies.policy_delete),
    Route("GET", f"{_ACCESS}/namedLocations", _POLICY_READ, access_policies.locations),
    Route("POST", f"{_ACCESS}/namedLocations", _POLICY_WRITE, access_policies.location_create),
    Route("GET", f"{_ACCESS}/namedLocations/{{id}}", _POLICY_READ, access_policies.location),
    Route("PATCH", f"{_ACCESS}/namedLocations/{{id}}", _POLICY_WRITE, access_policies.location_change),
    Route("DELETE", f"{_ACCESS}/namedLocations/{{id}}", _POLICY_WRITE, access_policies.location_delete),
    Route("GET", "organization", _READ, organization.listed),
    Route("GET", "organization/{id}", _READ, organization.get),
    Route("GET", "domains", _READ, organization.domains),
    Route("GET", "domains/{id}", _READ, organization.domain),
    # Each request in it must be allowed besides.
    Route("POST", "$batch", _READ, batch.run),
)


def find(method: str, parts: list[str]) -> tuple[Route, tuple[str, ...]]:
    """The route of these parts, and what stands in its braces. Raises NotSpoken."""
    elsewhere = False
    for route in _candidates(len(parts)):
        keys = _keys(route.parts, parts)
        if keys is not None and route.method == method:
            return route, keys
        elsewhere = elsewhere or keys is not None
    where = "/" + "/".join(parts)
    if elsewhere:
        raise NotSpoken(f"{method} {where} is not spoken here; other methods of this address are.")
    raise NotSpoken(
        f"{where} is not part of what is spoken here of Microsoft Graph: docs/howto/graph.md lists what is."
    )


def _candidates(length: int) -> list[Route]:
    """Those of this length, names before what stands for something."""
    return sorted((route for route in ROUTES if len(route.parts) == length), key=_openness)


def _openness(route: Route) -> int:
    return sum(part.startswith("{") for part in route.parts)


def _keys(pattern: tuple[str, ...], parts: list[str]) -> tuple[str, ...] | None:
    keys = []
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted.startswith("{"):
            # A cast is a word of its own, and nothing else is one.
            if (wanted == "{cast}") != part.startswith("graph."):
                return None
            keys.append(part)
        elif wanted.lower() != part.lower():
            return None
    return tuple(keys)
