"""Enterprise applications: created from a template, connected to a target, switched on and off.

The secret token goes in and never comes out: it is sealed for its row, sent only to the tenant URL it was entered for,
and dropped when that URL's host changes. Every change of what a cycle would do touches the application in the feed,
so that the next cycle looks at everything again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4, uuid5

import asyncpg
import orjson

from provisor import audit
from provisor.access.secrets import SecretBox
from provisor.connectors.addresses import plain_http_may
from provisor.directory.edit import Edit, Tenant
from provisor.provisioning.capabilities import Capabilities
from provisor.provisioning.capabilities import from_json as capabilities_from_json
from provisor.provisioning.policies import DEFAULT, Policies
from provisor.provisioning.policies import from_json as policies_from_json
from provisor.provisioning.schema import compile_schema
from provisor.provisioning.templates import TEMPLATES, template
from provisor.refusal import Conflict, Invalid, NotFound
from provisor.storage.pool import Row, Tx
from provisor.storage.queries import queries

QUERIES = queries("applications")
#: In which ids are made that follow from an application's own.
SPACE: Final = UUID("5d9ab2c4-0f0e-5d0c-9a8c-6b1f8a7f3a10")
#: What a cycle decides by, beside the directory itself.
_DECIDING = ("schema", "scope", "tenant_url", "capabilities")
#: Policies that decide only when somebody looks: they make nobody due.
_UNHURRIED = ("drift", "full_hours", "wire", "retries", "schedule")


@dataclass(frozen=True, slots=True)
class Application:
    """``provisioning`` is *Provisioning Status* (On, Off); ``sealed_token`` is never shown.

    ``notification_email``: who hears of failures by mail while ``notification_on``.
    """

    id: UUID
    name: str
    template: str
    provisioning_mode: str
    tenant_url: str | None
    sealed_token: bytes | None
    scope: str
    provisioning: str
    capabilities: Mapping[str, Any]
    schema: Mapping[str, Any]
    guard_percent: int = 20
    guard_most: int = 500
    policies: Policies = DEFAULT
    notification_email: tuple[str, ...] = ()
    notification_on: bool = False

    @property
    def connected(self) -> bool:
        return self.tenant_url is not None and self.sealed_token is not None

    @property
    def target_capabilities(self) -> Capabilities:
        """What the target can do; whose token it is as the target says, or else as the administrator does."""
        found = capabilities_from_json(self.capabilities)
        return found if found.owner_name else replace(found, owner_name=self.policies.token_owner)

    def fingerprint(self, **more: Any) -> str:
        """The same for the same configuration, the token's included, and the same of ``more``."""
        token = self.sealed_token.hex() if self.sealed_token is not None else None
        whole = [self.to_json(), token, self.capabilities, self.schema, more]
        return hashlib.sha256(orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def to_json(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "name": self.name,
            "template": self.template,
            "provisioningMode": self.provisioning_mode,
            "tenantUrl": self.tenant_url,
            "secretToken": "saved" if self.sealed_token else None,
            "scope": self.scope,
            "provisioningStatus": self.provisioning,
            "guardPercent": self.guard_percent,
            "guardMost": self.guard_most,
            "tokenOwner": self.target_capabilities.owner_name,
            "policies": {**asdict(self.policies)},
            "notificationEmail": list(self.notification_email),
            "notificationOn": self.notification_on,
        }


def from_row(row: Row) -> Application:
    return Application(
        id=row["id"],
        name=row["name"],
        template=row["template"],
        provisioning_mode=row["provisioning_mode"],
        tenant_url=row["tenant_url"],
        sealed_token=row["secret_token"],
        scope=row["scope"],
        provisioning=row["provisioning"],
        capabilities=row["capabilities"],
        schema=row["schema"],
        guard_percent=row["guard_percent"],
        guard_most=row["guard_most"],
        policies=policies_from_json(row["policies"]),
        notification_email=tuple(row["notification_email"]),
        notification_on=row["notification_on"],
    )


def app_id(application: UUID) -> UUID:
    """The id by which an application is known to those who ask it for nothing: Graph's ``appId``, OAuth's client id."""
    return uuid5(SPACE, f"appId {application}")


async def create(work: Edit, name: str, template_id: str) -> UUID:
    """An application ``name`` from one of the templates; not provisioning yet."""
    work.require("application.write")
    if template_id not in TEMPLATES:
        raise Invalid(f"{template_id!r} is not a template: {', '.join(TEMPLATES)}.")
    _check_name(name)
    identity = uuid4()
    row = (work.tenant.id, identity, name, name.casefold(), template_id, template(template_id))
    if await work.tx.fetchval(QUERIES.insert, *row) is None:
        raise Conflict(f"The application {name} exists already.")
    work.touch("Application", identity)
    work.record(audit.Entry("create", f"application {name}", str(identity), after={"template": template_id}))
    return identity


async def rename(work: Edit, before: Application, name: str) -> None:
    """Another name; nothing that provisioning decides by."""
    work.require("provisioning.write", before.id)
    _check_name(name)
    try:
        await work.tx.execute(QUERIES.rename, work.tenant.id, before.id, name, name.casefold())
    except asyncpg.UniqueViolationError:
        raise Conflict(f"The application {name} exists already.") from None
    entry = audit.Entry("rename", f"application {name}", str(before.id), {"name": before.name}, {"name": name})
    work.record(entry)


async def delete(work: Edit, app: Application) -> None:
    """Delete an application with its mappings, assignments, links, log, and the right to ask who somebody is. What it
    made at the target stays there."""
    work.require("application.write")
    await work.tx.execute(QUERIES.delete, work.tenant.id, app.id)
    work.record(audit.Entry("delete", f"application {app.name}", str(app.id), before=_audited(app)))


async def find(tx: Tx, tenant: Tenant, name: str) -> Application:
    row = await tx.fetchrow(QUERIES.by_name, tenant.id, name.casefold())
    if row is None:
        raise NotFound(f"There is no application {name}: provisor app list shows them.")
    return from_row(row)


async def by_id(tx: Tx, tenant: Tenant, identity: UUID) -> Application:
    row = await tx.fetchrow(QUERIES.by_id, tenant.id, identity)
    if row is None:
        raise NotFound(f"There is no application {identity}.")
    return from_row(row)


async def everyone(tx: Tx, tenant: Tenant) -> list[Application]:
    return [from_row(row) for row in await tx.fetch(QUERIES.all, tenant.id)]


async def locked(work: Edit, identity: UUID) -> Application:
    """The application as it is now, locked for this edit."""
    row = await work.tx.fetchrow(QUERIES.lock, work.tenant.id, identity)
    if row is None:
        raise NotFound("The application was deleted meanwhile.")
    return from_row(row)


async def save(
    work: Edit, before: Application, after: Application, action: str, *, may: str = "provisioning.write"
) -> None:
    """Write ``after``, for whoever may do ``may``; touches the feed when the next cycle would decide otherwise."""
    work.require(may, before.id)
    if before == after:
        return
    await work.tx.execute(
        QUERIES.update,
        work.tenant.id,
        after.id,
        after.provisioning_mode,
        after.tenant_url,
        after.sealed_token,
        after.scope,
        after.provisioning,
        dict(after.capabilities),
        dict(after.schema),
        after.guard_percent,
        after.guard_most,
        after.policies.to_json(),
        list(after.notification_email),
        after.notification_on,
    )
    if any(getattr(before, name) != getattr(after, name) for name in _DECIDING) or _decides_otherwise(before, after):
        work.touch("Application", after.id)
    old, new = _audited(before), _audited(after)
    names = [name for name in new if old[name] != new[name]]
    work.record(
        audit.Entry(
            action,
            f"application {after.name}",
            str(after.id),
            before={name: old[name] for name in names},
            after={name: new[name] for name in names},
        )
    )


def _decides_otherwise(before: Application, after: Application) -> bool:
    names = [item.name for item in fields(Policies) if item.name not in _UNHURRIED]
    return any(getattr(before.policies, name) != getattr(after.policies, name) for name in names)


def connect(
    application: Application, box: SecretBox, *, tenant_url: str | None, secret_token: str | None
) -> Application:
    """The application with its *Tenant URL* and *Secret Token*; another host needs its token again."""
    changed = application
    if tenant_url is not None:
        changed = replace(changed, tenant_url=tenant_url, provisioning_mode="Automatic")
        if application.tenant_url and _host(application.tenant_url) != _host(tenant_url):
            changed = replace(changed, sealed_token=None)
    if secret_token is not None:
        if not secret_token.strip():
            raise Invalid("The secret token is empty.")
        if any(char.isspace() for char in secret_token.strip()):
            raise Invalid("A secret token is one word: enter it without “Bearer” and without blanks.")
        if changed.tenant_url is None:
            raise Invalid("Give the tenant URL before the secret token: the token is kept for that host only.")
        if not secret_token.strip().isprintable() or not secret_token.isascii():
            raise Invalid("A secret token consists of letters, digits and signs that can be sent in a header.")
        sealed = box.seal(secret_token.strip(), secret_row(application.id))
        changed = replace(changed, sealed_token=sealed, provisioning_mode="Automatic")
    return changed


def with_connection(current: Application, connected: Application, *, scope: str | None = None) -> Application:
    """``current`` with the connection of ``connected``, and the scope when one is given."""
    return replace(
        current,
        provisioning_mode=connected.provisioning_mode,
        tenant_url=connected.tenant_url,
        sealed_token=connected.sealed_token,
        scope=scope or current.scope,
    )


def with_guard(current: Application, *, percent: int | None = None, most: int | None = None) -> Application:
    """``current`` with other limits of the guard against accidental deletion. Raises Invalid."""
    if percent is not None and not 0 <= percent <= 100:
        raise Invalid("The guard's percentage is 0 (no guard) to 100.")
    if most is not None and not 0 <= most <= 1_000_000:
        raise Invalid("The guard's number of accounts is 0 (no guard) to 1,000,000.")
    return replace(
        current,
        guard_percent=current.guard_percent if percent is None else percent,
        guard_most=current.guard_most if most is None else most,
    )


def token(application: Application, box: SecretBox) -> str:
    """The secret token, for sending it to the tenant URL and nothing else."""
    if application.sealed_token is None:
        raise Invalid(
            f"{application.name} has no Secret Token yet: enter it under Provisioning, or with provisor app set."
        )
    return box.open(application.sealed_token, secret_row(application.id))


def secret_row(identity: UUID) -> str:
    return f"application/{identity}/secret_token"


def tenant_url(text: str, allowed_hosts: frozenset[str]) -> str:
    """``text`` as a tenant URL without a trailing slash. https, unless the host is loopback or allowed."""
    wrong = Invalid(f"{text[:200]!r} is not an address like https://host/api/2.0/preview/scim.")
    try:
        parts = urlsplit(text.strip())
        host, _ = (parts.hostname or "").casefold(), parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("http", "https") or not host or not text.strip().isprintable():
        raise wrong
    if parts.username or parts.password or parts.fragment:
        raise Invalid("A tenant URL has no user name, password or fragment.")
    if parts.scheme == "http" and not plain_http_may(host, allowed_hosts):
        raise Invalid(
            f"{host} must be reached over https; an administrator of this installation can allow http to it with "
            "PROVISOR_ALLOWED_TARGETS."
        )
    # A query on the address carries Entra's feature flags, which are not for the target.
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


async def set_schema(work: Edit, before: Application, schema: Mapping[str, Any], action: str) -> None:
    """Keep another mapping document. Raises Invalid when it cannot run."""
    compile_schema(schema)
    await save(work, before, replace(before, schema=schema), action)


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > 120 or not name.isprintable():
        raise Invalid("An application's name has 1 to 120 characters, all of which can be seen.")


def _host(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _audited(application: Application) -> dict[str, Any]:
    """What the log shows: everything but the token, of which only a digest of the ciphertext's change is visible."""
    shown = application.to_json()
    shown["secretToken"] = f"saved, {len(application.sealed_token)} bytes" if application.sealed_token else None
    shown["schema"] = application.schema
    return shown
