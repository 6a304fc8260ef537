"""Whether the process lives (``/healthz``) and whether its database answers (``/readyz``). No credential is needed."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from provisor.storage.pool import AWAY, Database


def alive() -> Response:
    return JSONResponse({"status": "ok"})


async def ready(database: Database) -> Response:
    try:
        async with database.reading() as tx:
            await tx.fetchval("select 1")
    except AWAY:
        return JSONResponse({"status": "unavailable", "database": "does not answer"}, status_code=503)
    return JSONResponse({"status": "ok"})
