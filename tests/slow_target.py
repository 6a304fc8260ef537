"""A target that takes its time: whoever tests what happens meanwhile puts it before a real one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from serving import serving

_KEPT = ("Authorization", "Content-Type")


@asynccontextmanager
async def slow(base: str, seconds: float, sent: list[float] | None = None) -> AsyncIterator[str]:
    """The address of a target that takes its time for every write; ``sent`` is when they came."""
    async with aiohttp.ClientSession() as session:

        async def forward(request: web.Request) -> web.StreamResponse:
            if request.method != "GET":
                if sent is not None:
                    sent.append(time.monotonic())
                await asyncio.sleep(seconds)
            path = request.path_qs.removeprefix("/scim/v2")
            headers = {name: request.headers[name] for name in _KEPT if name in request.headers}
            async with session.request(
                request.method, base + path, data=await request.read(), headers=headers
            ) as answer:
                return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)

        async with serving(forward) as address:
            yield f"{address}/scim/v2"
