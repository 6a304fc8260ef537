"""What pages of the portal know of the OpenID provider that the tenant sends its people to."""

from __future__ import annotations

from provisor.connectors.openid import Registration
from provisor.console.portal.sign_in import LETTER
from provisor.console.relying_party import Place
from provisor.console.visit import PortalVisit
from provisor.directory import external
from provisor.directory.external import ExternalProvider


def place(visit: PortalVisit) -> Place:
    return Place(LETTER, visit.tenant.name, visit.tenant.realm)


async def chosen(visit: PortalVisit) -> tuple[ExternalProvider, Registration]:
    """The provider, and as whom it knows the tenant. Raises NotFound when there is none."""
    async with visit.house.database.reading() as tx:
        provider = await external.found(tx, visit.tenant)
    return provider, external.registration(visit.tenant, provider, visit.house.box)
