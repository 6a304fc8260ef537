"""What a SCIM server says about itself (RFC 7644 §4). It takes no credential, as RFC 7643 §5 asks."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from provisor.api.scim import responses
from provisor.api.scim.handlers import Call
from provisor.scim.errors import Forbidden, NotFound
from provisor.scim.messages import list_response, service_provider_config
from provisor.scim.profiles import schemas
from provisor.workspace import workspaces
from provisor.workspace.edit import Workspace, types
from provisor.workspace.resources import native


async def discover(call: Call) -> Response:
    """ServiceProviderConfig, ResourceTypes and Schemas. Raises NotFound."""
    endpoint = call.address.path[0]
    if call.request.query_params.get("filter"):
        # RFC 7644 §4 asks for this status.
        raise Forbidden(f"{endpoint} cannot be filtered.")
    async with call.database.reading() as tx:
        if call.address.workspace is not None:
            workspace = await workspaces.get(tx, call.address.workspace)
        elif (first := await workspaces.first(tx)) is not None:
            workspace = first
        else:
            raise NotFound("There is no workspace yet.")
    return responses.render(call.request, _answer(workspace, call.address.base, endpoint, call.identity))


def _answer(workspace: Workspace, base: str, endpoint: str, identity: str) -> dict[str, Any]:
    if endpoint == "ServiceProviderConfig":
        return service_provider_config(workspace.profile, base)
    if endpoint == "ResourceTypes":
        known = {kind.name: kind.to_json(f"{base}/ResourceTypes/{kind.name}") for kind in types(workspace).values()}
    else:
        found = schemas(types(workspace), native=native(workspace, base))
        known = {schema.id: schema.to_json(f"{base}/Schemas/{schema.id}") for schema in found}
    if not identity:
        return list_response(list(known.values()), len(known), 1, len(known))
    if identity not in known:
        raise NotFound(f"There is no {identity} in {endpoint}.")
    return known[identity]
