"""``python -m tests.bench.floor FOLDER``: the least that a server could do, in a process of its own.

A bare ASGI application under the server that Provisor runs under, with the same database driver: ``GET /KEY`` is one
SELECT by a unique index, ``POST /`` one INSERT into a table with the indexes of the users' table. Ends when its input
does.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from uvloop import new_event_loop

from provisor import compose
from provisor.api import server
from provisor.config import Settings
from provisor.storage.pool import Database

_SELECT = "select body from bench_floor where key = $1"
_INSERT = """
    insert into bench_user (workspace, id, user_name, name_key, external_id, display_key, active, doc, idx)
    values (1, $1, $1, $1, $2, $2, true, $3, $3)"""
_HEADERS = [(b"content-type", b"application/scim+json"), (b"etag", b'W/"1"'), (b"x-request-id", b"0" * 32)]


def application(database: Database) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "GET":
            async with database.reading() as tx:
                body = await tx.fetchval(_SELECT, scope["path"][1:])
        else:
            given = (await receive())["body"]
            identity = str(uuid4())
            async with database.transaction() as tx:
                await tx.execute(_INSERT, identity, "external", orjson.loads(given))
            body = given
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, length]})
        await send({"type": "http.response.body", "body": body})

    return app


async def main(folder: str) -> None:
    async with compose.opened(Settings(data=Path(folder)), size=20) as house:
        sock = server.listen("127.0.0.1", 0)

        async def ready() -> None:
            print(server.address(sock, tls=False), flush=True)

        serving = asyncio.create_task(server.serve(application(house.database), sock, {}, ready))
        await asyncio.to_thread(sys.stdin.read)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main(sys.argv[1]))
