"""What pages need of the installation; ``compose`` gives it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol
from uuid import UUID

from provisor.access.secrets import SecretBox
from provisor.config import Settings
from provisor.connectors.base import Target
from provisor.connectors.governor import Governor
from provisor.connectors.openid import Providers
from provisor.directory.applications import Application
from provisor.directory.edit import Tenant
from provisor.expressions import Inputs
from provisor.storage.pool import Database
from provisor.sync.cycle import Asked, Report, Result
from provisor.sync.job import Job
from provisor.sync.ledger import Ledger
from provisor.sync.previews import Previews
from provisor.workspace.edit import Workspace


class House(Protocol):
    @property
    def settings(self) -> Settings: ...

    @property
    def database(self) -> Database: ...

    @property
    def box(self) -> SecretBox: ...

    @property
    def previews(self) -> Previews: ...

    @property
    def providers(self) -> Providers: ...

    def governor(self, application: Application) -> Governor: ...

    def ledger(self, tenant: Tenant, application: UUID) -> Ledger: ...

    def target(self, application: Application, *, read_only: bool = False, token: str | None = None) -> Target: ...

    def inputs(self, tenant: Tenant) -> Inputs: ...

    def job(
        self,
        tenant: Tenant,
        identity: UUID,
        *,
        read_only: bool = False,
        schema: Mapping[str, Any] | None = None,
        adopt: bool = False,
    ) -> AbstractAsyncContextManager[Job]: ...

    async def cycle(
        self, tenant: Tenant, application: UUID, report: Report, asked: Asked, *, adopt: bool = False
    ) -> Result: ...

    async def notice_leavers(self, tenant: Tenant, application: UUID) -> None: ...

    async def public_url(self) -> str: ...

    async def tenant_url(self, workspace: Workspace) -> str: ...
