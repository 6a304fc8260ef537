"""``/.well-known/databricks-config``: what Databricks' SDKs ask every host for when they start, without a token."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from provisor.refusal import NotFound
from provisor.storage.pool import AWAY, Database, busy
from provisor.workspace import workspaces


async def well_known(database: Database, name: str | None, otherwise: Response) -> Response:
    """The id of the workspace ``name`` (None: the first), or ``otherwise`` where there is no Databricks workspace."""
    try:
        async with database.reading() as tx:
            workspace = await workspaces.get(tx, name) if name else await workspaces.first(tx)
    except NotFound:
        return otherwise
    except AWAY as error:
        return JSONResponse(
            {"error_code": "TEMPORARILY_UNAVAILABLE", "message": busy(error)},
            status_code=503,
            headers={"Retry-After": "1"},
        )
    if workspace is None or not workspace.databricks:
        return otherwise
    return JSONResponse({"workspace_id": str(workspace.id), "cloud": "Azure"})
