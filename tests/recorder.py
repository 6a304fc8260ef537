"""A server in front of a target that passes everything on and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL


@dataclass(frozen=True, slots=True)
class Asked:
    """One request; ``query`` as it stood on the line."""

    method: str
    path: str
    query: str
    body: Any
    agent: str | None


@dataclass(slots=True)
class Recorder:
    """``base`` stands for ``target``; ``asked`` grows."""

    target: str
    base: str = ""
    asked: list[Asked] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        agent = request.headers.get("User-Agent")
        body = json.loads(raw) if raw else None
        self.asked.append(Asked(request.method, request.path, request.rel_url.raw_query_string, body, agent))
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers}
        url = URL(self.target + request.rel_url.raw_path_qs, encoded=True)
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, url, data=raw or None, headers=headers) as answer,
        ):
            kind = answer.headers.get("Content-Type", "application/json")
            return web.Response(status=answer.status, body=await answer.read(), headers={"Content-Type": kind})


@asynccontextmanager
async def recorder(target: str) -> AsyncIterator[Recorder]:
    made = Recorder(target)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()
