"""What pages of the portal know of the OpenID provider that the tenant sends its people to.

Whoever comes back from it to be connected is shown first as whom: in between, who they are there is in the page's form,
sealed for this session and for some minutes, so that no form of anybody's can name another subject.
"""

from __future__ import annotations

import base64
import binascii
import time

import orjson

from provisor.access import sessions
from provisor.access.authentication_requests import LIFETIME
from provisor.connectors.openid import Identity, Registration
from provisor.console.portal.sign_in import LETTER
from provisor.console.relying_party import Place
from provisor.console.visit import PortalVisit
from provisor.directory import external
from provisor.directory.external import ExternalProvider
from provisor.refusal import Forbidden, Unavailable


def place(visit: PortalVisit) -> Place:
    return Place(LETTER, visit.tenant.name, visit.tenant.realm)


async def chosen(visit: PortalVisit) -> tuple[ExternalProvider, Registration]:
    """The provider, and as whom it knows the tenant. Raises NotFound when there is none."""
    async with visit.house.database.reading() as tx:
        provider = await external.found(tx, visit.tenant)
    return provider, external.registration(visit.tenant, provider, visit.house.box)


def sealed(visit: PortalVisit, registration: Registration, identity: Identity) -> str:
    """Who came back, for the form that asks whether it is them."""
    until = time.time() + LIFETIME
    said = orjson.dumps([registration.issuer, registration.client_id, identity.subject, until]).decode()
    return base64.urlsafe_b64encode(visit.house.box.seal(said, _row(visit))).decode()


def opened(visit: PortalVisit, registration: Registration, text: str) -> str:
    """The subject that was sealed. Raises Forbidden for what is another session's, another provider's, or too old."""
    again = Forbidden("Who you are at the provider was not shown in this session, or too long ago: connect again.")
    try:
        said = visit.house.box.open(base64.urlsafe_b64decode(text), _row(visit))
    except (binascii.Error, ValueError, Unavailable):
        raise again from None
    issuer, client, subject, until = orjson.loads(said)
    if (issuer, client) != (registration.issuer, registration.client_id) or time.time() > until:
        raise again
    return str(subject)


def _row(visit: PortalVisit) -> str:
    return f"connect/{visit.tenant.id}/{visit.me.id}/{sessions.digest(visit.secret).hex()}"
