"""Both ends of a provisioning: a tenant with an application, and a workspace, connected over real HTTP."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import aiohttp

from installation import Installation
from provisor.access.actors import PROVISOR, Actor
from provisor.compose import House
from provisor.connectors.base import Resource, Target, TargetError
from provisor.directory import applications, assignments, groups, tenants, users
from provisor.directory.edit import Tenant, edit
from provisor.provisioning.policies import changed
from provisor.scim.requests import Request
from provisor.sync import connection, cycle
from provisor.sync.cycle import Result
from provisor.sync.job import Job
from provisor.workspace import edit as workspace_edit
from provisor.workspace import tokens, workspaces
from provisor.workspace import users as accounts
from provisor.workspace.edit import Workspace

_NUMBERS = itertools.count(1)
OPS = "ops@contoso.com"


class Broken:
    """A target of which some requests fail: ``fails`` says for each whether it is not sent (``lost``), sent but its
    answer lost (``unheard``), or sent as it is (None)."""

    def __init__(self, target: Target, fails: Callable[[Request], str | None]) -> None:
        self._target, self._fails = target, fails

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    async def send(self, request: Request) -> Resource | None:
        how = self._fails(request)
        if how == "lost":
            raise TargetError("the line was cut", unclear=True, reached=True)
        answer = await self._target.send(request)
        if how == "unheard":
            raise TargetError("the line was cut", unclear=True, reached=True)
        return answer


@dataclass(slots=True)
class Pair:
    """``session`` talks to the workspace as an admin; ``base`` is its SCIM address."""

    house: House
    tenant: Tenant
    actor: Actor
    application: UUID
    workspace: Workspace
    base: str
    token: str
    session: aiohttp.ClientSession

    async def extend(self, document: Any, resource_type: str = "User") -> None:
        """Give the workspace a schema extension; ``workspace`` knows of it then."""
        async with workspace_edit.edit(self.house.database, self.workspace, PROVISOR) as work:
            await workspaces.add_extension(work, resource_type, document)
            self.workspace = await workspaces.get(work.tx, self.workspace.name)

    @classmethod
    async def make(cls, shop: Installation, house: House, *, profile: str = "databricks") -> Pair:
        name = f"t{next(_NUMBERS)}"
        async with house.database.transaction() as tx:
            tenant = await tenants.create(tx, PROVISOR, name, "contoso.com", "admin@contoso.com")
            workspace = await workspaces.create(
                tx, PROVISOR, f"w-{name}", admin=OPS, profile=profile, sign_in_tenant=tenant.id
            )
        actor = await tenants.actor(house.database, tenant, None)
        async with workspace_edit.edit(house.database, workspace, PROVISOR) as work:
            token = (await tokens.create(work, await accounts.find(work.tx, workspace, OPS))).value
        async with edit(house.database, tenant, actor) as work:
            application = await applications.create(work, "app", "dataBricks")
        # Each in the words of its world.
        path = "api/2.0/preview/scim/v2" if profile == "databricks" else "scim/v2"
        base = f"{shop.url}/w/{workspace.name}/{path}"
        made = cls(house, tenant, actor, application, workspace, base, token, _session(token))
        await made.connect(base, token)
        return made

    async def close(self) -> None:
        await self.session.close()

    # ── the directory ────────────────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def edit(self) -> Any:
        async with edit(self.house.database, self.tenant, self.actor) as work:
            yield work

    async def user(self, name: str, *, assigned: bool = True, **values: Any) -> UUID:
        """A user ``name``@contoso.com, assigned unless told otherwise."""
        upn = name if "@" in name else f"{name}@contoso.com"
        given = {"userPrincipalName": upn, "mail": upn, "givenName": name.title(), **values}
        async with self.edit() as work:
            identity = await users.create(work, {key: value for key, value in given.items() if value is not None})
            if assigned:
                await assignments.assign(
                    work, await self.app(work.tx), [await users.find(work.tx, self.tenant, str(identity))]
                )
        return identity

    async def group(self, name: str, *members: UUID, assigned: bool = True, **values: Any) -> UUID:
        async with self.edit() as work:
            identity = await groups.create(work, {"displayName": name, **values})
            await groups.add_members(work, [(identity, member, "User") for member in members])
            if assigned:
                await assignments.assign(
                    work, await self.app(work.tx), [await groups.find(work.tx, self.tenant, str(identity))]
                )
        return identity

    async def set_user(self, identity: UUID, **values: Any) -> None:
        async with self.edit() as work:
            await users.change(work, identity, values)

    async def unassign(self, identity: UUID) -> None:
        async with self.edit() as work:
            item = await _principal(work, self.tenant, identity)
            await assignments.unassign(work, await self.app(work.tx), [item])

    async def assign(self, identity: UUID, *, force: bool = False) -> None:
        async with self.edit() as work:
            item = await _principal(work, self.tenant, identity)
            await assignments.assign(work, await self.app(work.tx), [item], force=force)

    async def app(self, tx: Any = None) -> Any:
        if tx is not None:
            return await applications.by_id(tx, self.tenant, self.application)
        async with self.house.database.reading() as reading:
            return await applications.by_id(reading, self.tenant, self.application)

    async def connect(self, url: str, token: str, *, force: bool = False) -> None:
        before = await self.app()
        after = applications.connect(before, self.house.box, tenant_url=url, secret_token=token)
        await connection.save(
            self.house.database,
            self.tenant,
            self.actor,
            before,
            lambda current: applications.with_connection(current, after),
            lambda item: self.house.target(item, read_only=True),
            force=force,
            same=force,
        )

    async def policies(self, **wanted: Any) -> None:
        """Change the application's policies."""
        async with self.edit() as work:
            before = await applications.locked(work, self.application)
            after = replace(before, policies=changed(before.policies, **wanted))
            await applications.save(work, before, after, "set policies")

    async def mapping(self, change: Callable[[Any], Any]) -> None:
        """Change the mapping document."""
        async with self.edit() as work:
            before = await applications.locked(work, self.application)
            await applications.set_schema(work, before, change(before.schema), "edit mappings")

    async def restart(self, *, full: bool = False) -> None:
        async with self.edit() as work:
            await self.house.ledger(self.tenant, self.application).restart(work.tx, full=full)
            work.touch("Application", self.application)

    # ── cycles ───────────────────────────────────────────────────────────────────────────────────────────────

    async def sync(self, fails: Callable[[Request], str | None] | None = None, *, backed_off: bool = True) -> Result:
        def wrap(target: Target) -> Any:
            return Broken(target, fails) if fails is not None else target

        return await self.cycle(wrap, backed_off=backed_off)

    async def cycle(
        self,
        wrap: Callable[[Target], Any],
        *,
        backed_off: bool = True,
        waiting: Callable[[], None] = lambda: None,
        **more: Any,
    ) -> Result:
        """A cycle whose target is wrapped; what else is asked of it are ``more``."""

        @asynccontextmanager
        async def load() -> AsyncIterator[Job]:
            async with self.house.job(self.tenant, self.application) as job:
                yield replace(job, target=wrap(job.target))

        ledger = self.house.ledger(self.tenant, self.application)
        asked = cycle.Asked(backed_off=backed_off, **more)
        return await cycle.run(ledger, load, lambda stage, done, total: None, asked, waiting=waiting)

    async def plan(self) -> Result:
        async with self.house.job(self.tenant, self.application, read_only=True) as job:
            return await cycle.dry_run(job, lambda stage, done, total: None)

    async def log(self, identity: UUID | None = None) -> list[Any]:
        return await self.house.ledger(self.tenant, self.application).log(
            cycle=None, sources=[identity] if identity else None, limit=1000
        )

    async def known(self, identity: UUID) -> Any:
        """What the ledger knows of a source object; None when nothing."""
        ledger = self.house.ledger(self.tenant, self.application)
        return (await ledger.known([str(identity)])).get(str(identity))

    # ── the workspace ────────────────────────────────────────────────────────────────────────────────────────

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        async with self.session.request(method, self.base + path, json=body, **more) as response:
            return response.status, (await response.json(content_type=None)) if await response.read() else None

    async def account(self, name: str) -> Any:
        """The workspace's user with this user name; None when there is none."""
        name = name if "@" in name else f"{name}@contoso.com"
        _, found = await self.call("GET", "/Users", params={"filter": f'userName eq "{name}"'})
        return found["Resources"][0] if found["Resources"] else None

    async def team(self, name: str) -> Any:
        """The workspace's group with this name, its members as a set of user names; None when there is none."""
        _, found = await self.call("GET", "/Groups", params={"filter": f"displayName eq {json.dumps(name)}"})
        return found["Resources"][0] if found["Resources"] else None

    async def everything(self) -> Any:
        """All that the workspace shows, to compare with later."""
        _, people = await self.call("GET", "/Users")
        _, teams = await self.call("GET", "/Groups")
        _, robots = await self.call("GET", "/ServicePrincipals")
        return people["Resources"], teams["Resources"], robots.get("Resources")


def members(team: Any) -> set[str]:
    """The ids of a group's members."""
    return {member["value"] for member in team.get("members") or ()}


async def _principal(work: Any, tenant: Tenant, identity: UUID) -> Any:
    from provisor.refusal import NotFound

    try:
        return await users.find(work.tx, tenant, str(identity))
    except NotFound:
        return await groups.find(work.tx, tenant, str(identity))


def _session(token: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"})
