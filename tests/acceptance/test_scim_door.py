"""The SCIM door of a workspace over real HTTP: addresses, who is let in, and what requests and errors look like."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from installation import Installation
from pair import OPS, Pair
from provisor.access.actors import PROVISOR
from provisor.workspace import edit as workspace_edit
from provisor.workspace import groups as teams
from provisor.workspace import tokens
from provisor.workspace import users as accounts

ADA = {"userName": "ada@contoso.com", "displayName": "Ada", "emails": [{"value": "ada@contoso.com", "type": "work"}]}
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


async def add(pair: Pair, name: str = "ada", **more: Any) -> Any:
    status, made = await pair.call("POST", "/Users", {**ADA, "userName": f"{name}@contoso.com", **more})
    assert status == 201, made
    return made


async def token_of(pair: Pair, name: str, **more: Any) -> str:
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        owner = await accounts.find(work.tx, pair.workspace, name)
        return (await tokens.create(work, owner, **more)).value


async def ask(url: str, token: str | None = None, **more: Any) -> tuple[int, Any, Any]:
    headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **more.pop("headers", {})}
    async with (
        aiohttp.ClientSession() as session,
        session.request(more.pop("method", "GET"), url, headers=headers, **more) as response,
    ):
        return response.status, await response.json(content_type=None), response.headers


# ── addresses ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("end", ["scim/v2", "api/2.0/preview/scim", "api/2.0/preview/scim/v2"])
async def test_seed_15_every_profile_answers_under_three_addresses(
    end: str, pair: Pair, standard: Pair, shop: Installation
) -> None:
    for one in (pair, standard):
        base = f"{shop.url}/w/{one.workspace.name}/{end}"
        status, found, _ = await ask(f"{base}/Users", one.token)
        assert (status, found["totalResults"]) == (200, 1)
        assert found["Resources"][0]["meta"]["location"].startswith(f"{base}/Users/")


async def test_a_workspace_is_found_by_its_host_name(pair: Pair, shop: Installation) -> None:
    port = urlsplit(shop.url).port
    headers = {"Host": f"{pair.workspace.name}.localhost:{port}"}
    status, found, _ = await ask(f"{shop.url}/api/2.0/preview/scim/v2/Me", pair.token, headers=headers)
    assert (status, found["userName"]) == (200, OPS)


async def test_the_first_workspace_is_at_the_root(pair: Pair, shop: Installation) -> None:
    name = (await asyncio.to_thread(shop.json, "workspace", "list"))[0]["name"]
    token = await asyncio.to_thread(shop.run, "workspace", "token", name, "--user", OPS)
    status, found, _ = await ask(f"{shop.url}/api/2.0/preview/scim/v2/Users", token)
    assert status == 200
    assert OPS in {item["userName"] for item in found["Resources"]}


@pytest.mark.parametrize("path", ["/api/2.0/clusters/list", "/w/none/api/2.0/jobs/list", "/nothing"])
async def test_what_is_no_api_is_404_in_databricks_words(path: str, shop: Installation) -> None:
    status, found, _ = await ask(shop.url + path)
    assert status == 404
    assert found["error_code"] == "ENDPOINT_NOT_FOUND"
    assert found["message"].startswith("No API found for 'GET ")


async def test_a_workspace_that_is_not_there_is_404(shop: Installation, pair: Pair) -> None:
    status, found, _ = await ask(f"{shop.url}/w/nowhere/scim/v2/Users", pair.token)
    assert (status, found["schemas"], found["status"]) == (404, [ERROR], "404")


async def test_health_needs_no_credential(shop: Installation) -> None:
    for path in ("/healthz", "/readyz"):
        status, found, _ = await ask(shop.url + path)
        assert (status, found) == (200, {"status": "ok"})


# ── who is let in ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_without_a_credential_everything_but_discovery_is_401(pair: Pair) -> None:
    for path in ("/Users", "/Groups", "/Me", "/Users/1", "/Groups/1"):
        status, found, headers = await ask(pair.base + path)
        assert (status, found["status"]) == (401, "401"), path
        assert headers["WWW-Authenticate"] == "Bearer"
    for path in ("/ServiceProviderConfig", "/ResourceTypes", "/Schemas"):
        assert (await ask(pair.base + path))[0] == 200, path


async def test_seed_17_a_refused_token_says_why(pair: Pair) -> None:
    await add(pair)
    expired = await token_of(pair, "ada@contoso.com", lifetime_days=1e-9)
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        owner = await accounts.find(work.tx, pair.workspace, "ada@contoso.com")
        revoked = await tokens.create(work, owner)
        await tokens.revoke(work, revoked.id)
    good = await token_of(pair, "ada@contoso.com")
    status, found, headers = await ask(f"{pair.base}/Me", f"dapi{'0' * 49}")
    assert (status, found) == (403, {"error_code": 403, "message": "Invalid access token."})
    assert headers["X-Databricks-Reason-Phrase"] == "Invalid access token."
    for token, why in ((expired, "has expired"), (revoked.value, "has been revoked"), (good[:-1], "Invalid access")):
        status, found, _ = await ask(f"{pair.base}/Me", token)
        assert status == 403
        assert why in found["message"]
    assert (await ask(f"{pair.base}/Me", good))[0] == 200
    account = await pair.account("ada")
    await pair.call("PATCH", f"/Users/{account['id']}", {"Operations": [{"op": "replace", "value": {"active": False}}]})
    status, found, _ = await ask(f"{pair.base}/Me", good)
    assert (status, found["message"]) == (403, "The owner of this access token, ada@contoso.com, is inactive.")
    await pair.call("DELETE", f"/Users/{account['id']}")
    assert "was removed" in (await ask(f"{pair.base}/Me", good))[1]["message"]


async def test_a_token_of_another_workspace_is_none(pair: Pair, standard: Pair) -> None:
    assert (await ask(f"{pair.base}/Me", standard.token))[0] == 403
    status, _, headers = await ask(f"{standard.base}/Me", pair.token)
    assert (status, headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')


async def test_basic_with_the_user_token_is_a_token_too(pair: Pair) -> None:
    word = base64.b64encode(f"token:{pair.token}".encode()).decode()
    assert (await ask(f"{pair.base}/Me", headers={"Authorization": f"Basic {word}"}))[0] == 200
    assert (await ask(f"{pair.base}/Me", headers={"Authorization": f"bearer: {pair.token}"}))[0] == 200
    assert (await ask(f"{pair.base}/Me", headers={"Authorization": "Basic ???"}))[0] == 401
    assert (await ask(f"{pair.base}/Me", "ü"))[0] == 403


async def test_who_is_no_admin_reads_names_and_writes_nothing(pair: Pair) -> None:
    made = await add(pair, name="ada", title="Countess")
    token = await token_of(pair, "ada@contoso.com")
    _, found, _ = await ask(f"{pair.base}/Users/{made['id']}", token)
    assert found.keys() == {"schemas", "id", "userName", "displayName"}
    _, found, _ = await ask(f"{pair.base}/Users", token)
    assert all(item.keys() <= {"schemas", "id", "userName", "displayName"} for item in found["Resources"])
    _, found, _ = await ask(f"{pair.base}/Users", token, params={"filter": 'title eq "Countess"'})
    assert found["totalResults"] == 0
    for method, path in (("POST", "/Users"), ("PUT", f"/Users/{made['id']}"), ("DELETE", f"/Users/{made['id']}")):
        status, found, _ = await ask(pair.base + path, token, method=method, json=ADA)
        assert (status, found["status"]) == (403, "403"), method
    assert await pair.account("ada") is not None


async def test_me_has_the_organisations_id(pair: Pair) -> None:
    async with pair.session.get(f"{pair.base}/Me") as response:
        found = await response.json(content_type=None)
        assert response.headers["X-Databricks-Org-Id"] == str(pair.workspace.id)
    assert found["userName"] == OPS
    assert {group["display"] for group in found["groups"]} == {"admins", "users"}


# ── users and groups ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_user_is_made_read_changed_and_deleted(pair: Pair) -> None:
    made = await add(pair, name="Ada")
    assert (made["userName"], made["active"]) == ("ada@contoso.com", True)
    assert 10**15 <= int(made["id"]) < 2**53
    path = f"/Users/{made['id']}"
    assert (await pair.call("GET", path)) == (200, made)
    body = {"Operations": [{"op": "Replace", "path": "displayName", "value": "Ada Lovelace"}]}
    status, changed = await pair.call("PATCH", path, body)
    assert (status, changed["displayName"], changed["meta"]["version"]) == (200, "Ada Lovelace", 'W/"2"')
    _, again = await pair.call("PATCH", path, body)
    assert again["meta"] == changed["meta"]
    assert (await pair.call("DELETE", path)) == (204, None)
    assert (await pair.call("GET", path))[0] == 404


async def test_a_taken_name_is_409_in_both_worlds_words(pair: Pair) -> None:
    await add(pair)
    status, found = await pair.call("POST", "/Users", {"userName": "ADA@contoso.com"})
    text = "User with username ada@contoso.com already exists."
    assert status == 409
    assert found == {
        "schemas": [ERROR],
        "status": "409",
        "scimType": "uniqueness",
        "detail": text,
        "error_code": "RESOURCE_ALREADY_EXISTS",
        "message": text,
    }
    await pair.call("POST", "/Groups", {"displayName": "Engineering"})
    status, found = await pair.call("POST", "/Groups", {"displayName": "Engineering"})
    assert (status, found["detail"]) == (409, "Group with name Engineering already exists.")


async def test_seed_56_user_names_and_emails_stay_and_the_audit_log_says_what_was_ignored(pair: Pair) -> None:
    made = await add(pair)
    body = {"Operations": [{"op": "replace", "value": {"userName": "x@y.z", "emails": [{"value": "x@y.z"}]}}]}
    status, found = await pair.call("PATCH", f"/Users/{made['id']}", body)
    assert (status, found) == (200, made)
    status, found = await pair.call("PUT", f"/Users/{made['id']}", {**ADA, "userName": "x@y.z"})
    assert (status, found["userName"], found["emails"]) == (200, made["userName"], made["emails"])
    async with pair.house.database.reading() as tx:
        from provisor import audit

        rows = await audit.entries(tx, pair.workspace.log)
    ignored = [row for row in rows if row["action"] == "change ignored"]
    assert ignored[-1]["after"] == {"ignored": ["emails", "username"]}
    assert ignored[-1]["actor"].startswith(OPS)


async def test_members_come_and_go(pair: Pair) -> None:
    ada, bob = await add(pair, "ada"), await add(pair, "bob")
    _, team = await pair.call("POST", "/Groups", {"displayName": "Engineering", "members": [{"value": ada["id"]}]})
    assert team["members"] == [{"value": ada["id"], "$ref": f"Users/{ada['id']}", "display": "Ada"}]
    assert team["meta"]["resourceType"] == "WorkspaceGroup"
    path = f"/Groups/{team['id']}"
    operations = [
        {"op": "Add", "path": "members", "value": [{"value": bob["id"], "$ref": None}]},
        {"op": "Remove", "path": "members", "value": [{"value": ada["id"]}]},
    ]
    status, found = await pair.call("PATCH", path, {"Operations": operations})
    assert (status, [member["value"] for member in found["members"]]) == (200, [bob["id"]])
    _, found = await pair.call("GET", path, params={"excludedAttributes": "members"})
    assert "members" not in found
    _, user = await pair.call("GET", f"/Users/{bob['id']}")
    assert {"value": team["id"], "$ref": f"Groups/{team['id']}", "display": "Engineering", "type": "direct"} in user[
        "groups"
    ]
    status, found = await pair.call(
        "PATCH", path, {"Operations": [{"op": "add", "path": "members", "value": [{"value": "9"}]}]}
    )
    assert (status, found["scimType"]) == (400, "invalidValue")


async def test_seed_53_reserved_groups(pair: Pair) -> None:
    _, found = await pair.call("GET", "/Groups", params={"filter": 'displayName eq "admins"'})
    admins = found["Resources"][0]
    path = f"/Groups/{admins['id']}"
    _, child = await pair.call("POST", "/Groups", {"displayName": "Child"})
    member = {"op": "add", "path": "members", "value": [{"value": child["id"]}]}
    rename = {"op": "replace", "path": "displayName", "value": "Others"}
    last = {"op": "remove", "path": "members", "value": [{"value": admins["members"][0]["value"]}]}
    for method, body in (
        ("DELETE", None),
        ("PATCH", {"Operations": [member]}),
        ("PATCH", {"Operations": [rename]}),
        ("PATCH", {"Operations": [last]}),
        ("PUT", {"displayName": "Others"}),
    ):
        status, answer = await pair.call(method, path, body)
        assert (status, answer["scimType"]) == (400, "mutability"), (method, body, answer)
    status, answer = await pair.call("POST", "/Groups", {"displayName": "Admins"})
    assert (status, answer["scimType"]) == (400, "mutability")
    assert (await pair.call("GET", path))[1] == admins


async def test_seed_54_groups_keep_their_names_unless_the_workspace_allows_it(pair: Pair, shop: Installation) -> None:
    _, team = await pair.call("POST", "/Groups", {"displayName": "Engineering"})
    path = f"/Groups/{team['id']}"

    async def rename(name: str) -> int:
        body = {"Operations": [{"op": "replace", "path": "displayName", "value": name}]}
        return (await pair.call("PATCH", path, body))[0]

    assert (await rename("Engineering"), await rename("Engineers")) == (200, 400)
    from provisor.workspace import workspaces

    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        await workspaces.set_group_rename(work, "allow")
    assert await rename("Engineers") == 200


async def test_seed_49_a_removed_user_is_404_with_its_reason(pair: Pair) -> None:
    made = await add(pair)
    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        await accounts.remove(work, "ada@contoso.com")
    status, found = await pair.call("GET", f"/Users/{made['id']}")
    assert (status, found["error_code"]) == (404, "REMOVED_BY_ADMIN")
    status, found = await pair.call("GET", "/Users/17")
    assert (status, "error_code" in found) == (404, False)
    assert (await add(pair))["id"] == made["id"]


async def test_seed_48_a_permission_given_individually_stays(pair: Pair) -> None:
    from provisor.workspace import entitlements

    made = await add(pair, entitlements=[{"value": "allow-cluster-create"}], roles=[{"value": "arn:own"}])
    grants = {"entitlements": [{"value": "allow-cluster-create"}, {"value": "x"}], "roles": [{"value": "arn:shared"}]}

    async def may() -> dict[str, tuple[bool, list[tuple[str, ...]]]]:
        async with pair.house.database.snapshot() as tx:
            found = await entitlements.effective(tx, pair.workspace, made["id"])
        return {item.value: (item.direct, item.paths) for item in [*found.entitlements, *found.roles]}

    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        await teams.add(work, "Builders", grants)
        await teams.add(work, "Masons")
        await teams.add_member(work, "Builders", "Masons")
        await teams.add_member(work, "Masons", "ada@contoso.com")
    both, way = await may(), ("Masons", "Builders")
    assert both["allow-cluster-create"] == (True, [way])
    assert (both["x"], both["arn:shared"], both["arn:own"]) == ((False, [way]), (False, [way]), (True, []))
    async with workspace_edit.edit(pair.house.database, pair.workspace, pair.actor) as work:
        await teams.remove_member(work, "Masons", "ada@contoso.com")
    left = await may()
    assert (left["allow-cluster-create"], left["arn:own"]) == ((True, []), (True, []))
    assert "arn:shared" not in left
    assert "x" not in left


# ── lists ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_pages_are_whole_and_end_empty(pair: Pair) -> None:
    for number in range(7):
        await add(pair, f"person{number}")
    seen: list[str] = []
    for start in (1, 4, 7, 10):
        _, page = await pair.call("GET", "/Users", params={"startIndex": str(start), "count": "3"})
        assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (8, start, len(page["Resources"]))
        seen += [item["userName"] for item in page["Resources"]]
    assert len(seen) == len(set(seen)) == 8
    assert page["Resources"] == []
    _, page = await pair.call("GET", "/Users", params={"count": "10000"})
    assert page["itemsPerPage"] == 8
    status, found = await pair.call("GET", "/Users", params={"count": "many"})
    assert (status, found["scimType"]) == (400, "invalidValue")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('userName eq "ADA@contoso.com"', {"ada"}),
        ("userName eq ada@contoso.com", {"ada"}),
        ('externalId eq "E1"', {"bob"}),
        ('externalId eq "e1"', set()),
        ('emails[type eq "work"].value eq "bob@contoso.com"', {"bob"}),
        ('userName sw "a" and active eq true', {"ada"}),
        ('not (userName co "@")', set()),
    ],
)
async def test_filters(pair: Pair, text: str, names: set[str]) -> None:
    await add(pair, "ada")
    await add(pair, "bob", externalId="E1", emails=[{"value": "bob@contoso.com", "type": "work"}])
    _, found = await pair.call("GET", "/Users", params={"filter": text})
    assert {item["userName"].partition("@")[0] for item in found["Resources"]} == names
    assert found["totalResults"] == len(names)


async def test_attributes_cut_what_is_returned(pair: Pair) -> None:
    made = await add(pair)
    _, found = await pair.call("GET", f"/Users/{made['id']}", params={"attributes": "userName"})
    assert found.keys() == {"schemas", "id", "userName"}
    _, found = await pair.call("POST", "/Users?attributes=userName", {"userName": "bob@contoso.com"})
    assert found.keys() == {"schemas", "id", "userName"}


# ── protocol ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_versions_are_asked_for_and_checked(pair: Pair) -> None:
    made = await add(pair)
    url = f"{pair.base}/Users/{made['id']}"
    same = {"If-None-Match": 'W/"1"'}
    async with pair.session.get(url, params={"excludedAttributes": "groups"}, headers=same) as response:
        assert (response.status, response.headers["ETag"]) == (304, 'W/"1"')
    # Groups change without the user's version, so an answer that shows them is always sent.
    async with pair.session.get(url, headers=same) as response:
        assert response.status == 200
    async with pair.session.delete(url, headers={"If-Match": 'W/"7"'}) as response:
        assert response.status == 412
    async with pair.session.delete(url, headers={"If-Match": 'W/"1"'}) as response:
        assert response.status == 204


async def test_a_created_resource_says_where_it_is(pair: Pair) -> None:
    async with pair.session.post(f"{pair.base}/Users", json=ADA) as response:
        found = await response.json(content_type=None)
        assert response.headers["Location"] == f"{pair.base}/Users/{found['id']}" == found["meta"]["location"]
        assert response.headers["Content-Type"] == "application/scim+json"


@pytest.mark.parametrize(
    ("method", "path", "more", "status", "scim_type"),
    [
        ("POST", "/Users", {"data": b"{"}, 400, "invalidSyntax"),
        ("POST", "/Users", {"data": b"[]"}, 400, "invalidSyntax"),
        ("POST", "/Users", {"data": b""}, 400, "invalidSyntax"),
        ("POST", "/Users", {"json": {"displayName": "nameless"}}, 400, "invalidValue"),
        ("POST", "/Users", {"json": {"userName": 'a"\u0000b'}}, 400, "invalidSyntax"),
        ("POST", "/Users", {"data": b"x", "headers": {"Content-Type": "text/plain"}}, 415, None),
        ("POST", "/Users", {"data": b" " * 1_100_000}, 413, None),
        ("GET", "/Users?filter=shoeSize+eq+1", {}, 400, "invalidFilter"),
        ("GET", "/Users?filter=userName+eq+%22", {}, 400, "invalidFilter"),
        ("GET", "/Users?sortBy=shoeSize", {}, 400, "invalidValue"),
        ("PATCH", "/Users/1", {"json": {}}, 404, None),
        ("PATCH", "/Users", {"json": {}}, 405, None),
        ("DELETE", "/ServiceProviderConfig", {}, 405, None),
        ("POST", "/Bulk", {"json": {}}, 400, "invalidSyntax"),
        ("GET", "/Bulk", {}, 405, None),
        ("GET", "/.search", {}, 405, None),
        ("GET", "/Users/.search", {}, 405, None),
        ("POST", "/Users/.search", {"json": {"schemas": ["urn:x"]}}, 400, "invalidSyntax"),
        ("POST", "/Users/.search", {"json": {"count": [1]}}, 400, "invalidSyntax"),
        ("POST", "/Users/.search", {"json": {"filter": "shoeSize eq 1"}}, 400, "invalidFilter"),
        ("GET", "/Users?cursor=x", {}, 400, "invalidCursor"),
        ("GET", "/Users?cursor=%F0%9F%A4%B7", {}, 400, "invalidCursor"),
        ("GET", "/Users?cursor&count=1001", {}, 400, "invalidCount"),
        ("GET", "/Users?cursor&count=many", {}, 400, "invalidCount"),
        ("GET", "/Users?cursor&startIndex=1", {}, 400, "invalidValue"),
        ("PUT", "/Me", {"json": {}}, 501, None),
        ("GET", "/Shoes", {}, 404, None),
        ("GET", "/Schemas?filter=id+eq+1", {}, 403, None),
        ("GET", "/Schemas/none", {}, 404, None),
        ("GET", f"/Users?filter={'a' * 9000}", {}, 414, None),
    ],
)
async def test_what_is_wrong_is_one_clear_scim_error(
    pair: Pair, method: str, path: str, more: dict[str, Any], status: int, scim_type: str | None
) -> None:
    headers = {"Content-Type": "application/scim+json", **more.pop("headers", {})}
    if "json" in more:
        headers.pop("Content-Type")
    async with pair.session.request(method, pair.base + path, headers=headers, **more) as response:
        found = await response.json(content_type=None)
        assert (response.status, found["schemas"], found["status"]) == (status, [ERROR], str(status))
        assert response.headers["X-Request-Id"]
    assert found.get("scimType") == scim_type
    assert found["detail"].endswith(".")


async def test_discovery_tells_what_the_profile_is(pair: Pair, standard: Pair) -> None:
    _, found = await pair.call("GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group")
    names = {item["name"]: item for item in found["attributes"]}
    assert names["displayName"]["mutability"] == "immutable"
    _, found = await standard.call("GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group")
    names = {item["name"]: item for item in found["attributes"]}
    assert names["displayName"]["mutability"] == "readWrite"
    _, found = await pair.call("GET", "/ResourceTypes")
    assert [item["endpoint"] for item in found["Resources"]] == ["/Users", "/Groups", "/ServicePrincipals"]
    _, found = await pair.call("GET", "/ServiceProviderConfig")
    assert (found["patch"]["supported"], found["bulk"]["supported"]) == (True, True)


async def test_the_standard_profile_is_the_rfcs(standard: Pair) -> None:
    made = await add(standard, "Ada")
    assert (made["userName"], len(made["id"])) == ("Ada@contoso.com", 36)
    rename = {"op": "replace", "path": "userName", "value": "ada.king@contoso.com"}
    status, found = await standard.call("PATCH", f"/Users/{made['id']}", {"Operations": [rename]})
    assert (status, found["userName"]) == (200, "ada.king@contoso.com")
    _, team = await standard.call("POST", "/Groups", {"displayName": "Engineering", "members": [{"value": made["id"]}]})
    assert team["members"][0]["$ref"] == f"{standard.base}/Users/{made['id']}"
    assert team["meta"]["resourceType"] == "Group"


async def test_secrets_stand_in_no_log(pair: Pair, shop: Installation) -> None:
    await ask(f"{pair.base}/Users?filter=userName+eq+%22{pair.token}%22", pair.token)
    await ask(f"{pair.base}/Users", pair.token, method="POST", json={"userName": "x", "password": "hunter2hunter2"})
    log = (shop.folder.parent / "server.log").read_text()
    assert pair.token not in log
    assert "hunter2" not in log
    assert "/Users" in log


async def test_a_head_without_end_is_cut_off(shop: Installation) -> None:
    host, port = urlsplit(shop.url).hostname, urlsplit(shop.url).port
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
    with contextlib.suppress(ConnectionError):
        for number in range(10_000):
            writer.write(f"X-{number}: {'a' * 1000}\r\n".encode())
            await writer.drain()
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    assert (await ask(f"{shop.url}/healthz"))[0] == 200


@pytest.mark.parametrize(
    "text",
    [
        r'userName eq "a\u0000b"',
        r'userName eq "\ud800"',
        r'active eq "\ud800"',
        r'externalId eq "\ud800"',
        r'emails[value eq "\u0000"]',
    ],
)
async def test_what_cannot_be_stored_is_no_literal(pair: Pair, text: str) -> None:
    status, found = await pair.call("GET", "/Users", params={"filter": text})
    assert (status, found["scimType"]) == (400, "invalidFilter")
    operation = {"op": "remove", "path": f"phoneNumbers[{text.replace('userName', 'value')}]"}
    account = await pair.account(OPS)
    status, found = await pair.call("PATCH", f"/Users/{account['id']}", {"Operations": [operation]})
    assert status == 400


async def test_a_credential_that_is_no_text_is_401(pair: Pair) -> None:
    host, port = urlsplit(pair.base).hostname, urlsplit(pair.base).port
    reader, writer = await asyncio.open_connection(host, port)
    head = f"GET {urlsplit(pair.base).path}/Me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    writer.write(head.encode() + b"Authorization: Basic \xe9\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 401 ")
    writer.close()


async def test_many_values_of_one_attribute_are_refused_at_once(pair: Pair) -> None:
    mails = [{"value": "a@b.c", "type": str(number)} for number in range(8000)]
    started = asyncio.get_running_loop().time()
    status, found = await pair.call("POST", "/Users", {**ADA, "emails": mails})
    assert (status, found["scimType"]) == (400, "invalidValue")
    made = await add(pair, phoneNumbers=[{"value": "1", "type": str(number)} for number in range(1000)])
    more = {"op": "add", "path": "phoneNumbers", "value": [{"value": "2"}]}
    status, found = await pair.call("PATCH", f"/Users/{made['id']}", {"Operations": [more]})
    assert (status, found["detail"]) == (400, "phoneNumbers can have 1000 values, not 1001.")
    assert asyncio.get_running_loop().time() - started < 5


async def test_admins_keep_what_makes_them_admins(pair: Pair) -> None:
    _, found = await pair.call("GET", "/Groups")
    for group in found["Resources"]:
        path, name = f"/Groups/{group['id']}", group["displayName"]
        _, answer = await pair.call("PUT", path, {"displayName": name.upper(), "members": group["members"]})
        assert answer["entitlements"] == group["entitlements"], name
    admins = next(group for group in found["Resources"] if group["displayName"] == "admins")
    remove = {"op": "remove", "path": "entitlements"}
    status, answer = await pair.call("PATCH", f"/Groups/{admins['id']}", {"Operations": [remove]})
    assert (status, answer["scimType"]) == (400, "mutability")


async def test_names_hold_no_control_characters(pair: Pair) -> None:
    for body in ({"userName": "evil\r\nX-Injected: yes"}, {"userName": "x@y.z", "displayName": "a\x1b[2Jb"}):
        status, found = await pair.call("POST", "/Users", body)
        assert (status, found["scimType"]) == (400, "invalidValue")


async def test_who_is_removed_while_somebody_adds_them_to_a_group_is_in_no_group(pair: Pair) -> None:
    made = await add(pair)
    _, team = await pair.call("POST", "/Groups", {"displayName": "Engineering"})
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as adding:
        await teams.add_member(adding, "Engineering", "ada@contoso.com")

        async def remove() -> None:
            async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as removing:
                await accounts.remove(removing, "ada@contoso.com")

        removal = asyncio.create_task(remove())
        await asyncio.sleep(0.3)
        assert not removal.done()
    await removal
    again = await add(pair)
    assert again["id"] == made["id"]
    _, found = await pair.call("GET", f"/Groups/{team['id']}")
    assert "members" not in found


async def test_groups_and_users_that_change_the_same_memberships_do_not_wait_for_each_other(pair: Pair) -> None:
    people = [await add(pair, f"p{number}") for number in range(3)]
    made = [(await pair.call("POST", "/Groups", {"displayName": f"G{number}"}))[1] for number in range(3)]

    def change(op: str, path: str, values: list[Any]) -> dict[str, Any]:
        return {"Operations": [{"op": op, "path": path, "value": [{"value": item["id"]} for item in values]}]}

    async def worker(number: int) -> list[int]:
        found = []
        for turn in range(10):
            op = "add" if (number + turn) % 2 else "remove"
            if number % 2:
                call = pair.call("PATCH", f"/Users/{people[turn % 3]['id']}", change(op, "groups", made))
            else:
                call = pair.call("PATCH", f"/Groups/{made[turn % 3]['id']}", change(op, "members", people))
            found.append((await call)[0])
        return found

    results = await asyncio.gather(*(worker(number) for number in range(8)))
    assert {status for found in results for status in found} == {200}


async def test_a_whole_schema_as_attribute_has_its_members(pair: Pair) -> None:
    made = await add(pair)
    _, team = await pair.call("POST", "/Groups", {"displayName": "Engineering", "members": [{"value": made["id"]}]})
    urn = "urn:ietf:params:scim:schemas:core:2.0:Group"
    _, found = await pair.call("GET", f"/Groups/{team['id']}", params={"attributes": urn})
    assert [member["value"] for member in found["members"]] == [made["id"]]


async def test_removing_active_lets_nobody_in_or_out(standard: Pair) -> None:
    made = await add(standard)
    path, gone = f"/Users/{made['id']}", {"Operations": [{"op": "remove", "path": "active"}]}
    status, found = await standard.call("PATCH", path, gone)
    assert status == 200 and "active" not in found
    off = {"Operations": [{"op": "replace", "path": "active", "value": False}]}
    assert (await standard.call("PATCH", path, off))[1]["active"] is False
    assert "active" not in (await standard.call("PATCH", path, gone))[1]
    async with standard.house.database.reading() as tx:
        user = await accounts.get(tx, standard.workspace, made["id"])
    assert not user.active


async def test_emails_that_were_never_said_can_be_said_once(pair: Pair) -> None:
    _, made = await pair.call("POST", "/Users", {"userName": "new@contoso.com"})
    path = f"/Users/{made['id']}"
    for address in ("a@contoso.com", "b@contoso.com"):
        body = {"Operations": [{"op": "add", "path": 'emails[type eq "work"].value', "value": address}]}
        _, found = await pair.call("PATCH", path, body)
        assert [item["value"] for item in found["emails"]] == ["a@contoso.com"]


async def test_a_databricks_workspace_speaks_the_rfcs_words_at_the_rfcs_address(pair: Pair) -> None:
    made = await add(pair)
    _, team = await pair.call("POST", "/Groups", {"displayName": "Eng", "members": [{"value": made["id"]}]})
    assert team["meta"]["resourceType"] == "WorkspaceGroup"
    assert team["members"][0]["$ref"] == f"Users/{made['id']}" and "type" not in team["members"][0]
    base = pair.base.replace("api/2.0/preview/scim/v2", "scim/v2")
    async with pair.session.get(f"{base}/Groups/{team['id']}") as response:
        found = await response.json(content_type=None)
    assert found["meta"]["resourceType"] == "Group"
    assert found["members"] == [{"value": made["id"], "$ref": f"{base}/Users/{made['id']}", "type": "User"}]
