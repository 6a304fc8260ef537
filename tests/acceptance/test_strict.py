"""A strict workspace takes what RFC 7643 and 7644 say, and refuses each habit of a client with one sentence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from test_scim2_tester import errors_at

from installation import Installation
from pair import Pair
from provisor.compose import House
from provisor.workspace import workspaces

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ANN = "ann@contoso.com"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@pytest_asyncio.fixture
async def strict(shop: Installation, house: House, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pair]:
    """A strict workspace with Ann in it."""
    create = workspaces.create
    monkeypatch.setattr(workspaces, "create", lambda *given, **more: create(*given, **more, strict=True))
    made = await Pair.make(shop, house, profile="standard")
    emails = [{"value": ANN, "type": "home"}]
    status, found = await made.call("POST", "/Users", {"schemas": [USER], "userName": ANN, "emails": emails})
    assert status == 201, found
    yield made
    await made.close()


def _patch(*operations: Any) -> dict[str, Any]:
    return {"schemas": [PATCH], "Operations": list(operations)}


@pytest.mark.parametrize(
    "operation,place",
    [
        ({"op": "Replace", "path": "title", "value": "x"}, "in small letters"),
        ({"op": "replace", "path": "active", "value": "False"}, "active is true or false"),
        ({"op": "replace", "path": "active", "value": [{"value": "false"}]}, "active is true or false"),
        ({"op": "replace", "value": {"active": "True"}}, "active is true or false"),
        ({"op": "add", "value": {"name.givenName": "A"}}, "name.givenName is a path"),
        ({"op": "add", "value": {f"{ENTERPRISE}:department": "A"}}, "is a path"),
        ({"op": "add", "path": "manager", "value": {"value": "1"}}, f"is called {ENTERPRISE}:manager"),
        ({"op": "add", "path": f"{ENTERPRISE}.department", "value": "A"}, f"is called {ENTERPRISE}:department"),
        ({"op": "add", "path": f"{ENTERPRISE}:manager", "value": "1"}, "is an object"),
        ({"op": "remove", "path": "emails", "value": [{"value": ANN}]}, "A remove has no value"),
        ({"op": "replace", "path": "entitlements", "value": [{}]}, "with something in it"),
        ({"op": "add", "path": "roles", "value": ["admin"]}, "roles is an object"),
        ({"op": "replace", "path": 'emails[type eq "work"].value', "value": "a@b"}, "There is no emails"),
        ({"op": "add", "path": 'emails[type eq "work"].value', "value": "a@b"}, "There is no emails"),
    ],
)
async def test_a_habit_in_a_patch_is_refused(strict: Pair, operation: Any, place: str) -> None:
    ann = await strict.account("ann")
    status, found = await strict.call("PATCH", f"/Users/{ann['id']}", _patch(operation))
    assert status == 400
    assert place in found["detail"]
    assert await strict.account("ann") == ann
    bulk = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{"method": "PATCH", "path": f"/Users/{ann['id']}", "data": _patch(operation)}],
    }
    _, answer = await strict.call("POST", "/Bulk", bulk)
    assert answer["Operations"][0]["status"] == "400"


@pytest.mark.parametrize(
    "path,body,place",
    [
        ("/Users", {"userName": "b"}, f"schemas with {USER}"),
        ("/Users", {"schemas": [GROUP], "userName": "b"}, f"schemas with {USER}"),
        ("/Users", {"schemas": [USER], "userName": "b", "active": "true"}, "active is true or false"),
        ("/Users", {"schemas": [USER], "userName": "b", "emails": "b@c"}, "emails is a list"),
        ("/Users", {"schemas": [USER], "userName": "b", "roles": [{}]}, "with something in it"),
        ("/Users", {"schemas": [USER], "userName": "b", "title": {"value": "x"}}, "title is a text"),
        ("/Users", {"schemas": [USER], "userName": "b", "department": "x"}, "department is a path"),
        ("/Groups", {"displayName": "g"}, f"schemas with {GROUP}"),
        ("/Groups", {"schemas": [GROUP], "displayName": "g", "members": ["1"]}, "members is an object"),
    ],
)
async def test_a_habit_in_a_resource_is_refused(strict: Pair, path: str, body: Any, place: str) -> None:
    before = await strict.everything()
    status, found = await strict.call("POST", path, body)
    assert status == 400 and place in found["detail"], found
    data = {"method": "POST", "path": path, "bulkId": "a", "data": body}
    bulk = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [data, {**data, "bulkId": "b"}],
    }
    _, answer = await strict.call("POST", "/Bulk", bulk)
    assert [one["status"] for one in answer["Operations"]] == ["400", "400"]
    assert await strict.everything() == before


async def test_a_text_without_quotes_and_a_patch_without_schemas_are_refused(strict: Pair) -> None:
    status, found = await strict.call("GET", "/Users", params={"filter": "userName eq ann and active eq true"})
    assert (status, found["detail"]) == (400, 'A text stands in quotes: "ann".')
    ann = await strict.account("ann")
    body = {"Operations": [{"op": "add", "path": "title", "value": "x"}]}
    status, found = await strict.call("PATCH", f"/Users/{ann['id']}", body)
    assert status == 400 and "A PATCH has schemas" in found["detail"]


async def test_what_the_rfcs_say_is_taken(strict: Pair) -> None:
    ann = await strict.account("ann")
    url = f"/Users/{ann['id']}"
    for operation in (
        {"op": "add", "path": "emails", "value": [{"value": "a@b.c", "type": "work"}]},
        {"op": "replace", "path": 'emails[type eq "work"].value', "value": "d@e.f"},
        {"op": "add", "value": {"title": "x", ENTERPRISE: {"department": "y", "manager": {"value": "1"}}}},
        {"op": "replace", "path": f"{ENTERPRISE}:department", "value": "z"},
        {"op": "replace", "path": "active", "value": False},
        {"op": "remove", "path": 'emails[type eq "home"]'},
        {"op": "remove", "path": "title"},
    ):
        status, found = await strict.call("PATCH", url, _patch(operation))
        assert status == 200, found
    assert found["emails"] == [{"value": "d@e.f", "type": "work"}]
    assert (found["active"], found[ENTERPRISE]["department"], found.get("title")) == (False, "z", None)
    status, again = await strict.call("PUT", url, found)
    assert (status, again) == (200, found)
    params = {
        "filter": f'userName eq "{ANN}" and (active eq false or title pr) and meta.created gt "2020-01-01T00:00:00Z"'
    }
    _, listed = await strict.call("GET", "/Users", params=params)
    assert listed["totalResults"] == 1


async def test_the_published_tester_finds_no_error_in_a_strict_workspace(strict: Pair) -> None:
    assert await asyncio.to_thread(errors_at, strict.base, strict.token) == []


async def test_the_command_makes_one_and_a_databricks_one_is_none(shop: Installation) -> None:
    def run() -> None:
        shop.run("workspace", "create", "strict-one", "--profile", "standard", "--strict", "--admin", "ops@contoso.com")
        assert shop.json("workspace", "show", "strict-one")["strict"] is True
        said = shop.refused("workspace", "create", "strict-two", "--strict", "--admin", "ops@contoso.com")
        assert said.startswith("A databricks workspace takes what Databricks' clients send")

    await asyncio.to_thread(run)


async def test_provisioning_speaks_as_the_rfcs_say(strict: Pair) -> None:
    """Provisor's own requests are taken by a strict workspace: create, change, disable, members."""
    person = await strict.user("eva")
    await strict.group("Crew", person)
    result = await strict.sync()
    assert (result.counts, result.failures) == ({"create": 2, "add members": 1}, 0)
    assert (await strict.account("eva"))["active"] is True
    await strict.set_user(person, surname="Analyst")
    assert (await strict.sync()).failures == 0
    assert (await strict.account("eva"))["displayName"] == "Eva Analyst"
    await strict.set_user(person, accountEnabled=False)
    assert (await strict.sync()).failures == 0
    assert (await strict.account("eva"))["active"] is False
