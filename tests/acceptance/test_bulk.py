"""Bulk (RFC 7644 §3.7) over real HTTP: order, references forward and in circles, errors, limits, who may."""

from __future__ import annotations

from typing import Any

import pytest

from pair import Pair, members
from provisor import audit
from provisor.access.actors import PROVISOR
from provisor.scim.messages import BULK_REQUEST, BULK_RESPONSE
from provisor.workspace import edit as workspace_edit
from provisor.workspace import tokens, users

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def user(name: str, bulk_id: str | None = None, **more: Any) -> dict[str, Any]:
    data = {"userName": f"{name}@contoso.com", **more}
    return {"method": "POST", "path": "/Users", "bulkId": bulk_id or name, "data": data}


def group(name: str, *wanted: str) -> dict[str, Any]:
    data = {"displayName": name, "members": [{"value": value} for value in wanted]}
    return {"method": "POST", "path": "/Groups", "bulkId": name, "data": data}


async def bulk(pair: Pair, *operations: Any, **more: Any) -> Any:
    status, found = await pair.call(
        "POST", "/Bulk", {"schemas": [BULK_REQUEST], "Operations": list(operations), **more}
    )
    assert status == 200, found
    assert found["schemas"] == [BULK_RESPONSE]
    return found["Operations"]


def statuses(answers: Any) -> list[str]:
    return [answer["status"] for answer in answers]


async def test_each_operation_is_done_and_answered_as_alone(pair: Pair) -> None:
    answers = await bulk(pair, user("ada"), user("bob"))
    assert statuses(answers) == ["201", "201"]
    ada = await pair.account("ada")
    assert answers[0] == {
        "location": f"{pair.base}/Users/{ada['id']}",
        "method": "POST",
        "bulkId": "ada",
        "version": ada["meta"]["version"],
        "status": "201",
    }
    path = f"/Users/{ada['id']}"
    answers = await bulk(
        pair,
        {"method": "PUT", "path": path, "data": {"userName": "ada@contoso.com", "title": "Countess"}},
        {"method": "patch", "path": path, "data": {"Operations": [{"op": "add", "path": "active", "value": False}]}},
        {"method": "DELETE", "path": f"/Users/{(await pair.account('bob'))['id']}"},
    )
    assert statuses(answers) == ["200", "200", "204"]
    ada = await pair.account("ada")
    assert (ada["title"], ada["active"], answers[1]["version"]) == ("Countess", False, ada["meta"]["version"])
    assert await pair.account("bob") is None


async def test_references_lead_forward_and_back_and_into_paths(pair: Pair) -> None:
    add = {"Operations": [{"op": "add", "path": "members", "value": [{"value": "bulkId:cyd"}]}]}
    answers = await bulk(
        pair,
        {"method": "PATCH", "path": "/Groups/bulkId:Team", "data": add},
        group("Team", "bulkId:ada", "bulkId:bob"),
        user("ada"),
        user("bob", **{ENTERPRISE: {"manager": {"value": "bulkId:ada"}}}),
        user("cyd"),
    )
    assert statuses(answers) == ["200", "201", "201", "201", "201"]
    ids = {name: (await pair.account(name))["id"] for name in ("ada", "bob", "cyd")}
    assert members(await pair.team("Team")) == set(ids.values())
    assert (await pair.account("bob"))[ENTERPRISE]["manager"]["value"] == ids["ada"]


@pytest.mark.parametrize("size", [1, 2, 5])
async def test_a_circle_of_references_is_closed(pair: Pair, size: int) -> None:
    """Each is managed by the next, the last by the first (or one by themself)."""
    names = [f"u{number}" for number in range(size)]
    people = [
        user(name, title=name, **{ENTERPRISE: {"department": "d", "manager": {"value": f"bulkId:{following}"}}})
        for name, following in zip(names, [*names[1:], names[0]], strict=True)
    ]
    answers = await bulk(pair, *people, group("Team", *[f"bulkId:{name}" for name in names]))
    assert statuses(answers) == ["201"] * (size + 1)
    found = [await pair.account(name) for name in names]
    assert [item[ENTERPRISE]["manager"]["value"] for item in found] == [item["id"] for item in [*found[1:], found[0]]]
    assert all(item["title"] and item[ENTERPRISE]["department"] == "d" for item in found)
    assert [answer["version"] for answer in answers[:-1]] == [item["meta"]["version"] for item in found]


