"""``python -m tests.bench``: measures, prints a table, judges nothing. about ten minutes.

A floor is the least that could do the same: parsing and writing JSON for a body, an f-string for an expression, a route
that does nothing for a request, the bare POSTs for a cycle. The ratio is what Provisor adds.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import orjson

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import graph, scim
from bench import pages as large
from browser_like import signed_in
from installation import Installation, installation
from pair import Pair
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.config import Settings
from provisor.directory import users
from provisor.expressions import Inputs, compile_expression
from provisor.provisioning.schema import compile_schema
from provisor.provisioning.source_names import USER_ATTRIBUTES
from provisor.provisioning.templates import ACTIVE, FULL_NAME, template
from provisor.scim import dialects, patch
from provisor.scim.profiles import resource_types
from provisor.scim.resource import accept
from provisor.sync.concurrency import gather

PEOPLE = 500
FLIGHT = 16
USER: dict[str, Any] = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
    "userName": "ada@contoso.com",
    "externalId": "4711",
    "active": True,
    "displayName": "Ada Lovelace",
    "name": {"givenName": "Ada", "familyName": "Lovelace", "formatted": "Ada Lovelace"},
    "title": "Countess",
    "emails": [{"value": f"ada{number}@contoso.com", "type": kind} for number, kind in enumerate(("work", "home"))],
    "phoneNumbers": [{"value": f"+44 20 {number}", "type": kind} for number, kind in enumerate(("work", "mobile"))],
    "addresses": [{"type": "work", "streetAddress": "12 St James's Square", "locality": "London", "country": "GB"}],
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Analysis", "employeeNumber": "1"},
}
PATCH = {"Operations": [{"op": "Replace", "path": 'emails[type eq "work"].value', "value": "ada@example.com"}]}
ATTRIBUTES = {"givenName": "Ada", "surname": "Lovelace", "IsSoftDeleted": False}


def timed(step: Callable[[], object], count: int = 3000) -> float:
    """Microseconds for one call: the median of five rounds."""
    rounds = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(count):
            step()
        rounds.append((time.perf_counter() - started) / count * 1e6)
    return statistics.median(rounds)


async def rate(step: Callable[[int], Awaitable[object]], count: int) -> float:
    """Microseconds for one of ``count`` calls, sixteen in flight."""
    started = time.perf_counter()
    await gather(step(number) for number in range(count))
    return (time.perf_counter() - started) / count * 1e6


def row(what: str, ours: float, floor: float, against: str) -> None:
    print(f"{what:44} {ours:10.1f} µs   {floor:10.1f} µs   {ours / floor:6.1f} ×   {against}")


def core() -> None:
    body, kind = orjson.dumps(USER), resource_types("standard")["User"]
    json = timed(lambda: orjson.dumps(orjson.loads(body)))
    row("a user's body, read and checked", timed(lambda: accept(kind, orjson.loads(body))), json, "JSON in and out")
    operations = dialects.patch_operations(PATCH)
    row("a PATCH of one e-mail address", timed(lambda: patch.apply(kind, USER, operations)), json, "JSON in and out")
    expressions = [compile_expression(text[1:]).evaluate for text in (FULL_NAME, ACTIVE)] * 10

    def plain() -> list[str]:
        found = []
        for _ in range(10):
            found.append(f"{ATTRIBUTES['givenName']} {ATTRIBUTES['surname']}")
            found.append("False" if ATTRIBUTES["IsSoftDeleted"] else "True")
        return found

    ours = timed(lambda: [evaluate(ATTRIBUTES) for evaluate in expressions])
    row("20 expressions of one user", ours, timed(plain), "the same in Python")
    runs = [rule.compiled.run for rule in compile_schema(template("scim")).users.values[:20] if rule.compiled]
    inputs = Inputs({name: name for name in USER_ATTRIBUTES} | {"IsSoftDeleted": False})
    names = list(inputs.attributes)[:20]
    copied = timed(lambda: {name: inputs.attributes[name] for name in names})
    row("20 mappings of the template, of one user", timed(lambda: [run(inputs) for run in runs]), copied, "20 copies")


async def door(pair: Pair, shop: Installation) -> None:
    async def floor(_: int) -> None:
        async with pair.session.get(f"{shop.url}/healthz") as response:
            await response.read()

    account = await pair.account("ops@contoso.com")

    async def get(_: int) -> None:
        await pair.call("GET", f"/Users/{account['id']}")

    async def post(number: int) -> None:
        status, _found = await pair.call("POST", "/Users", {**USER, "userName": f"bench{number}@contoso.com"})
        assert status == 201

    async def find(number: int) -> None:
        await pair.call("GET", "/Users", params={"filter": f'userName eq "bench{number % 500}@contoso.com"'})

    await rate(floor, 200)
    least = await rate(floor, 2000)
    row("GET one user", await rate(get, 2000), least, "a route that does nothing")
    row("POST one user", await rate(post, 1000), least, "a route that does nothing")
    row("GET with userName eq", await rate(find, 1000), least, "a route that does nothing")


async def pages(pair: Pair, shop: Installation) -> None:
    """Pages of the portal, after a cycle has filled it; the floor is the statement that a page's list is made of."""
    link = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "admin@contoso.com")
    visitor = await signed_in(shop.url, link)
    start = f"/t/{pair.tenant.name}"

    def page(path: str) -> Callable[[int], Awaitable[object]]:
        async def get(_: int) -> None:
            assert (await visitor.get(start + path)).status == 200

        return get

    async def listing(_: int) -> None:
        async with pair.house.database.reading() as tx:
            await users.page(tx, pair.tenant, ("", UUID(int=0)), 51)

    least = await rate(listing, 200)
    row("a page with 50 users", await rate(page("/users"), 200), least, "its list's statement")
    app = f"/applications/{pair.application}"
    row("an application's overview", await rate(page(app), 200), least, "a list's statement")
    row("the part of it that renews itself", await rate(page(f"{app}/cycle"), 200), least, "a list's statement")
    row("50 rows of the log", await rate(page(f"{app}/logs"), 200), least, "a list's statement")


