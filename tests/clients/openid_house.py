"""An installation at which people sign in by OpenID Connect: a tenant and a workspace for each test, by the commands
that an administrator has."""

from __future__ import annotations

import itertools
from asyncio import to_thread
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from browser_like import Answered, Client, signed_in
from installation import Installation

_NUMBERS = itertools.count(1)
ADMIN = "admin@contoso.com"


@dataclass(slots=True)
class Realm:
    """A tenant, and a workspace of the same name whose admin is the tenant's."""

    made: Installation
    name: str

    @classmethod
    async def make(cls, made: Installation) -> Realm:
        realm = cls(made, f"p{next(_NUMBERS)}")
        await to_thread(made.run, "tenant", "create", realm.name, "--domain", "contoso.com", "--admin", ADMIN)
        await realm.run("workspace", "create", realm.name, "--admin", ADMIN)
        return realm

    @property
    def url(self) -> str:
        return self.made.url

    @property
    def portal(self) -> str:
        return f"/t/{self.name}"

    @property
    def console(self) -> str:
        return f"/w/{self.name}"

    async def run(self, *words: str) -> str:
        return await to_thread(self.made.run, *words, "--tenant", self.name)

    async def json(self, *words: str) -> Any:
        return await to_thread(self.made.json, *words, "--tenant", self.name)

    async def refused(self, *words: str) -> str:
        return await to_thread(self.made.refused, *words, "--tenant", self.name)

    def file(self, text: str) -> str:
        """A file with a secret."""
        place = Path(self.made.folder).parent / f"{self.name}.txt"
        place.write_text(text)
        return str(place)

    async def admin(self) -> Client:
        """A browser that is signed in with a password."""
        return await signed_in(self.url, await self.run("sign-in", "link"))


async def along(browser: Client, where: str, until: str) -> tuple[str, Answered]:
    """Follow redirects of one server to a page, whose address is told, or to one that begins with ``until``, which is
    not asked."""
    for _ in range(8):
        assert where.startswith("/") or urlsplit(where).netloc == urlsplit(browser.base).netloc, where
        answered = await browser.get(where)
        if answered.status not in (302, 303) or answered.where.startswith(until):
            return where, answered
        where = answered.where
    raise AssertionError(f"a browser goes around in circles: {where}")
