"""A client that keeps cookies and sends forms as a browser does, without being one: for what can be asked of the server
itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

_CSRF = re.compile(r'name="csrf" value="(\w*)"')


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    text: str
    headers: Any
    cookies: Any

    @property
    def where(self) -> str:
        return str(self.headers.get("Location", ""))


@dataclass(slots=True)
class Client:
    """``base`` is the server's address. Cookies are kept by hand, so that a test can look at them."""

    base: str
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> Answered:
        return await self._send("GET", path, None, headers)

    async def post(self, path: str, fields: dict[str, Any], *, csrf: str | None = None, **headers: str) -> Answered:
        """Send a form from a page of the site; the session's token is read from its first page unless given."""
        if csrf is None:
            start = "/".join(path.split("/")[:3]) + "/"
            found = _CSRF.search((await self.get(start)).text)
            csrf = found[1] if found else ""
        return await self._send("POST", path, {**fields, "csrf": csrf}, {"Sec_Fetch_Site": "same-origin", **headers})

    async def _send(self, method: str, path: str, data: Any, headers: dict[str, str]) -> Answered:
        sent = {name.replace("_", "-"): value for name, value in headers.items() if value}
        sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        path = urlsplit(path)._replace(scheme="", netloc="").geturl()
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.request(method, self.base + path, data=data, headers=sent, allow_redirects=False) as response,
        ):
            text = await response.text()
            for name, morsel in response.cookies.items():
                if morsel.value and morsel["max-age"] != "0":
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)
            return Answered(response.status, text, response.headers, response.cookies)


PASSWORD = "correct horse battery"


async def signed_in(base: str, link: str, password: str = PASSWORD) -> Client:
    """A client whose owner has set a password with a one-time link."""
    client = Client(base)
    path, _, token = link.removeprefix(base).partition("?token=")
    answered = await client.post(path, {"token": token, "password": password, "again": password}, csrf="")
    assert answered.status == 303, answered.text
    return client


async def signed_in_to_workspace(base: str, link: str) -> Client:
    client = Client(base)
    path, _, token = link.removeprefix(base).partition("?token=")
    answered = await client.post(path, {"token": token}, csrf="")
    assert answered.status == 303, answered.text
    return client
