"""Many requests in one: each as if it had come alone, in the order of their dependencies."""

from __future__ import annotations

from typing import Any

import pytest

from graphs import Graph
from installation import Installation
from pair import Pair


def person(name: str) -> dict[str, Any]:
    upn = f"{name}@contoso.com"
    return {"accountEnabled": True, "displayName": name, "mailNickname": name, "userPrincipalName": upn}


def one(identity: str, method: str, url: str, body: Any = None, after: tuple[str, ...] = ()) -> dict[str, Any]:
    """A request as the SDKs write it."""
    found = {"id": identity, "method": method, "url": url, "headers": {"Content-Type": "application/json"}}
    return found | ({"body": body} if body is not None else {}) | ({"dependsOn": list(after)} if after else {})


async def batch(graph: Graph, *requests: dict[str, Any]) -> dict[str, dict[str, Any]]:
    status, answer = await graph.ask("POST", "/$batch", {"requests": requests})
    assert status == 200, answer
    assert [item["id"] for item in answer["responses"]] == [item["id"] for item in requests]
    return {item["id"]: item for item in answer["responses"]}


async def test_each_is_answered_like_a_request_of_its_own(graph: Graph) -> None:
    answers = await batch(
        graph,
        one("seen", "GET", "/users/ada@contoso.com?$select=displayName%2Cmail", after=("made",)),
        one("made", "POST", "/users", person("ada")),
        one("count", "get", "v1.0/users/$count?$filter=startswith(displayName,'ada')", after=("seen",)),
        one("changed", "PATCH", "/v1.0/users/ada%40contoso.com", {"jobTitle": "Countess"}, after=("seen",)),
        one("missing", "GET", "/beta/users/nobody@contoso.com"),
        one("strange", "GET", "/me/messages"),
        one("wrong", "POST", "/users", {"displayName": "x"}),
    )
    assert {name: item["status"] for name, item in answers.items()} == {
        "seen": 200,
        "made": 201,
        "count": 200,
        "changed": 204,
        "missing": 404,
        "strange": 501,
        "wrong": 400,
    }
    seen = answers["seen"]
    assert seen["headers"] == {"Content-Type": "application/json"}
    context = f"{graph.base}/$metadata#users/$entity"
    assert seen["body"] == {"@odata.context": context, "id": seen["body"]["id"], "displayName": "ada", "mail": None}
    assert answers["made"]["headers"]["Location"] == f"{graph.base}/users/{seen['body']['id']}"
    assert (answers["count"]["headers"], answers["count"]["body"]) == ({"Content-Type": "text/plain"}, "1")
    assert "body" not in answers["changed"]
    assert answers["missing"]["body"]["error"]["code"] == "Request_ResourceNotFound"
    assert (await graph.get("/users/ada@contoso.com"))["jobTitle"] == "Countess"


async def test_what_depends_on_a_failure_is_not_done(graph: Graph) -> None:
    answers = await batch(
        graph,
        one("1", "POST", "/users", {"displayName": "x"}),
        one("2", "POST", "/users", person("bob"), after=("1",)),
        one("3", "POST", "/users", person("eve"), after=("2",)),
        one("4", "POST", "/users", person("ada")),
    )
    assert [item["status"] for item in answers.values()] == [400, 424, 424, 201]
    assert answers["3"]["body"]["error"]["code"] == "FailedDependency"
    found = await graph.all("/users?$select=displayName")
    assert {item["displayName"] for item in found} & {"ada", "bob", "eve"} == {"ada"}


async def test_nobody_may_more_in_a_batch(shop: Installation, pair: Pair) -> None:
    reader = await Graph.open(shop, pair.tenant.name, "Global Reader")
    answers = await batch(reader, one("1", "GET", "/users"), one("2", "POST", "/users", person("ada")))
    assert [item["status"] for item in answers.values()] == [200, 403]
    assert answers["2"]["body"]["error"]["code"] == "Authorization_RequestDenied"
    assert len(await reader.all("/users")) == 1
    await reader.close()


async def test_delta_goes_in_a_batch_with_its_headers(graph: Graph) -> None:
    await graph.make("/users", person("ada"))
    asked = one("1", "GET", "/users/delta?$select=displayName") | {"headers": {"PREFER": "odata.maxpagesize=1"}}
    body = (await batch(graph, asked))["1"]["body"]
    assert len(body["value"]) == 1 and body["@odata.nextLink"].startswith(f"{graph.base}/users/delta?")
    assert (await graph.get(body["@odata.nextLink"]))["value"]


@pytest.mark.parametrize(
    ("requests", "why"),
    [
        (None, "requests must be a list of 1 to 20 requests."),
        ([], "requests must be a list of 1 to 20 requests."),
        ([one(str(n), "GET", "/users") for n in range(21)], "requests must be a list of 1 to 20 requests."),
        (["x"], "Request 1 of the batch needs an id, a text of 1 to 64 characters."),
        ([one("", "GET", "/users")], "Request 1 of the batch needs an id, a text of 1 to 64 characters."),
        (
            [one("a", "GET", "/users"), one("a", "GET", "/groups")],
            "Two requests of the batch have the same id: each needs one of its own.",
        ),
        ([one("a", "LIST", "/users")], "Request 'a' needs a method: GET, POST, PUT, PATCH, DELETE."),
        ([one("a", "GET", "/")], "Request 'a' needs a url like /users, of at most 8192 characters."),
        (
            [one("a", "GET", "https://graph.microsoft.com/v1.0/users")],
            "The url of request 'a' must be relative, as /users is.",
        ),
        ([one("a", "GET", "/users/%00")], "The url of request 'a' holds a zero byte."),
        (
            [one("a", "POST", "/v1.0/%24batch", {"requests": []})],
            "Request 'a' is a batch itself, and a batch cannot be in another.",
        ),
        ([one("a", "POST", "/users", [1])], "The body of request 'a' must be a JSON object."),
        ([one("a", "GET", "/users") | {"headers": {"a": 1}}], "The headers of request 'a' must be an object of texts."),
        ([one("a", "GET", "/users") | {"dependsOn": "b"}], "dependsOn of request 'a' must be a list of ids."),
        (
            [one("a", "GET", "/users", after=("b",))],
            "Request 'a' depends on 'b', which is no request of the batch.",
        ),
        (
            [one("a", "GET", "/users", after=("b",)), one("b", "GET", "/users", after=("a",))],
            "Requests depend on each other in a circle: a, b.",
        ),
    ],
)
async def test_what_is_no_batch_is_refused_as_a_whole(graph: Graph, requests: Any, why: str) -> None:
    assert await graph.refused("POST", "/$batch", {"requests": requests}) == (400, "Request_BadRequest", why)
