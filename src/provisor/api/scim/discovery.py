"""What a SCIM server says about itself (RFC 7644 §4). It takes no credential, as RFC 7643 §5 asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from provisor.scim.errors import NotFound
from provisor.scim.messages import list_response, service_provider_config
from provisor.scim.profiles import resource_types, schemas
from provisor.workspace.edit import Workspace


def answer(workspace: Workspace, base: str, path: Sequence[str]) -> dict[str, Any]:
    """``path`` is the endpoint and, where one is asked for, an id. Raises NotFound."""
    endpoint, *rest = path
    if endpoint == "ServiceProviderConfig":
        if rest:
            raise NotFound("There is one ServiceProviderConfig.")
        return service_provider_config(workspace.profile, base)
    if endpoint == "ResourceTypes":
        known = {
            kind.name: kind.to_json(f"{base}/ResourceTypes/{kind.name}")
            for kind in resource_types(workspace.profile).values()
        }
    else:
        known = {schema.id: schema.to_json(f"{base}/Schemas/{schema.id}") for schema in schemas(workspace.profile)}
    if not rest:
        return list_response(list(known.values()), len(known), 1, len(known))
    if rest[0] not in known:
        raise NotFound(f"There is no {rest[0]} in {endpoint}.")
    return known[rest[0]]
