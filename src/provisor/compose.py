"""Wires everything: the only module that knows every concrete class.

``opened(settings)`` gives a :class:`House` with the database connected and migrated; doors and commands ask it for
what they need and never make it themselves. What only some commands need is imported when it is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any
from uuid import UUID

from provisor import __version__, audit
from provisor.access.actors import PROVISOR, Actor
from provisor.access.secrets import SecretBox, key_from_file, key_from_text
from provisor.config import Settings
from provisor.connectors.governor import Governor
from provisor.connectors.openid import Providers
from provisor.connectors.openid_ways import over_network
from provisor.directory import applications, tenants
from provisor.directory.applications import Application
from provisor.directory.edit import Tenant, edit
from provisor.directory.source import DirectorySource
from provisor.expressions import Inputs
from provisor.provisioning.guards import Guard
from provisor.provisioning.retries import POLICIES as RETRIES
from provisor.provisioning.retries import Retries
from provisor.provisioning.schema import compile_schema
from provisor.refusal import Conflict, Invalid
from provisor.scim.wires import WIRES
from provisor.storage import embedded
from provisor.storage.migrate import migrate
from provisor.storage.pool import Database, Tx, connect
from provisor.storage.queries import queries
from provisor.sync.job import Job
from provisor.sync.ledger import Ledger, managed_by
from provisor.sync.previews import Previews
from provisor.sync.telling import about, failures
from provisor.workspace import users
from provisor.workspace.edit import Workspace

if TYPE_CHECKING:
    from provisor.connectors.scim import ScimTarget
    from provisor.sync.cycle import Asked, Report, Result

#: What the first command makes when nobody ran ``provisor init``.
FIRST_DOMAIN = "{tenant}.localhost"
_PUBLIC_URL = "public_url"
_BACKUP = "backup"


@dataclass(frozen=True, slots=True)
class House:
    """``warning``: something that whoever started this should know, or None; ``dsn``: the database, for its own
    programs."""

    settings: Settings
    database: Database
    box: SecretBox
    providers: Providers
    warning: str | None = None
    previews: Previews = field(default_factory=Previews)
    governors: dict[str, Governor] = field(default_factory=dict)
    dsn: str = field(default="", repr=False)

    def ledger(self, tenant: Tenant, application: UUID) -> Ledger:
        return Ledger(self.database, tenant.id, application, log_days=self.settings.log_days)

    def target(self, application: Application, *, read_only: bool = False, token: str | None = None) -> ScimTarget:
        """The application's target; ``token`` instead of the saved one."""
        if application.tenant_url is None:
            raise Invalid(
                f"{application.name} has no Tenant URL yet: enter it under Provisioning, or with provisor app set."
            )
        from provisor.connectors.scim import ScimTarget

        secret = token if token is not None else applications.token(application, self.box)
        wire = WIRES[application.policies.wire]
        governor = self.governor(application)
        bulk = application.target_capabilities.bulk if wire.bulk and not read_only else None
        return ScimTarget(application.tenant_url, secret, read_only=read_only, governor=governor, wire=wire, bulk=bulk)

    def governor(self, application: Application) -> Governor:
        """How much the application's target takes, for all who ask it from this process."""
        place = str(application.tenant_url)
        return self.governors.setdefault(place, Governor(self.settings.target_requests_at_once))

    async def public_url(self) -> str:
        """How others reach the server: as set, as last announced, or as it would be by default."""
        if self.settings.public_url is not None:
            return str(self.settings.public_url).rstrip("/")
        async with self.database.reading() as tx:
            announced: str | None = await tx.fetchval(queries("instance").get, _PUBLIC_URL)
        return announced or f"http://{self.settings.host}:{self.settings.port}"

    async def tenant_url(self, workspace: Workspace) -> str:
        """The *Tenant URL* of a workspace, as an application needs it."""
        path = "api/2.0/preview/scim" if workspace.databricks else "scim/v2"
        return f"{await self.public_url()}/w/{workspace.name}/{path}"

    def inputs(self, tenant: Tenant) -> Inputs:
        """What mappings are evaluated with besides an object, now."""
        return Inputs({}, datetime.now(UTC), SystemRandom(), domain=tenant.domain)

    @asynccontextmanager
    async def job(
        self,
        tenant: Tenant,
        identity: UUID,
        *,
        read_only: bool = False,
        schema: Mapping[str, Any] | None = None,
        adopt: bool = False,
    ) -> AsyncIterator[Job]:
        """Everything that a cycle of an application needs; ``read_only`` keeps all but GET from being sent.

        ``schema``: mappings that are not saved yet, instead of the application's own; ``adopt``: accounts that were
        there before are merged, whatever the policy.
        """
        as_of = await DirectorySource(self.database, tenant, identity).head()
        async with self.database.reading() as tx:
            application = await applications.by_id(tx, tenant, identity)
        policies = application.policies
        flatten = policies.nested == "flatten"
        source = DirectorySource(self.database, tenant, identity, flatten=flatten)
        target = self.target(application, read_only=read_only)
        try:
            yield Job(
                application=str(application.id),
                name=application.name,
                rules=compile_schema(application.schema if schema is None else schema),
                capabilities=application.target_capabilities,
                all_objects=application.scope == "all",
                source=source,
                target=target,
                ledger=self.ledger(tenant, identity),
                as_of=as_of,
                policies=replace(policies, adoption="merge") if adopt and policies.adoption == "hold" else policies,
                wire=WIRES[policies.wire],
                address=str(application.tenant_url),
                guard=Guard(application.guard_percent, application.guard_most),
                retries=Retries(RETRIES[policies.retries], SystemRandom().random),
                inputs=self.inputs(tenant),
                fingerprint=application.fingerprint(adopt=adopt, version=__version__),
                governor=self.governor(application),
            )
        finally:
            await target.close()

    async def notice_leavers(self, tenant: Tenant, application: UUID) -> None:
        """Bring the list of leavers of an application up to the directory; nothing is asked of the target."""
        from provisor.sync.leavers import notice

        with about(tenant.id, application):
            async with self.job(tenant, application, read_only=True) as job:
                await notice(self.database, tenant.id, job)

    async def cycle(
        self,
        tenant: Tenant,
        application: UUID,
        report: Report,
        asked: Asked,
        *,
        adopt: bool = False,
        waiting: Callable[[], None] = lambda: None,
    ) -> Result:
        """One cycle of an application, as ``asked``; ``adopt`` as in :meth:`job`."""
        from provisor.sync.cycle import run

        ledger = self.ledger(tenant, application)
        with about(tenant.id, application):
            result = await run(
                ledger, lambda: self.job(tenant, application, adopt=adopt), report, asked, waiting=waiting
            )
            await failures(self.database, tenant.id, application, result)
            return result


