"""Every route with every credential, generated from the route table: a new route is in the matrix or fails here.

After each request that must be refused, both workspaces are what they were before.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from in_process import Answer, InProcess
from installation import Installation
from pair import Pair
from provisor.access.actors import PROVISOR
from provisor.api.scim.routes import ANY, ROUTES
from provisor.compose import House
from provisor.workspace import edit as workspace_edit
from provisor.workspace import tokens
from provisor.workspace import users as accounts

PREFIXES = ("scim/v2", "api/2.0/preview/scim", "api/2.0/preview/scim/v2")
OPEN = ("ServiceProviderConfig", "ResourceTypes", "Schemas")
SEARCH: dict[str, Any] = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}
PATCH = {
    "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
    "Operations": [{"op": "add", "path": "externalId", "value": "taken over"}],
}
BULK = {
    "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
    "Operations": [{"method": "POST", "path": "/Groups", "bulkId": "a", "data": {"displayName": "from bulk"}}],
}
#: What is sent, by path; a path with an id is asked for what exists.
BODIES: dict[tuple[str, ...], dict[str, Any]] = {
    (): {},
    (".search",): {"POST": SEARCH},
    ("Bulk",): {"POST": BULK},
    ("Me",): {"POST": {}, "PUT": {}, "PATCH": PATCH},
    ("Users",): {"POST": {"userName": "new@contoso.com"}},
    ("Users", ".search"): {"POST": SEARCH},
    ("Users", ANY): {"PUT": {"userName": "eva@contoso.com", "externalId": "taken over"}, "PATCH": PATCH},
    ("Groups",): {"POST": {"displayName": "new"}},
    ("Groups", ".search"): {"POST": SEARCH},
    ("Groups", ANY): {"PUT": {"displayName": "Crew", "externalId": "taken over"}, "PATCH": PATCH},
    ("ServicePrincipals",): {"POST": {"displayName": "New"}},
    ("ServicePrincipals", ".search"): {"POST": SEARCH},
    ("ServicePrincipals", ANY): {"PUT": {"displayName": "Robot", "externalId": "taken over"}, "PATCH": PATCH},
    ("ServiceProviderConfig",): {},
    ("ResourceTypes",): {},
    ("ResourceTypes", ANY): {},
    ("Schemas",): {},
    ("Schemas", ANY): {},
}
CASES = [(path, method) for path, methods in ROUTES.items() for method in methods]
IDS = [f"{method} /{'/'.join(path)}" for path, method in CASES]
#: Methods and paths that read, whatever their method.
READS = {("POST", ".search")}


@dataclass(frozen=True, slots=True)
class Two:
    """Two workspaces of one profile; ``ids`` are of what is in ``mine``, ``credentials`` by kind."""

    door: InProcess
    mine: Pair
    other: Pair
    ids: dict[str, str]
    credentials: dict[str, str | None]

    async def ask(self, path: tuple[str, ...], method: str, credential: str, prefix: str = PREFIXES[0]) -> Answer:
        parts = [self.ids[path[0]] if part == ANY else part for part in path]
        url = "/".join([f"/w/{self.mine.workspace.name}/{prefix}", *parts])
        return await self.door.ask(method, url, self.credentials[credential], BODIES[path].get(method))

    async def everything(self) -> Any:
        return [await pair.everything() for pair in (self.mine, self.other)]


@pytest_asyncio.fixture(params=["databricks", "standard"])
async def two(shop: Installation, house: House, request: pytest.FixtureRequest) -> AsyncIterator[Two]:
    mine, other = [await Pair.make(shop, house, profile=request.param) for _ in range(2)]
    _, eva = await mine.call("POST", "/Users", {"userName": "eva@contoso.com"})
    _, crew = await mine.call("POST", "/Groups", {"displayName": "Crew", "members": [{"value": eva["id"]}]})
    async with workspace_edit.edit(house.database, mine.workspace, PROVISOR) as work:
        owner = await accounts.find(work.tx, mine.workspace, "ops@contoso.com")
        expired = (await tokens.create(work, owner, lifetime_days=1e-9)).value
        revoked = await tokens.create(work, owner)
        await tokens.revoke(work, revoked.id)
        plain = (await tokens.create(work, await accounts.find(work.tx, mine.workspace, "eva@contoso.com"))).value
    credentials = {
        "right": mine.token,
        "other workspace's": other.token,
        "non-admin": plain,
        "expired": expired,
        "revoked": revoked.value,
        "none": None,
        "empty": "",
        "shortened": mine.token[:-1],
    }
    _, robot = await mine.call("POST", "/ServicePrincipals", {"displayName": "Robot"})
    ids = {"Users": eva["id"], "Groups": crew["id"], "ResourceTypes": "User", "ServicePrincipals": robot.get("id", "1")}
    ids["Schemas"] = "urn:ietf:params:scim:schemas:core:2.0:User"
    yield Two(InProcess(house), mine, other, ids, credentials)
    await mine.close()
    await other.close()


def test_every_route_has_its_body() -> None:
    assert set(BODIES) == set(ROUTES)
    for path, method in CASES:
        assert method in ("GET", "DELETE") or method in BODIES[path], f"{method} {path} has no body in this test"


@pytest.mark.parametrize("path,method", CASES, ids=IDS)
async def test_each_credential_gets_what_is_its(two: Two, path: tuple[str, ...], method: str) -> None:
    reads = method == "GET" or (method, path[-1] if path else "") in READS
    # An RFC's workspace has no service principals.
    absent = path[:1] == ("ServicePrincipals",) and not two.mine.workspace.databricks
    before = await two.everything()
    for prefix in PREFIXES:
        for credential in two.credentials:
            if credential == "right":
                continue
            answer = await two.ask(path, method, credential, prefix)
            case = f"{method} {prefix}/{'/'.join(path)} with {credential} token: {answer.status} {answer.body[:300]!r}"
            if path and path[0] in OPEN:
                assert answer.status == 200, case
            elif path == ("Me",) and method != "GET":
                assert answer.status == 501, case
            elif credential == "non-admin" and reads and absent:
                assert answer.status == 404, case
            elif credential == "non-admin":
                assert answer.status == (200 if reads else 403), case
                # Names and ids of people and groups, whoever asks for more.
                assert b"taken over" not in answer.body, case
                assert b"entitlements" not in answer.body or path == ("Me",), case
            elif credential in ("none", "empty"):
                assert answer.status == 401, case
                assert answer.headers["www-authenticate"].startswith("Bearer"), case
            else:
                assert answer.status == (403 if two.mine.workspace.databricks else 401), case
                assert b"eva" not in answer.body, case
    assert await two.everything() == before
    answer = await two.ask(path, method, "right")
    if absent:
        assert answer.status == 404
        return
    wanted = {"POST": (200, 201), "DELETE": (204,)}.get(method, (200, 204))
    assert answer.status in ((501,) if path == ("Me",) and method != "GET" else wanted), answer.body
    assert (await two.everything())[1] == before[1]


@pytest.mark.parametrize("path,method", [case for case in CASES if case[0][-1:] == (ANY,)])
async def test_an_id_of_another_workspace_is_nobody(two: Two, path: tuple[str, ...], method: str) -> None:
    if path[0] in OPEN:
        return
    before = await two.everything()
    url = f"/w/{two.other.workspace.name}/scim/v2/{path[0]}/{two.ids[path[0]]}"
    answer = await two.door.ask(method, url, two.other.token, BODIES[path].get(method))
    assert answer.status == 404, answer.body
    assert await two.everything() == before


async def test_what_a_body_names_is_looked_for_in_the_own_workspace_only(two: Two) -> None:
    """Members, managers, bulk paths and filters that name what is another workspace's."""
    before = (await two.everything())[0]
    eva, crew = two.ids["Users"], two.ids["Groups"]
    base = f"/w/{two.other.workspace.name}/scim/v2"
    manager = {"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": eva}}}
    for path, body in (
        ("/Groups", {"displayName": "a", "members": [{"value": eva}]}),
        ("/Groups", {"displayName": "a", "members": [{"value": crew, "type": "Group"}]}),
        ("/Users", {"userName": "a@contoso.com", "groups": [{"value": crew}]}),
        ("/Users", {"userName": "b@contoso.com", **manager}),
        ("/Users", {"userName": "c@contoso.com", "id": eva}),
        ("/Groups", {"displayName": "c", "id": crew}),
        ("/Bulk", {**BULK, "Operations": [{"method": "DELETE", "path": f"/Users/{eva}"}]}),
        ("/Bulk", {**BULK, "Operations": [{"method": "PATCH", "path": f"/Groups/{crew}", "data": PATCH}]}),
        ("/Users/.search", {**SEARCH, "filter": f'id eq "{eva}"'}),
        ("/.search", {**SEARCH, "filter": f'id eq "{crew}"'}),
    ):
        answer = await two.door.ask("POST", base + path, two.other.token, body)
        assert answer.status < 500
        if path.endswith("search"):
            assert answer.json()["totalResults"] == 0
        assert b"eva@" not in answer.body, answer.body
        assert b"Crew" not in answer.body, answer.body
        if answer.status == 201:
            assert answer.json()["id"] not in (eva, crew)
    assert (await two.everything())[0] == before
