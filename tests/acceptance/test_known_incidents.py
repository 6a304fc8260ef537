"""What went wrong in other SCIM servers, each a test that bears its name: a CVE, or the issue where it was told.

Those that concern every route and every credential (Casdoor CVE-2025-4210, Budibase CVE-2026-46425, Grafana
CVE-2026-92539, ToolJet 16217, ZITADEL CVE-2026-27840) are the matrix in ``test_route_matrix``; that every accepted
state can be listed (Keycloak 48989) is ``fuzz.run``.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from in_process import InProcess
from installation import Installation
from pair import OPS, Pair, members
from provisor.access.actors import PROVISOR
from provisor.compose import House
from provisor.workspace import edit as workspace_edit
from provisor.workspace import tokens
from provisor.workspace import users as accounts

EVA, BOB = "eva@contoso.com", "bob@contoso.com"


@pytest_asyncio.fixture(params=["databricks", "standard"])
async def place(shop: Installation, house: House, request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    """A workspace with Eva and Bob in it."""
    made = await Pair.make(shop, house, profile=request.param)
    for name in (EVA, BOB):
        emails = [{"value": name, "type": "work", "primary": True}]
        await made.call("POST", "/Users", {"userName": name, "externalId": f"x-{name}", "emails": emails})
    yield made
    await made.close()


async def _token(pair: Pair, name: str) -> str:
    async with workspace_edit.edit(pair.house.database, pair.workspace, PROVISOR) as work:
        return (await tokens.create(work, await accounts.find(work.tx, pair.workspace, name))).value


def _patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(operations)}


async def _id(pair: Pair, name: str) -> str:
    return str((await pair.account(name))["id"])


async def _admins(pair: Pair) -> str:
    return str((await pair.team("admins"))["id"])


@pytest.mark.parametrize("given", ["0", "1", "-1", "the id of ops", str(uuid.UUID(int=1)), "admins", "Me"])
async def test_grafana_cve_2025_41115_an_external_id_is_nobodys_id(place: Pair, given: str) -> None:
    ops = await _id(place, OPS)
    external = ops if given == "the id of ops" else given
    before = await place.account(OPS)
    status, made = await place.call("POST", "/Users", {"userName": "new@contoso.com", "externalId": external})
    assert status == 201
    assert made["id"] not in (external, ops)
    if external != ops:
        assert (await place.call("GET", f"/Users/{external}"))[0] == 404
    assert (await place.call("GET", "/Me"))[1]["userName"] == OPS
    assert await place.account(OPS) == before


async def test_keycloak_46658_the_id_in_the_path_counts_not_the_one_in_the_body(place: Pair) -> None:
    eva, bob = await _id(place, EVA), await _id(place, BOB)
    before = await place.account(BOB)
    status, found = await place.call("PUT", f"/Users/{eva}", {"id": bob, "userName": EVA, "displayName": "Put"})
    assert (status, found["id"]) == (200, eva)
    await place.call("PATCH", f"/Users/{eva}", _patch({"op": "replace", "value": {"id": bob, "displayName": "Patch"}}))
    assert await place.account(BOB) == before


async def test_keycloak_46705_a_page_has_an_end_whatever_is_asked(place: Pair) -> None:
    for name in ("count", "startIndex"):
        status, found = await place.call("GET", "/Users", params={name: str(10**9)})
        assert status == 200
        assert len(found["Resources"]) <= 1000
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "count": 10**9}
    assert (await place.call("POST", "/.search", body))[1]["itemsPerPage"] <= 1000


@pytest.mark.parametrize("verb", ["PUT", "add", "replace", "remove", "Replace without a path", "as a key"])
async def test_keycloak_51155_what_is_read_only_is_so_for_every_verb_in_every_spelling(place: Pair, verb: str) -> None:
    eva = await place.account(EVA)
    for name in ("id", "ID", "urn:ietf:params:scim:schemas:core:2.0:User:id", "meta.created", "META"):
        value = {"resourceType": "Group"} if name == "META" else "4711"
        body = {
            "PUT": {"userName": EVA, name: value},
            "add": _patch({"op": "add", "path": name, "value": value}),
            "replace": _patch({"op": "replace", "path": name, "value": value}),
            "remove": _patch({"op": "remove", "path": name}),
            "Replace without a path": _patch({"op": "Replace", "value": {name: value}}),
            "as a key": _patch({"op": "add", "value": {name: value, "displayName": "E"}}),
        }[verb]
        status, _ = await place.call("PUT" if verb == "PUT" else "PATCH", f"/Users/{eva['id']}", body)
        assert status in (200, 204, 400), (name, status)
        _, found = await place.call("GET", f"/Users/{eva['id']}")
        assert found["id"] == eva["id"], name
        for part in ("created", "resourceType", "location"):
            assert found["meta"][part] == eva["meta"][part], name


@pytest.mark.parametrize("by", ["title", "emails.value", "roles.value", "active", "externalId", "meta.lastModified"])
async def test_keycloak_52210_who_may_not_see_an_attribute_cannot_find_or_sort_by_it(place: Pair, by: str) -> None:
    eva, bob = await _id(place, EVA), await _id(place, BOB)
    for identity, title in ((eva, "B"), (bob, "A")):
        await place.call("PATCH", f"/Users/{identity}", _patch({"op": "add", "path": "title", "value": title}))
    headers = {"Authorization": f"Bearer {await _token(place, BOB)}"}
    _, found = await place.call("GET", "/Users", params={"filter": f"{by} pr"}, headers=headers)
    assert found["totalResults"] == 0
    orders = []
    for order in ("ascending", "descending"):
        params = {"sortBy": by, "sortOrder": order}
        _, found = await place.call("GET", "/Users", params=params, headers=headers)
        orders.append([item["id"] for item in found["Resources"]])
    # Both are the order of ids, in both directions: nothing of what is hidden.
    assert orders[0] == sorted(orders[0]) == orders[1][::-1]


async def test_keycloak_47536_the_last_admin_stays_on_every_path(place: Pair) -> None:
    ops, admins = await _id(place, OPS), await _admins(place)
    for method, path, body in (
        ("DELETE", f"/Users/{ops}", None),
        ("PUT", f"/Users/{ops}", {"userName": OPS, "active": False}),
        ("PATCH", f"/Users/{ops}", _patch({"op": "Replace", "path": "active", "value": "False"})),
        ("PATCH", f"/Users/{ops}", _patch({"op": "replace", "value": {"active": [{"value": "false"}]}})),
        ("PATCH", f"/Users/{ops}", _patch({"op": "remove", "path": "groups"})),
        ("PATCH", f"/Users/{ops}", _patch({"op": "remove", "path": f'groups[value eq "{admins}"]'})),
        ("PUT", f"/Groups/{admins}", {"displayName": "admins", "members": []}),
        ("PATCH", f"/Groups/{admins}", _patch({"op": "remove", "path": "members"})),
        ("PATCH", f"/Groups/{admins}", _patch({"op": "remove", "path": f'members[value eq "{ops}"]'})),
        ("PATCH", f"/Groups/{admins}", _patch({"op": "remove", "path": "members", "value": [{"value": ops}]})),
        ("PATCH", f"/Groups/{admins}", _patch({"op": "replace", "path": "members", "value": []})),
        ("DELETE", f"/Groups/{admins}", None),
    ):
        status, found = await place.call(method, path, body)
        assert status < 500, found
        assert (await place.call("GET", "/Groups"))[0] == 200, f"{method} {path} {body} took the last admin's rights"
        assert members(await place.team("admins")) == {ops}
        assert (await place.account(OPS))["active"] is True


async def test_keycloak_cve_2026_9099_no_group_becomes_a_part_of_the_admins(place: Pair) -> None:
    _, crew = await place.call(
        "POST", "/Groups", {"displayName": "Crew", "members": [{"value": await _id(place, EVA)}]}
    )
    admins = await _admins(place)
    before = await place.team("admins")
    for member in (
        {"value": crew["id"]},
        {"value": crew["id"], "type": "Group"},
        {"value": crew["id"], "type": "User"},
    ):
        status, _ = await place.call(
            "PATCH", f"/Groups/{admins}", _patch({"op": "add", "path": "members", "value": [member]})
        )
        assert 400 <= status < 500
    status, _ = await place.call(
        "PUT", f"/Groups/{admins}", {"displayName": "admins", "members": [*before["members"], {"value": crew["id"]}]}
    )
    assert 400 <= status < 500
    assert members(await place.team("admins")) == members(before)
    headers = {"Authorization": f"Bearer {await _token(place, EVA)}"}
    assert (await place.call("POST", "/Users", {"userName": "x@contoso.com"}, headers=headers))[0] == 403


async def test_casdoor_cve_2026_15630_a_query_names_nobody(place: Pair) -> None:
    eva, bob = await _id(place, EVA), await _id(place, BOB)
    status, _ = await place.call("DELETE", f"/Users/{eva}", params={"id": bob, "owner": "other"})
    assert status == 204
    assert await place.account(EVA) is None
    assert (await place.account(BOB))["id"] == bob


@pytest.mark.parametrize("verb", ["PATCH", "PUT", "Bulk"])
async def test_better_auth_cve_2026_67330_a_change_takes_nobody_elses_name(standard: Pair, verb: str) -> None:
    for name in (EVA, BOB):
        await standard.call("POST", "/Users", {"userName": name})
    eva = await _id(standard, EVA)
    before = await standard.everything()
    operation = {"op": "replace", "path": "userName", "value": BOB.upper()}
    if verb == "PATCH":
        status, found = await standard.call("PATCH", f"/Users/{eva}", _patch(operation))
    elif verb == "PUT":
        status, found = await standard.call("PUT", f"/Users/{eva}", {"userName": BOB.upper()})
    else:
        body = {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [{"method": "PATCH", "path": f"/Users/{eva}", "data": _patch(operation)}],
        }
        _, answer = await standard.call("POST", "/Bulk", body)
        status, found = int(answer["Operations"][0]["status"]), answer["Operations"][0]["response"]
    assert (status, found["scimType"]) == (409, "uniqueness")
    assert await standard.everything() == before


async def test_gitlab_cve_2022_1680_creating_somebody_with_anothers_address_takes_nothing_over(place: Pair) -> None:
    before = await place.account(EVA)
    emails = [{"value": EVA, "primary": True}]
    for body in (
        {"userName": "thief@contoso.com", "emails": emails},
        {"userName": EVA, "emails": [{"value": "thief@contoso.com", "primary": True}]},
        {"userName": EVA.upper()},
    ):
        status, found = await place.call("POST", "/Users", body)
        assert status == 409 or found["id"] != before["id"]
    assert await place.account(EVA) == before


@pytest.mark.parametrize("spelling", [False, "False", "false", [{"value": "false"}], "PUT"])
async def test_gitlab_120049_who_is_disabled_and_enabled_again_has_everything_again(place: Pair, spelling: Any) -> None:
    """And ZITADEL CVE-2023-22492: in between no credential of theirs is good."""
    _, crew = await place.call(
        "POST", "/Groups", {"displayName": "Crew", "members": [{"value": await _id(place, EVA)}]}
    )
    before = await place.account(EVA)
    headers = {"Authorization": f"Bearer {await _token(place, EVA)}"}
    assert (await place.call("GET", "/Me", headers=headers))[0] == 200
    url = f"/Users/{before['id']}"
    if spelling == "PUT":
        status, _ = await place.call("PUT", url, {**before, "active": False})
    else:
        status, _ = await place.call("PATCH", url, _patch({"op": "Replace", "path": "active", "value": spelling}))
    assert status in (200, 204)
    assert (await place.account(EVA))["active"] is False
    for method, path in (("GET", "/Me"), ("GET", "/Users"), ("POST", "/Users"), ("POST", "/Bulk")):
        assert (await place.call(method, path, {}, headers=headers))[0] in (401, 403)
    status, _ = await place.call("PATCH", url, _patch({"op": "Replace", "path": "active", "value": "True"}))
    after = await place.account(EVA)
    assert (await place.call("GET", "/Me", headers=headers))[0] == 200
    assert {**after, "meta": None} == {**before, "meta": None}
    assert members(await place.team("Crew")) == {before["id"]} and crew["id"]


async def test_unleash_6_1_tokens_die_with_their_owner(place: Pair) -> None:
    token = await _token(place, EVA)
    await place.call("DELETE", f"/Users/{await _id(place, EVA)}")
    status, _ = await place.call("POST", "/Users", {"userName": EVA})
    headers = {"Authorization": f"Bearer {token}"}
    # Whoever comes later under the same name inherits no credential.
    assert status in (201, 409)
    assert (await place.call("GET", "/Me", headers=headers))[0] in (401, 403)


async def test_oneuptime_cve_2026_30956_no_header_says_which_workspace_it_is(place: Pair, standard: Pair) -> None:
    door = InProcess(place.house)
    url = f"/w/{place.workspace.name}/scim/v2/Users"
    other = standard.workspace
    for headers in (
        {"host": f"{other.name}.localhost"},
        {"x-databricks-org-id": str(other.id), "x-databricks-workspace-id": str(other.id)},
        {"x-forwarded-host": f"{other.name}.localhost", "x-tenant-id": other.name, "x-original-url": "/w/other"},
    ):
        assert (await door.ask("GET", url, standard.token, headers=headers)).status in (401, 403)
        mine = await door.ask("GET", url, place.token, headers=headers)
        assert b"eva@contoso.com" in mine.body


async def test_lightdash_22402_a_write_that_fails_did_nothing(place: Pair) -> None:
    await place.call("POST", "/Groups", {"displayName": "Crew", "members": [{"value": await _id(place, EVA)}]})
    eva, crew = await _id(place, EVA), (await place.team("Crew"))["id"]
    before = await place.everything()
    wrong = {"op": "replace", "path": "nothing.here", "value": "x"}
    for method, path, body in (
        ("POST", "/Users", {"userName": EVA, "displayName": "Other"}),
        ("POST", "/Groups", {"displayName": "New", "members": [{"value": eva}, {"value": "nobody"}]}),
        ("PUT", f"/Groups/{crew}", {"displayName": "Crew", "members": [{"value": "nobody"}]}),
        ("PATCH", f"/Groups/{crew}", _patch({"op": "remove", "path": "members"}, wrong)),
        ("PATCH", f"/Users/{eva}", _patch({"op": "replace", "path": "displayName", "value": "Other"}, wrong)),
        (
            "PUT",
            f"/Users/{eva}",
            {"userName": EVA, "displayName": "Other", "emails": [{"value": {}}]},
        ),
    ):
        status, found = await place.call(method, path, body)
        assert 400 <= status < 500, (method, path, found)
        assert await place.everything() == before, (method, path)


async def test_fifty_writers_on_one_group_lose_nothing(place: Pair) -> None:
    people = [
        (await place.call("POST", "/Users", {"userName": f"p{number}@contoso.com"}))[1]["id"] for number in range(50)
    ]
    _, crew = await place.call(
        "POST", "/Groups", {"displayName": "Crew", "members": [{"value": one} for one in people[:25]]}
    )

    async def write(number: int, person: str) -> int:
        if number < 25:
            operation: dict[str, Any] = {"op": "remove", "path": f'members[value eq "{person}"]'}
        else:
            operation = {"op": "add", "path": "members", "value": [{"value": person}]}
        return (await place.call("PATCH", f"/Groups/{crew['id']}", _patch(operation)))[0]

    statuses = await asyncio.gather(*(write(number, person) for number, person in enumerate(people)))
    assert set(statuses) <= {200, 204}
    _, found = await place.call("GET", f"/Groups/{crew['id']}")
    assert members(found) == set(people[25:])
    assert int(found["meta"]["version"].strip('W/"')) == int(crew["meta"]["version"].strip('W/"')) + 50
