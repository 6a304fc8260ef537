"""Applications as Graph has them: an application object and a service principal each, of which the directory knows one.

Clients are service principals, too: Terraform and scripts look themselves up by the ``appid`` of their token.
``appRoleAssignmentRequired`` is the scope of provisioning, which is also who may sign in: one setting here, two in
Graph.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from provisor.api.graph import lists, objects
from provisor.api.graph.call import DONE, Answer, Call, identity
from provisor.api.graph.errors import Soon
from provisor.api.graph.fields import Field, Fields
from provisor.api.graph.identifiers import GALLERY, object_id
from provisor.api.graph.names import moment
from provisor.api.graph.paths import segments
from provisor.directory import applications, clients
from provisor.directory.applications import Application, app_id
from provisor.directory.edit import Tenant
from provisor.refusal import Invalid, NotFound, Refusal
from provisor.storage.pool import Row, Tx
from provisor.storage.queries import queries
from provisor.sync import control, history

QUERIES = queries("graph_provisioning")
_TABLE: Final = {"id": Field("uuid"), "appId": Field("uuid"), "displayName": Field("text")}
_APPLICATIONS: Final = Fields("application", _TABLE)
_PRINCIPALS: Final = Fields(
    "servicePrincipal",
    {**_TABLE, "servicePrincipalType": Field("text"), "appRoleAssignmentRequired": Field("boolean")},
)
#: Why a property is as it is, where there is more to say than that it cannot be changed.
_ELSEWHERE: Final = {
    "appRoleAssignmentRequired": "appRoleAssignmentRequired is the scope of provisioning here, which would come to be "
    "for everybody, or no more: put SyncAll among the synchronization secrets, or set the scope in the portal or with "
    "provisor app set --scope.",
}
_BY_APP_ID: Final = "appid="
#: Whoever is assigned without a role has this one.
NO_ROLE: Final = UUID(int=0)


def _role(identity_: str, name: str) -> dict[str, Any]:
    return {
        "id": identity_,
        "displayName": name,
        "description": name,
        "value": None,
        "isEnabled": True,
        "allowedMemberTypes": ["User"],
        "origin": "Application",
    }


#: The two roles that Graph gives to every application from a template. Here they all mean the same: assigned.
ROLES: Final = (
    _role("18d14569-c3bd-439b-9a66-3a2aee01d14f", "User"),
    _role("b9632174-c057-4f7e-951b-be3adc52bfe6", "msiam_access"),
)


@dataclass(frozen=True, slots=True)
class Enterprise:
    """An application of the directory, without its mappings. ``assigned``: it is only for who is assigned to it."""

    id: UUID
    name: str
    template: str
    created: datetime
    assigned: bool


def _from_row(row: Row) -> Enterprise:
    return Enterprise(row["id"], row["name"], row["template"], row["created"], row["scope"] != "all")


def application(found: Enterprise, tenant: Tenant) -> dict[str, Any]:
    return {
        "id": str(object_id(found.id)),
        "appId": str(app_id(found.id)),
        "applicationTemplateId": str(GALLERY[found.template]),
        "displayName": found.name,
        "description": None,
        "notes": None,
        "createdDateTime": moment(found.created),
        "deletedDateTime": None,
        "publisherDomain": tenant.domain,
        "signInAudience": "AzureADMyOrg",
        "identifierUris": [],
        "tags": [],
        "appRoles": list(ROLES),
        "requiredResourceAccess": [],
        "keyCredentials": [],
        "passwordCredentials": [],
        "api": {"knownClientApplications": [], "oauth2PermissionScopes": [], "preAuthorizedApplications": []},
        "publicClient": {"redirectUris": []},
        "spa": {"redirectUris": []},
        "web": {
            "redirectUris": [],
            "implicitGrantSettings": {"enableIdTokenIssuance": False, "enableAccessTokenIssuance": False},
        },
    }


def service_principal(found: Enterprise, tenant: Tenant) -> dict[str, Any]:
    return {
        **_principal(found.id, app_id(found.id), found.name, found.created, tenant),
        "applicationTemplateId": str(GALLERY[found.template]),
        "appRoleAssignmentRequired": found.assigned,
        "appRoles": list(ROLES),
        "tags": ["WindowsAzureActiveDirectoryIntegratedApp"],
    }


def _client(row: Row, tenant: Tenant) -> dict[str, Any]:
    return _principal(row["id"], row["id"], row["name"], row["created"], tenant)


def _principal(key: UUID, app: UUID, name: str, created: datetime, tenant: Tenant) -> dict[str, Any]:
    return {
        "id": str(key),
        "appId": str(app),
        "appDisplayName": name,
        "displayName": name,
        "description": None,
        "notes": None,
        "createdDateTime": moment(created),
        "deletedDateTime": None,
        "accountEnabled": True,
        "appOwnerOrganizationId": str(tenant.id),
        "applicationTemplateId": None,
        "appRoleAssignmentRequired": False,
        "appRoles": [],
        "oauth2PermissionScopes": [],
        "servicePrincipalNames": [str(app)],
        "servicePrincipalType": "Application",
        "signInAudience": "AzureADMyOrg",
        "samlMetadataUrl": None,
        "alternativeNames": [],
        "notificationEmailAddresses": [],
        "replyUrls": [],
        "tags": [],
        "keyCredentials": [],
        "passwordCredentials": [],
    }


async def of(tx: Tx, tenant: Tenant, key: UUID) -> Enterprise:
    return next(item for item in await _all(tx, tenant) if item.id == key)


async def applications_listed(call: Call) -> Answer:
    return lists.in_memory_of(call, _APPLICATIONS, await _applications(call), "applications")


async def applications_count(call: Call) -> Answer:
    return lists.number_of(call, _APPLICATIONS, await _applications(call))


async def principals_listed(call: Call) -> Answer:
    return lists.in_memory_of(call, _PRINCIPALS, await _principals(call), "servicePrincipals")


async def principals_count(call: Call) -> Answer:
    return lists.number_of(call, _PRINCIPALS, await _principals(call))


async def _applications(call: Call) -> list[dict[str, Any]]:
    async with call.database.reading() as tx:
        return [application(item, call.tenant) for item in await _all(tx, call.tenant)]


async def _principals(call: Call) -> list[dict[str, Any]]:
    async with call.database.reading() as tx:
        found = [service_principal(item, call.tenant) for item in await _all(tx, call.tenant)]
        return found + [_client(row, call.tenant) for row in await clients.everyone(tx, call.tenant)]


async def application_get(call: Call) -> Answer:
    async with call.database.reading() as tx:
        found = await named(tx, call)
    return objects.single(call, "applications/$entity", application(found, call.tenant), None)


async def principal_get(call: Call) -> Answer:
    async with call.database.reading() as tx:
        key = call.keys[0].lower().removeprefix(_BY_APP_ID)
        row = await tx.fetchrow(QUERIES.client, call.tenant.id, identity(key, "service principal"))
        shown = service_principal(await named(tx, call), call.tenant) if row is None else _client(row, call.tenant)
    return objects.single(call, "servicePrincipals/$entity", shown, None)


async def change(call: Call) -> Answer:
    """Another name. All else is as it is: saying so is fine, and wanting it otherwise is refused."""
    async with call.edit() as work:
        found = await named(work.tx, call)
        shown = (application if _root(call) == "applications" else service_principal)(found, call.tenant)
        given = call.given
        for name, value in given.items():
            if name != "displayName" and shown.get(name) != value:
                raise Invalid(
                    _ELSEWHERE.get(name, f"{name} of an application cannot be changed here: displayName can.")
                )
        if "displayName" in given and given["displayName"] != found.name:
            if not isinstance(given["displayName"], str):
                raise Invalid("displayName must be a text.")
            await applications.rename(work, await applications.locked(work, found.id), given["displayName"])
    return DONE


async def delete(call: Call) -> Answer:
    """The application with its mappings, assignments and log, whichever of its two sides is named."""
    app = await full(call)
    await look_for_leavers(call, app)
    async with soon(call, app), call.edit() as work:
        locked = await applications.locked(work, app.id)
        await control.forget(work, locked)
        await applications.delete(work, locked)
    return DONE


async def look_for_leavers(call: Call, app: Application) -> None:
    """Before somebody forgets them; where that cannot be, it is said later."""
    if app.connected:
        with suppress(Refusal):
            await call.house.notice_leavers(call.tenant, app.id)


@asynccontextmanager
async def soon(call: Call, app: Application) -> AsyncIterator[None]:
    """Around what forgets whose accounts are whose: where the cycles that run will have closed the accounts of whoever
    left, the refusal is a ``Soon``. Terraform takes assignments away and deletes the job in the same second."""
    try:
        yield
    except control.StillLeaving:
        async with call.database.reading() as tx:
            stuck = await history.quarantine(tx, call.tenant.id, app.id)
        if app.provisioning == "On" and app.connected and stuck is None:
            raise Soon(
                f"Who left may still be active at the target of {app.name}: a cycle is about to see to it. Try again "
                "in a moment."
            ) from None
        raise


def is_caller(call: Call) -> bool:
    """Whether a client asks for itself, which its token names: that takes no role."""
    return call.keys[0].lower().removeprefix(_BY_APP_ID) == call.actor.id.lower()


async def full(call: Call, action: str = "application.read") -> Application:
    """The application that an address begins with, for whoever may do ``action`` to it. Raises NotFound."""
    async with call.database.reading() as tx:
        found = await applications.by_id(tx, call.tenant, (await named(tx, call)).id)
    call.require(action, found.id)
    return found


async def named(tx: Tx, call: Call) -> Enterprise:
    """As :func:`full`, without its mappings."""
    key = call.keys[0]
    of_key = object_id if _root(call) == "applications" else _itself
    if key.lower().startswith(_BY_APP_ID):
        key, of_key = key[len(_BY_APP_ID) :], app_id
    wanted = identity(key, "application")
    for item in await _all(tx, call.tenant):
        if of_key(item.id) == wanted:
            return item
    raise NotFound(f"Resource {key!r} does not exist.")


async def _all(tx: Tx, tenant: Tenant) -> list[Enterprise]:
    return [_from_row(row) for row in await tx.fetch(QUERIES.applications, tenant.id)]


def _root(call: Call) -> str:
    return segments(call.path)[0].lower()


def _itself(key: UUID) -> UUID:
    return key