async def test_groups_in_a_circle_are_refused_and_nothing_of_it_stays(pair: Pair) -> None:
    answers = await bulk(pair, group("Above", "bulkId:Below"), group("Below", "bulkId:Above"))
    assert statuses(answers)[0] == "400" and "contains" in answers[0]["response"]["detail"]
    assert await pair.team("Above") is None


async def test_an_error_concerns_its_operation_and_those_that_need_it(pair: Pair) -> None:
    await bulk(pair, user("ada"))
    answers = await bulk(
        pair,
        user("ada", "again"),
        group("Team", "bulkId:again"),
        user("bob"),
        {"method": "DELETE", "path": "/Users/1"},
        group("Other", "bulkId:nobody"),
    )
    assert statuses(answers) == ["409", "400", "201", "404", "400"]
    assert answers[0]["response"]["scimType"] == "uniqueness" and "location" not in answers[0]
    assert answers[1]["response"]["detail"] == "bulkId:again was not created."
    assert answers[3]["location"] == f"{pair.base}/Users/1"
    assert answers[4]["response"]["detail"] == "No operation creates bulkId:nobody."
    assert await pair.team("Team") is None


async def test_after_so_many_errors_the_rest_is_left(pair: Pair) -> None:
    await bulk(pair, user("ada"))
    wrong = [user("ada", "x1"), user("ada", "x2")]
    assert statuses(await bulk(pair, wrong[0], user("bob"), wrong[1], user("cyd"), failOnErrors=2)) == [
        "409",
        "201",
        "409",
    ]
    assert await pair.account("cyd") is None
    assert statuses(await bulk(pair, *wrong, user("cyd"), failOnErrors=3)) == ["409", "409", "201"]


async def test_a_version_is_a_precondition(pair: Pair) -> None:
    await bulk(pair, user("ada"))
    ada = await pair.account("ada")
    change = {"Operations": [{"op": "add", "path": "title", "value": "Countess"}]}
    operation = {"method": "PATCH", "path": f"/Users/{ada['id']}", "data": change, "version": ada["meta"]["version"]}
    assert statuses(await bulk(pair, operation, operation)) == ["200", "412"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"schemas": ["urn:x"], "Operations": []}, 400),
        ({"schemas": [BULK_REQUEST]}, 400),
        ({"schemas": [BULK_REQUEST], "Operations": [1]}, 400),
        ({"schemas": [BULK_REQUEST], "Operations": [], "failOnErrors": 0}, 400),
        ({"schemas": [BULK_REQUEST], "Operations": [user("a"), user("b", "a")]}, 400),
        ({"schemas": [BULK_REQUEST], "Operations": [{"method": "POST", "path": "/Users", "data": {}}]}, 400),
        ({"schemas": [BULK_REQUEST], "Operations": [{**user("a"), "path": "/Users/1"}]}, 400),
        ({"schemas": [BULK_REQUEST], "Operations": [{**user("a"), "path": "/Shoes"}]}, 400),
        ({"schemas": [BULK_REQUEST], "Operations": [{**user("a"), "method": "GET"}]}, 400),
        ({"schemas": [BULK_REQUEST], "Operations": [{**user("a"), "data": []}]}, 400),
        ({"schemas": [BULK_REQUEST], "Operations": [{"method": "DELETE", "path": "/Users"}]}, 400),
        ({"schemas": [BULK_REQUEST], "Operations": [{"method": "DELETE", "path": "/Users/1"}] * 1001}, 413),
    ],
)
async def test_what_is_no_bulk_request_is_refused_before_anything_is_done(pair: Pair, body: Any, status: int) -> None:
    found, said = await pair.call("POST", "/Bulk", body)
    assert found == status and said["detail"]
    assert await pair.account("a") is None


