"""What calls need of the installation beside the directory; ``compose`` gives it."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from provisor.access.secrets import SecretBox
from provisor.config import Settings
from provisor.connectors.base import Target
from provisor.directory.applications import Application
from provisor.directory.edit import Tenant
from provisor.expressions import Inputs
from provisor.storage.pool import Database
from provisor.sync.cycle import Asked, Report, Result
from provisor.sync.ledger import Ledger


class House(Protocol):
    @property
    def settings(self) -> Settings: ...

    @property
    def database(self) -> Database: ...

    @property
    def box(self) -> SecretBox: ...

    def ledger(self, tenant: Tenant, application: UUID) -> Ledger: ...

    def target(self, application: Application, *, read_only: bool = False, token: str | None = None) -> Target: ...

    def inputs(self, tenant: Tenant) -> Inputs: ...

    async def cycle(
        self, tenant: Tenant, application: UUID, report: Report, asked: Asked, *, adopt: bool = False
    ) -> Result: ...

    async def notice_leavers(self, tenant: Tenant, application: UUID) -> None: ...
