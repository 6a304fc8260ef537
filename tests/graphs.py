"""A client of the Graph API of a tenant: requests with a token of its own, answers as they come."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from installation import Installation
from pair import Pair


@dataclass(slots=True)
class Graph:
    """``base`` ends with the version, ``client`` is its id. ``ask`` gives status and body (None without one)."""

    base: str
    token: str
    session: aiohttp.ClientSession
    client: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def open(cls, shop: Installation, tenant: str, role: str) -> Graph:
        """A new client of a tenant, signed in."""
        words = ("client", "create", role, "--role", role, "--tenant", tenant)
        client = await asyncio.to_thread(shop.json, *words)
        session = aiohttp.ClientSession()
        form = {name: client[name] for name in ("client_id", "client_secret")}
        form |= {"grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default"}
        async with session.post(f"{shop.url}/{client['tenant_id']}/oauth2/v2.0/token", data=form) as answer:
            token = (await answer.json())["access_token"]
        return cls(f"{shop.url}/v1.0", token, session, client["client_id"])

    async def close(self) -> None:
        await self.session.close()

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        url = path if path.startswith("http") else f"{self.base}{path}"
        sent = {"Authorization": f"Bearer {self.token}", **headers}
        async with self.session.request(method, url, json=body, headers=sent, allow_redirects=False) as answer:
            self.headers = dict(answer.headers)
            raw = await answer.read()
            if not raw:
                return answer.status, None
            return answer.status, await answer.json() if "json" in answer.content_type else raw.decode()

    async def get(self, path: str) -> Any:
        status, body = await self.ask("GET", path)
        assert status == 200, body
        return body

    async def all(self, path: str) -> list[Any]:
        """The values of every page."""
        found: list[Any] = []
        following: str | None = path
        while following is not None:
            page = await self.get(following)
            found += page["value"]
            following = page.get("@odata.nextLink")
        return found

    async def make(self, path: str, body: Any) -> Any:
        status, made = await self.ask("POST", path, body)
        assert status == 201, made
        return made

    async def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str, str]:
        """Status, code and sentence of an error."""
        status, answer = await self.ask(method, path, body)
        assert status >= 400, answer
        assert answer["error"]["innerError"]["request-id"] == self.headers["request-id"]
        return status, answer["error"]["code"], answer["error"]["message"]


async def sides(graph: Graph, pair: Pair) -> tuple[str, str]:
    """The application's two addresses."""
    principal = f"/servicePrincipals/{pair.application}"
    (application,) = await graph.all(f"/applications?$filter=appId eq '{(await graph.get(principal))['appId']}'")
    return f"/applications/{application['id']}", principal
