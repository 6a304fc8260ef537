"""What pages need to ask for a second factor: for which address passkeys are, and the session that shows one."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from provisor.access.passkeys import Party
from provisor.console.site import line_of
from provisor.console.visit import PortalVisit
from provisor.refusal import Invalid

NO_PASSKEYS = (
    "Passkeys are for a host name, and this page has none in its address, or an IP address: on this machine open it at "
    "localhost, elsewhere set public_url."
)


def party(visit: PortalVisit) -> Party | None:
    """For whom a passkey is made and asked for here: the host of the public URL, or of the request. None for an IP
    address, to which no passkey can be bound."""
    public = visit.house.settings.public_url
    here = f"//{visit.request.headers.get('host', '')}"
    host = (str(public.host or "") if public is not None else _host(here)).lower()
    if not host or _is_address(host):
        return None
    origins = line_of(visit.house, visit.request).origins
    return Party(host, tuple(sorted(origin for origin in origins if _host(origin) == host)))


def needed_party(visit: PortalVisit) -> Party:
    """:func:`party`. Raises Invalid when there is none."""
    found = party(visit)
    if found is None:
        raise Invalid(NO_PASSKEYS)
    return found


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
