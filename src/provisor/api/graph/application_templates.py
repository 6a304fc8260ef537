"""What applications can be made from: the gallery, and the template of those that are in no gallery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from provisor.api.graph import enterprise, lists, objects
from provisor.api.graph.call import Answer, Call, identity
from provisor.api.graph.fields import Field, Fields
from provisor.api.graph.identifiers import GALLERY
from provisor.directory import applications
from provisor.refusal import Invalid, NotFound
from provisor.storage.queries import queries

QUERIES = queries("graph_provisioning")
_FIELDS: Final = Fields("applicationTemplate", {"id": Field("uuid"), "displayName": Field("text")})
#: The directory's template → its name in the gallery, and what it is for.
_SHOWN: Final[Mapping[str, tuple[str, str]]] = {
    "scim": ("Custom", "An application that is in no gallery, with a SCIM service of its own."),
    "customappsso-2019": ("Custom (2019)", "An application that is in no gallery, with the mappings of 2019."),
    "dataBricks": (
        "Azure Databricks SCIM Provisioning Connector",
        "Users and groups of the directory in a Databricks workspace.",
    ),
}


def _shown(template: str) -> dict[str, Any]:
    name, about = _SHOWN[template]
    return {
        "id": str(GALLERY[template]),
        "displayName": name,
        "description": about,
        "publisher": "Provisor",
        "homePageUrl": None,
        "logoUrl": None,
        "categories": [],
        "supportedProvisioningTypes": ["sync"],
        "supportedSingleSignOnModes": [],
    }


async def listed(call: Call) -> Answer:
    return lists.in_memory_of(call, _FIELDS, [_shown(template) for template in GALLERY], "applicationTemplates")


async def get(call: Call) -> Answer:
    return objects.single(call, "applicationTemplates/$entity", _shown(_found(call.keys[0])), None)


async def instantiate(call: Call) -> Answer:
    """A new application. It has no job until somebody makes one."""
    template, name = _found(call.keys[0]), call.given.get("displayName")
    if not isinstance(name, str):
        raise Invalid("displayName must be the name of the new application.")
    async with call.edit() as work:
        made = await applications.create(work, name, template)
        await work.tx.execute(QUERIES.remember_job, call.tenant.id, made, False)
        found = await enterprise.of(work.tx, call.tenant, made)
    body = {
        "@odata.context": call.context("microsoft.graph.applicationServicePrincipal"),
        "application": enterprise.application(found, call.tenant, enterprise.SignIns()),
        "servicePrincipal": enterprise.service_principal(found, call.tenant, enterprise.SignIns()),
    }
    return Answer(201, body)


def _found(key: str) -> str:
    wanted = identity(key, "application template")
    for template, known in GALLERY.items():
        if known == wanted:
            return template
    raise NotFound(f"Resource {key!r} does not exist: GET /applicationTemplates lists those that there are.")