async def test_who_may_not_write_is_refused_as_a_whole(pair: Pair) -> None:
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        reader = await users.add(work, "reader@contoso.com", {})
        token = (await tokens.create(work, reader)).value
    body = {"schemas": [BULK_REQUEST], "Operations": [user("ada")]}
    for value, status in ((token, 403), ("dapi-wrong", 403)):
        found, _ = await pair.call("POST", "/Bulk", body, headers={"Authorization": f"Bearer {value}"})
        assert found == status
    assert await pair.account("ada") is None


async def test_a_thousand_operations_in_one_request(pair: Pair) -> None:
    people = [user(f"u{number}") for number in range(999)]
    answers = await bulk(pair, group("Everybody", *[f"bulkId:u{number}" for number in range(999)]), *people)
    assert statuses(answers) == ["201"] * 1000
    assert len((await pair.team("Everybody"))["members"]) == 999


async def test_the_server_says_what_bulk_it_takes(pair: Pair) -> None:
    _, found = await pair.call("GET", "/ServiceProviderConfig")
    assert found["bulk"] == {"supported": True, "maxOperations": 1000, "maxPayloadSize": 1_048_576}


async def test_many_creates_are_answered_as_if_each_had_come_alone(pair: Pair) -> None:
    """Creates that follow each other are written together: refusals among them concern nobody else."""
    _, gone = await pair.call("POST", "/Users", {"userName": "back@contoso.com"})
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        await users.remove(work, "back@contoso.com")
    names = [f"p{number}@contoso.com" for number in range(250)]
    names[40] = "P3@contoso.com"
    names[130] = "ops@contoso.com"
    names[131] = "back@contoso.com"
    bodies: list[dict[str, Any]] = [{"userName": name} for name in names]
    bodies[200] = {"displayName": "nobody"}
    bodies[201]["groups"] = [{"value": (await pair.team("admins"))["id"]}]
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": f"b{number}", "data": body} for number, body in enumerate(bodies)
    ]
    _, answer = await pair.call("POST", "/Bulk", {"schemas": [BULK_REQUEST], "Operations": operations})
    statuses = [one["status"] for one in answer["Operations"]]
    assert [one["bulkId"] for one in answer["Operations"]] == [f"b{number}" for number in range(250)]
    assert {number: status for number, status in enumerate(statuses) if status != "201"} == {
        40: "409",
        130: "409",
        200: "400",
    }
    assert answer["Operations"][131]["location"].endswith(f"/{gone['id']}")
    for number in (0, 99, 100, 131, 201, 249):
        _, found = await pair.call("GET", answer["Operations"][number]["location"].removeprefix(pair.base))
        assert found["userName"] == names[number]
        groups = {group["display"] for group in found["groups"]}
        assert groups == ({"users", "admins"} if number == 201 else {"users"})
    _, found = await pair.call("GET", "/Users", params={"count": "0"})
    assert found["totalResults"] == 1 + 247
    async with pair.house.database.reading() as tx:
        rows = await audit.entries(tx, pair.workspace.log, 1000)
    assert sum(row["action"] == "create" and row["object"].startswith("user p") for row in rows) == 246


async def test_many_creates_stop_after_the_errors_that_are_allowed(pair: Pair) -> None:
    bodies = [{"userName": f"p{number}@contoso.com"} for number in range(20)]
    bodies[5]["userName"] = "ops@contoso.com"
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": f"b{number}", "data": body} for number, body in enumerate(bodies)
    ]
    request = {"schemas": [BULK_REQUEST], "failOnErrors": 1, "Operations": operations}
    _, answer = await pair.call("POST", "/Bulk", request)
    assert [one["status"] for one in answer["Operations"]] == ["201"] * 5 + ["409"]
    _, found = await pair.call("GET", "/Users", params={"count": "0"})
    assert found["totalResults"] == 1 + 5
