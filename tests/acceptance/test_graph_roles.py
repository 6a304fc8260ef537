"""Who may do what over the Graph API: a matrix of roles and routes, made from the table of routes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio

from graphs import Graph
from installation import Installation
from pair import Pair
from provisor.access.roles import DIRECTORY_ROLES, ROLES
from provisor.api.graph.routes import ROUTES, find

_NOBODY = str(UUID(int=7))


def path(pattern: str) -> str:
    """An address of this route that leads to nothing."""
    return "/" + re.sub(r"\{\w+\}", lambda word: "graph.user" if word[0] == "{cast}" else _NOBODY, pattern)


@pytest_asyncio.fixture(params=DIRECTORY_ROLES)
async def somebody(request: pytest.FixtureRequest, shop: Installation, pair: Pair) -> AsyncIterator[tuple[str, Graph]]:
    made = await Graph.open(shop, pair.tenant.name, request.param)
    yield request.param, made
    await made.close()


async def test_every_route_is_for_those_whose_role_has_its_action(somebody: tuple[str, Graph]) -> None:
    role, graph = somebody
    wrong = []
    for route in ROUTES:
        status, answer = await graph.ask(route.method, path(route.path), None if route.method == "GET" else {})
        allowed = route.action in ROLES[role]
        if (status != 403) != allowed or status >= 500:
            wrong.append((route.method, route.path, status, answer))
    assert wrong == []


async def test_a_client_reads_itself_whatever_its_role(somebody: tuple[str, Graph]) -> None:
    role, graph = somebody
    for address in (f"/servicePrincipals/{graph.client}", f"/servicePrincipals(appId='{graph.client.upper()}')"):
        assert (await graph.get(address))["displayName"] == role
    other = await graph.ask("PATCH", f"/servicePrincipals/{graph.client}", {"displayName": "other"})
    assert other[0] in (403, 404)


def test_whoever_reads_changes_nothing() -> None:
    assert {route.method for route in ROUTES if route.action.endswith(".read")} <= {"GET", "POST"}
    posted = [route.path for route in ROUTES if route.action.endswith(".read") and route.method == "POST"]
    assert {path.rpartition("/")[2] for path in posted} == {"getByIds", "parseExpression", "$batch"}
    assert all(route.action in ROLES["Global Administrator"] for route in ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_is_found_by_its_own_address(route: object) -> None:
    for item in ROUTES:
        if item is route:
            found, _ = find(item.method, path(item.path).strip("/").split("/"))
            assert found is item
