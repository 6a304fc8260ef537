"""The door without a socket: requests go straight into the ASGI application."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.routing import BaseRoute

from provisor.access.limits import Limits
from provisor.api.door import door
from provisor.compose import House


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class InProcess:
    """SCIM over the workspaces of ``house``, and its ``pages``, as they are answered within one event loop."""

    def __init__(
        self,
        house: House,
        limits: Limits | None = None,
        *,
        public_url: str = "http://here",
        pages: Sequence[BaseRoute] = (),
    ) -> None:
        self._app = door(house, limits or Limits(1_000_000, 10_000), public_url=public_url, pages=pages)

    async def ask(
        self, method: str, target: str, token: str | None, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """``body``: bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        given = {"host": "here", "content-type": "application/scim+json", **(headers or {})}
        if token is not None:
            given["authorization"] = f"Bearer {token}"
        parts = urlsplit(target)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(parts.path),
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items()],
            "client": ("127.0.0.1", 1),
            "server": ("here", 80),
        }
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:]))
