"""Pages of the console in a tenant and a workspace as large as they come: the server's time for each, against the time
of the statements that it runs.

Both are taken in one process: the page through the whole application, its statements by asking each connection how long
they took. ``python -m bench.pages`` (from ``tests``) runs this part alone.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import structlog

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import large_tenant
from bench.large_tenant import Large
from browser_like import signed_in, signed_in_to_workspace
from in_process import InProcess
from installation import Installation, installation
from pair import OPS, Pair
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.compose import House
from provisor.config import Settings
from provisor.console import routes

Row = Callable[[str, float, float, str], None]
_TURNS: Final = 7


class Listening:
    """A pool that adds up in ``seconds`` what the statements took that went over it."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self.seconds = 0.0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        async with self._pool.acquire() as connection:
            connection.add_query_logger(self._hear)
            try:
                yield connection
            finally:
                connection.remove_query_logger(self._hear)

    def _hear(self, query: Any) -> None:
        self.seconds += query.elapsed


def portal_pages(pair: Pair, large: Large) -> dict[str, str]:
    app = f"/applications/{pair.application}"
    return {
        "users": "/users",
        "users, from the middle": "/users?after=p5&id=00000000-0000-0000-0000-000000000000",
        "users, a part of a name": "/users?q=person+9999",
        "users, a part that nobody has": "/users?q=nobody",
        "users, disabled": "/users?account=disabled",
        "a user": f"/users/{large.user}",
        "groups": "/groups",
        "groups, a part of a name": "/groups?q=0199",
        "a group of 20,000": f"/groups/{large.group}",
        "a group of 20,000, from the middle": f"/groups/{large.group}?after=p5&id=00000000-0000-0000-0000-000000000000",
        "a group of 20,000, a part of a name": f"/groups/{large.group}?q=p1999",
        "applications": "/applications",
        "an application's overview": app,
        "users and groups": f"{app}/users-and-groups",
        "users and groups, a part of a name": f"{app}/users-and-groups?q=p9999",
        "logs": f"{app}/logs",
        "logs, thirty days": f"{app}/logs?span=30d",
        "logs, a part of a name": f"{app}/logs?q=p1399",
        "logs, what failed": f"{app}/logs?result=failed",
        "summary": f"{app}/summary",
        "leavers": "/leavers",
        "audit": "/audit",
        "audit, an action": "/audit?action=delete",
        "sign-ins": "/sign-ins",
        "sign-ins, thirty days": "/sign-ins?span=30d",
        "sign-ins, a part of a name": "/sign-ins?q=p7777",
        "go to": "/find?q=person+777",
    }


def console_pages(large: Large) -> dict[str, str]:
    return {
        "workspace: users": "/",
        "workspace: users, from the middle": "/?after=p5",
        "workspace: users, a part of a name": "/?q=person+9999",
        "workspace: a user": f"/users/{large.account}",
        "workspace: groups": "/groups",
        "workspace: a group of 100,000": f"/groups/{large.team}",
        "workspace: its members from the middle": f"/groups/{large.team}?after=p5&id=u5",
        "workspace: its members, a part of a name": f"/groups/{large.team}?q=p9999",
        "workspace: everybody in it through groups": f"/groups/{large.team}?effective=1",
    }


async def run(shop: Installation, house: House, row: Row) -> None:
    """Fill a tenant and a workspace, and say what their pages cost."""
    pair = await Pair.make(shop, house)
    large = await large_tenant.fill(pair)
    link = await compose.set_up_link(house, pair.tenant, PROVISOR, "admin@contoso.com")
    portal = (await signed_in(shop.url, link)).cookies
    link = await compose.workspace_sign_in_link(house, PROVISOR, pair.workspace, OPS)
    console = (await signed_in_to_workspace(shop.url, link)).cookies
    await measure(house, f"/t/{pair.tenant.name}", portal_pages(pair, large), portal, row)
    await measure(house, f"/w/{pair.workspace.name}", console_pages(large), console, row)
    await pair.close()


async def measure(house: House, start: str, pages: dict[str, str], cookies: dict[str, str], row: Row) -> None:
    """A row for each of these pages (name → path below ``start``)."""
    # A line for each request is for whoever runs a server.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    door, pool = InProcess(house, pages=routes(house)), house.database._pool
    listening = Listening(pool)
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    house.database._pool = listening  # type: ignore[assignment]
    try:
        for name, path in pages.items():
            whole, statements = [], []
            for turn in range(_TURNS + 1):
                listening.seconds, started = 0.0, time.perf_counter()
                answer = await door.ask("GET", start + path, None, headers=headers)
                taken = time.perf_counter() - started
                assert answer.status == 200, f"{path}: {answer.status}"
                if turn:
                    whole.append(taken * 1e6)
                    statements.append(listening.seconds * 1e6)
            row(name, statistics.median(whole), statistics.median(statements), "its SQL")
    finally:
        house.database._pool = pool


async def _alone() -> None:
    from bench.__main__ import row

    with installation() as shop:
        await asyncio.to_thread(shop.run, "init")
        shop.serve()
        async with compose.opened(Settings(data=shop.folder)) as house:
            await run(shop, house, row)


if __name__ == "__main__":
    asyncio.run(_alone())
