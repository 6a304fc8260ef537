"""The bare address of an installation: on to the portal, or to the console of the workspace that the host names."""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from provisor.console.house import House

_HOST: Final = re.compile(r"(?P<workspace>[a-z0-9-]+)\.localhost(?::\d+)?", re.IGNORECASE)


def front(house: House) -> list[Route]:
    async def answer(request: Request) -> Response:
        host = _HOST.fullmatch(request.headers.get("host", ""))
        where = f"/w/{host['workspace'].lower()}/" if host else f"/t/{house.settings.tenant}/"
        return RedirectResponse(where, status_code=303)

    return [Route("/", answer, methods=["GET"])]