@asynccontextmanager
async def opened(settings: Settings, *, size: int = 10) -> AsyncIterator[House]:
    """The house of these settings: database started or joined, schema up to date. Raises Unavailable, Invalid."""
    if settings.database_url is not None:
        dsn = settings.database_url.get_secret_value()
        async with _connected({"dsn": dsn}, dsn, settings, size, None) as house:
            yield house
        return
    held = await asyncio.to_thread(embedded.hold, settings.data)
    try:
        async with _connected(held.arguments, held.dsn, settings, size, held.warning) as house:
            yield house
    finally:
        await asyncio.to_thread(held.release)


async def first_tenant(house: House, *, domain: str | None = None, administrator: str | None = None) -> Tenant:
    """The tenant of the settings, made with its first administrator when the installation has none at all."""
    name = house.settings.tenant
    async with house.database.transaction() as tx:
        if not await tenants.everyone(tx):
            await tx.execute(queries("instance").first_lock)
        if await tenants.everyone(tx):
            tenant = await tenants.get(tx, name)
            if domain or administrator:
                raise Conflict(
                    f"The tenant {name} ({tenant.domain}) exists already and stays as it is: provisor tenant create "
                    "makes another one."
                )
            return tenant
        domain = domain or FIRST_DOMAIN.format(tenant=name)
        return await tenants.create(tx, PROVISOR, name, domain, administrator or f"admin@{domain}")


async def actor(house: House, tenant: Tenant) -> Actor:
    """Whoever commands act as: ``--as``, or the tenant's first administrator."""
    return await tenants.actor(house.database, tenant, house.settings.acting_as)


def doors(house: House) -> Any:
    """The ASGI application with every door."""
    from provisor import console
    from provisor.access.limits import Limits
    from provisor.api.door import door

    url, token = house.settings.public_url, house.settings.metrics_token
    return door(
        house,
        Limits(house.settings.requests_per_second, house.settings.requests_at_once),
        public_url=str(url) if url else None,
        metrics_token=token.get_secret_value() if token is not None else None,
        safety=timedelta(minutes=house.settings.cycle_minutes),
        pages=console.routes(house),
        error_page=console.error_page,
    )


async def backup(house: House, file: Path) -> int:
    """Write everything but the keys to a new ``file``; returns its size in bytes. Raises Conflict, Invalid and
    Unavailable."""
    from provisor.storage.backup import dump

    async with house.database.transaction() as tx:
        await tx.execute(queries("instance").put, _BACKUP, datetime.now(UTC).isoformat())
        await _noted(tx, audit.Entry("backup", f"file {file.name}"))
    return await dump(house.dsn, file)


