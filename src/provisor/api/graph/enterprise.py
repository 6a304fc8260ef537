"""Applications as Graph has them: an application object and a service principal each, of which the directory knows one.

Clients are service principals, too: Terraform and scripts look themselves up by the ``appid`` of their token.
``appRoleAssignmentRequired`` is the scope of provisioning, which is also who may sign in: one setting here, two in
Graph. Addresses for answers (``redirectUris``) and secrets are those of its sign-in, which the command line sets up.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
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
from provisor.directory import applications, clients, password_credentials, relying_parties
from provisor.directory.applications import Application, app_id
from provisor.directory.edit import Tenant
from provisor.directory.password_credentials import Credential
from provisor.directory.relying_parties import RelyingParty
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


@dataclass(frozen=True, slots=True)
class SignIns:
    """How applications, and clients, of a tenant sign in, by what they are called by there."""

    parties: Mapping[UUID, RelyingParty] = field(default_factory=dict)
    secrets: Mapping[UUID, list[Credential]] = field(default_factory=dict)

    @classmethod
    async def read(cls, tx: Tx, tenant: Tenant) -> SignIns:
        parties = {party.id: party for party in await relying_parties.everyone(tx, tenant)}
        return cls(parties, await password_credentials.everyone(tx, tenant))

    def addresses(self, app: UUID, *, public: bool) -> list[str]:
        """Where answers to an application go, if it is a public client, or if it is none."""
        party = self.parties.get(app)
        return list(party.redirects) if party is not None and party.public is public else []

    def passwords(self, app: UUID) -> list[dict[str, Any]]:
        return [password(item) for item in self.secrets.get(app, ())]


def password(found: Credential) -> dict[str, Any]:
    """A secret as Graph shows it to whoever did not make it."""
    return {
        "customKeyIdentifier": None,
        "displayName": found.name,
        "endDateTime": moment(found.ends),
        "hint": found.hint,
        "keyId": str(found.id),
        "secretText": None,
        "startDateTime": moment(found.starts),
    }


def _from_row(row: Row) -> Enterprise:
    return Enterprise(row["id"], row["name"], row["template"], row["created"], row["scope"] != "all")


def application(found: Enterprise, tenant: Tenant, sign_ins: SignIns) -> dict[str, Any]:
    app = app_id(found.id)
    return {
        "id": str(object_id(found.id)),
        "appId": str(app),
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
        "passwordCredentials": sign_ins.passwords(app),
        "api": {"knownClientApplications": [], "oauth2PermissionScopes": [], "preAuthorizedApplications": []},
        "publicClient": {"redirectUris": sign_ins.addresses(app, public=True)},
        "spa": {"redirectUris": []},
        "web": {
            "redirectUris": sign_ins.addresses(app, public=False),
            "implicitGrantSettings": {"enableIdTokenIssuance": False, "enableAccessTokenIssuance": False},
        },
    }


def service_principal(found: Enterprise, tenant: Tenant, sign_ins: SignIns) -> dict[str, Any]:
    app = app_id(found.id)
    return {
        **_principal(found.id, app, found.name, found.created, tenant, sign_ins),
        "applicationTemplateId": str(GALLERY[found.template]),
        "appRoleAssignmentRequired": found.assigned,
        "appRoles": list(ROLES),
        "replyUrls": sign_ins.addresses(app, public=True) or sign_ins.addresses(app, public=False),
        "tags": ["WindowsAzureActiveDirectoryIntegratedApp"],
    }


def _client(row: Row, tenant: Tenant, sign_ins: SignIns) -> dict[str, Any]:
    return _principal(row["id"], row["id"], row["name"], row["created"], tenant, sign_ins)


def _principal(key: UUID, app: UUID, name: str, created: datetime, tenant: Tenant, sign_ins: SignIns) -> dict[str, Any]:
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
        "passwordCredentials": sign_ins.passwords(app),
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
        sign_ins = await SignIns.read(tx, call.tenant)
        return [application(item, call.tenant, sign_ins) for item in await _all(tx, call.tenant)]


async def _principals(call: Call) -> list[dict[str, Any]]:
    async with call.database.reading() as tx:
        sign_ins = await SignIns.read(tx, call.tenant)
        found = [service_principal(item, call.tenant, sign_ins) for item in await _all(tx, call.tenant)]
        return found + [_client(row, call.tenant, sign_ins) for row in await clients.everyone(tx, call.tenant)]


async def application_get(call: Call) -> Answer:
    async with call.database.reading() as tx:
        shown = application(await named(tx, call), call.tenant, await SignIns.read(tx, call.tenant))
    return objects.single(call, "applications/$entity", shown, None)


async def principal_get(call: Call) -> Answer:
    async with call.database.reading() as tx:
        row, sign_ins = await client(tx, call), await SignIns.read(tx, call.tenant)
        if row is None:
            shown = service_principal(await named(tx, call), call.tenant, sign_ins)
        else:
            shown = _client(row, call.tenant, sign_ins)
    return objects.single(call, "servicePrincipals/$entity", shown, None)


async def change(call: Call) -> Answer:
    """Another name. All else is as it is: saying so is fine, and wanting it otherwise is refused."""
    async with call.edit() as work:
        found = await named(work.tx, call)
        make = application if _root(call) == "applications" else service_principal
        shown = make(found, call.tenant, await SignIns.read(work.tx, call.tenant))
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


async def client(tx: Tx, call: Call) -> Row | None:
    """The client that an address begins with; None when it does not begin with one."""
    if _root(call) == "applications":
        return None
    key = call.keys[0].lower().removeprefix(_BY_APP_ID)
    row: Row | None = await tx.fetchrow(QUERIES.client, call.tenant.id, identity(key, "service principal"))
    return row


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
