"""``/organization`` and ``/domains``: the tenant itself, which is one organization with one domain.

Tools ask for both before anything else, to say where they are.
"""

from __future__ import annotations

from typing import Any, Final

from provisor.api.graph import lists, objects
from provisor.api.graph.call import Answer, Call
from provisor.api.graph.fields import Field, Fields
from provisor.refusal import NotFound

_ORGANIZATIONS: Final = Fields("organization", {"id": Field("uuid"), "displayName": Field("text")})
_DOMAINS: Final = Fields("domain", {"id": Field("text"), "isDefault": Field("boolean"), "isVerified": Field("boolean")})


async def listed(call: Call) -> Answer:
    return lists.in_memory_of(call, _ORGANIZATIONS, [_organization(call)], "organization")


async def get(call: Call) -> Answer:
    found = _organization(call)
    if call.keys[0].lower() != found["id"]:
        raise NotFound(f"Resource {call.keys[0]!r} does not exist.")
    return objects.single(call, "organization/$entity", found, None)


async def domains(call: Call) -> Answer:
    return lists.in_memory_of(call, _DOMAINS, [_domain(call)], "domains")


async def domain(call: Call) -> Answer:
    found = _domain(call)
    if call.keys[0].lower() != found["id"].lower():
        raise NotFound(f"Resource {call.keys[0]!r} does not exist.")
    return objects.single(call, "domains/$entity", found, None)


def _organization(call: Call) -> dict[str, Any]:
    tenant = call.tenant
    verified = {"name": tenant.domain, "isDefault": True, "isInitial": True, "type": "Managed", "capabilities": ""}
    return {"id": str(tenant.id), "displayName": tenant.name, "tenantType": "AAD", "verifiedDomains": [verified]}


def _domain(call: Call) -> dict[str, Any]:
    return {
        "id": call.tenant.domain,
        "authenticationType": "Managed",
        "isAdminManaged": True,
        "isDefault": True,
        "isInitial": True,
        "isRoot": True,
        "isVerified": True,
        "supportedServices": [],
    }