async def cycle(pair: Pair, other: Pair) -> None:
    for number in range(PEOPLE):
        await pair.user(f"p{number}", surname="Bench")
    started = time.perf_counter()
    result = await pair.sync()
    ours = (time.perf_counter() - started) / PEOPLE * 1e6
    assert result.counts == {"create": PEOPLE}
    bodies = [
        {
            "userName": f"p{number}@contoso.com",
            "displayName": f"P{number} Bench",
            "active": True,
            "emails": [{"type": "work", "value": f"p{number}@contoso.com", "primary": True}],
        }
        for number in range(PEOPLE)
    ]

    async def post(number: int) -> None:
        await other.call("POST", "/Users", bodies[number])

    row(f"an initial cycle of {PEOPLE}, for each account", ours, await rate(post, PEOPLE), "the bare POSTs")
    started = time.perf_counter()
    result = await pair.sync()
    idle = (time.perf_counter() - started) * 1e6
    assert result.sent == 1

    async def probe(_: int) -> None:
        await pair.call("GET", "/Users", params={"filter": 'userName eq "nobody"'})

    row("a cycle with nothing to do", idle, await rate(probe, 1), "its one request")


async def wire() -> None:
    with installation() as shop:
        await asyncio.to_thread(shop.run, "init")
        (shop.folder / "provisor.toml").write_text("requests_per_second = 1000000\n")
        shop.serve()
        async with compose.opened(Settings(data=shop.folder)) as house:
            pair, other = await Pair.make(shop, house), await Pair.make(shop, house)
            for one in (pair, other):
                await one.session.close()
                connector = aiohttp.TCPConnector(limit=FLIGHT)
                one.session = aiohttp.ClientSession(
                    connector=connector, headers={"Authorization": f"Bearer {one.token}"}
                )
            await door(pair, shop)
            await cycle(pair, other)
            await pages(pair, shop)
            await graph.run(shop, house, row)
            print()
            await large.run(shop, house, row)
            print()
            alone = await Pair.make(shop, house)
            async with scim.beside(alone, shop) as bench:
                await bench.run(scim.SIZES[os.environ.get("SIZE", "normal")])
            await alone.close()
            await pair.close()
            await other.close()


if __name__ == "__main__":
    import uvloop

    print(f"{'':44} {'ours':>10}      {'floor':>10}      {'ratio':>6}     the floor is")
    core()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(wire())
