"""What the Graph API adds: a page of users against the statement that reads it, and a round of changes in a large
directory against one in a small one."""

from __future__ import annotations

import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from graphs import Graph
from installation import Installation
from provisor.access.actors import PROVISOR
from provisor.compose import House
from provisor.directory import tenants, users
from provisor.directory.edit import Tenant, edit

_SMALL, _LARGE = 1_000, 100_000
_CHANGES = 10
_TURNS = 30
#: As people are who came from a file: with the feed's rows, which a round of changes walks.
_PEOPLE = """
    with made as (
        insert into directory_user (tenant, id, upn, upn_key, name_key, enabled, doc)
        select $1, gen_random_uuid(), 'p' || n || '@contoso.com', 'p' || n || '@contoso.com', 'person ' || n, true,
               jsonb_build_object(
                   'userPrincipalName', 'p' || n || '@contoso.com', 'accountEnabled', true,
                   'displayName', 'Person ' || n, 'givenName', 'Person', 'surname', n::text, 'jobTitle', 'Clerk',
                   'mail', 'p' || n || '@contoso.com', 'mailNickname', 'p' || n, 'department', 'Engines',
                   'physicalDeliveryOfficeName', 'B' || n % 7, 'mobile', '+44 20 ' || n, 'preferredLanguage', 'en')
        from generate_series(1, $2::int) n
        returning id
    ), told as (
        insert into directory_change (tenant, object_id, object_type, seq)
        select $1, id, 'User', (select seq from tenant where id = $1) + row_number() over () from made
    )
    update tenant set seq = seq + $2::int where id = $1"""
_BARE = """
    select u.id, u.upn, u.enabled, u.deleted, u.doc, u.created from directory_user u
    where u.tenant = $1 and u.deleted is null order by u.id limit 1000"""


async def run(shop: Installation, house: House, row: Callable[[str, float, float, str], None]) -> None:
    async with _filled(shop, house, _SMALL) as (small, graph):
        await _page(small, graph, house, row)
        few = await _round(small, graph, house)
    async with _filled(shop, house, _LARGE) as (large, graph):
        many = await _round(large, graph, house)
    row(f"{_CHANGES} changes of {_LARGE:,} users, with delta", many, few, f"the same of {_SMALL:,} users")


async def _page(tenant: Tenant, graph: Graph, house: House, row: Callable[[str, float, float, str], None]) -> None:
    async def bare() -> None:
        async with house.database.reading() as tx:
            assert len(await tx.fetch(_BARE, tenant.id)) == 1000

    async def asked(path: str) -> None:
        async with graph.session.get(graph.base + path, headers={"Authorization": f"Bearer {graph.token}"}) as answer:
            assert answer.status == 200 and len(await answer.read()) > 100_000

    usual, many = "/users?$top=999", f"/users?$top=999{_MANY}"
    floor, few, more = await _medians(bare, lambda: asked(usual), lambda: asked(many))
    row("999 users, a page over Graph", few, floor, "its SQL")
    row("999 users, 30 properties of each", more, floor, "its SQL")


_MANY = "&$select=" + ",".join(
    (
        "id accountEnabled businessPhones city companyName country createdDateTime department displayName employeeId "
        "employeeType faxNumber givenName jobTitle mail mailNickname mobilePhone officeLocation otherMails postalCode "
        "preferredLanguage proxyAddresses state streetAddress surname usageLocation userPrincipalName userType "
        "showInAddressList onPremisesExtensionAttributes"
    ).split()
)


async def _round(tenant: Tenant, graph: Graph, house: House) -> float:
    """Microseconds for the round that tells of the changes."""
    people = [item["id"] for item in (await graph.get(f"/users?$top={_CHANGES}"))["value"]]
    start = (await graph.get("/users/delta?$deltatoken=latest"))["@odata.deltaLink"]
    async with edit(house.database, tenant, PROVISOR) as work:
        for person in people:
            await users.change(work, (await users.find(work.tx, tenant, person)).id, {"department": "Analysis"})

    async def asked() -> None:
        assert len((await graph.get(start))["value"]) == _CHANGES

    (found,) = await _medians(asked)
    return found


async def _medians(*steps: Callable[[], Awaitable[Any]]) -> list[float]:
    """Microseconds for one call of each: the median of many, in turns, so that what else runs concerns all alike."""
    found: list[list[float]] = [[] for _ in steps]
    for _ in range(_TURNS):
        for step, times in zip(steps, found, strict=True):
            started = time.perf_counter()
            await step()
            times.append((time.perf_counter() - started) * 1e6)
    return [statistics.median(times) for times in found]


@asynccontextmanager
async def _filled(shop: Installation, house: House, count: int) -> AsyncIterator[tuple[Tenant, Graph]]:
    """A new tenant with so many users, and a client of it."""
    name = f"graph{count}"
    async with house.database.transaction() as tx:
        tenant = await tenants.create(tx, PROVISOR, name, "contoso.com", "admin@contoso.com")
        await tx.execute(_PEOPLE, tenant.id, count)
        await tx.execute("analyze directory_user, directory_change")
    graph = await Graph.open(shop, name, "Global Administrator")
    try:
        yield tenant, graph
    finally:
        await graph.close()