async def restore(settings: Settings, file: Path, *, replace: bool) -> int:
    """Make the installation of ``settings`` what a backup says, and hold every application until its first plan is
    released; returns how many there are. Raises Invalid for a file that is no backup, Conflict when something is there
    that would be lost (unless ``replace``) or others are at work on the database, Unavailable."""
    from provisor.storage.backup import check, load

    check(file)
    async with opened(settings, size=2) as house:
        async with house.database.reading() as tx:
            there = await tenants.everyone(tx)
            others = await tx.fetchval(queries("instance").others)
        if there and not replace:
            names = ", ".join(tenant.name for tenant in there[:3])
            raise Conflict(
                f"There is something here already (tenants: {names}): restore into an empty data folder (--data), or "
                "say --replace, and it is lost."
            )
        if others:
            raise Conflict("A server or another command works on this database: stop it first.")
        await load(house.dsn, file)
    # Opened again, a backup of an older version is brought up to this one.
    async with opened(settings, size=2) as house, house.database.transaction() as tx:
        made = datetime.fromisoformat(await tx.fetchval(queries("instance").get, _BACKUP))
        await tx.execute(queries("sync").job_make_all)
        await tx.execute(queries("delta").tokens_void)
        await _noted(tx, audit.Entry("restore", f"file {file.name}", after={"backup of": made.isoformat()}))
        return len(await tx.fetch(queries("sync").job_hold, made))


async def _noted(tx: Tx, entry: audit.Entry) -> None:
    """In every tenant's audit log: what was done to the whole installation by whoever runs it."""
    for tenant in await tenants.everyone(tx):
        await audit.record(tx, f"tenant/{tenant.name}", PROVISOR, [entry])


async def announce(house: House, listening: str) -> None:
    """Remember where the server can be reached, for commands that print addresses."""
    url = str(house.settings.public_url).rstrip("/") if house.settings.public_url else listening
    async with house.database.transaction() as tx:
        await tx.execute(queries("instance").put, _PUBLIC_URL, url)


async def set_up_link(house: House, tenant: Tenant, acting: Actor, user: str) -> str:
    """The address with which ``user`` (a user principal name) sets a password for the portal, once."""
    from provisor.directory import sign_in
    from provisor.directory import users as people

    async with edit(house.database, tenant, acting) as work:
        secret = await sign_in.set_up_link(work, await people.find(work.tx, tenant, user))
    return f"{await house.public_url()}/t/{tenant.name}/set-up?token={secret}"


async def first_set_up_link(house: House, tenant: Tenant) -> str | None:
    """:func:`set_up_link` of the tenant's first administrator, as long as no administrator can sign in."""
    from provisor.directory import sign_in

    async with house.database.reading() as tx:
        if await sign_in.is_set_up(tx, tenant):
            return None
    first = await tenants.actor(house.database, tenant, None)
    return await set_up_link(house, tenant, PROVISOR, first.name)


async def workspace_sign_in_link(house: House, acting: Actor, workspace: Workspace, user: str | None) -> str:
    """The address with which an admin (the first one unless named) signs in to a workspace's console, once."""
    from provisor.workspace import sign_in
    from provisor.workspace.edit import edit as workspace_edit

    async with workspace_edit(house.database, workspace, acting) as work:
        admin = await users.find(work.tx, workspace, user) if user else await users.first_admin(work.tx, workspace)
        secret = await sign_in.link(work, admin)
    return f"{await house.public_url()}/w/{workspace.name}/sign-in?token={secret}"


async def managing(house: House, workspace: Workspace, user_name: str) -> list[str]:
    """The applications that provision this user of a workspace."""
    async with house.database.reading() as tx:
        user = await users.find(tx, workspace, user_name)
        return await managed_by(tx, user.id)


@asynccontextmanager
async def _connected(
    arguments: dict[str, object], dsn: str, settings: Settings, size: int, warning: str | None
) -> AsyncIterator[House]:
    database = await connect(arguments, size=size)
    try:
        async with database.reading() as connection:
            await migrate(connection, dsn)
        key = (
            key_from_text(settings.secret_key.get_secret_value())
            if settings.secret_key is not None
            else key_from_file(settings.data / "secret.key")
        )
        providers = Providers(over_network(settings.allowed_targets))
        house = House(settings, database, SecretBox(key), providers, warning, dsn=dsn)
        try:
            yield house
        finally:
            await house.previews.end()
    finally:
        await database.close()
