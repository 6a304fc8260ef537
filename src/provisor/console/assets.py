"""Style and script: files beside this module, served compressed, under addresses that change with what is in them.

Nothing comes from another host, so a browser that was here once asks for nothing but pages.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_HEADERS: Final = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}


@dataclass(frozen=True, slots=True)
class Asset:
    media_type: str
    plain: bytes
    compressed: bytes
    mark: str


@cache
def asset(name: str) -> Asset:
    """The file ``name`` of the folder. Raises OSError when there is none."""
    path = FOLDER / name
    plain = path.read_bytes()
    mark = hashlib.sha256(plain).hexdigest()[:12]
    return Asset(_TYPES[path.suffix], plain, gzip.compress(plain, 9, mtime=0), mark)


def address(name: str) -> str:
    """Where a page finds the file."""
    return f"/assets/{asset(name).mark}/{name}"


def route() -> Route:
    known = {str(path.relative_to(FOLDER)): path for path in FOLDER.rglob("*") if path.suffix in _TYPES}

    async def serve(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in known:
            return Response(status_code=404)
        found = asset(name)
        headers = dict(_HEADERS)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(
                found.compressed, headers={**headers, "Content-Encoding": "gzip"}, media_type=found.media_type
            )
        return Response(found.plain, headers=headers, media_type=found.media_type)

    return Route("/assets/{mark}/{name:path}", serve)
