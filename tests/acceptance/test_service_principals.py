"""Service principals of a databricks workspace: accounts of applications, members of groups and owners of tokens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from browser_like import Client, signed_in_to_workspace
from installation import Installation
from pair import OPS, Pair, members
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.workspace import users
from provisor.workspace.principals import SERVICE_PRINCIPAL

APPLICATION = "6F9619FF-8B86-D011-B42D-00C04FC964FF"
SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:ServicePrincipal"


def _patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(operations)}


async def _robot(pair: Pair, **more: Any) -> Any:
    status, made = await pair.call("POST", "/ServicePrincipals", {"displayName": "Robot", **more})
    assert status == 201, made
    return made


async def test_one_is_made_read_found_changed_and_deleted(pair: Pair) -> None:
    made = await _robot(pair, applicationId=APPLICATION, entitlements=[{"value": "allow-cluster-create"}])
    assert made["schemas"] == [SCHEMA]
    assert made["applicationId"] == APPLICATION.lower()
    assert made["active"] is True
    assert made["meta"]["resourceType"] == "ServicePrincipal"
    assert made["meta"]["location"] == f"{pair.base}/ServicePrincipals/{made['id']}"
    assert [group["display"] for group in made["groups"]] == ["users"]
    url = f"/ServicePrincipals/{made['id']}"
    assert await pair.call("GET", url) == (200, made)
    for text in (f'applicationId eq "{APPLICATION}"', 'displayName sw "rob"', f"applicationId eq {APPLICATION}"):
        _, found = await pair.call("GET", "/ServicePrincipals", params={"filter": text})
        assert [item["id"] for item in found["Resources"]] == [made["id"]], text
    status, found = await pair.call("PATCH", url, _patch({"op": "replace", "path": "displayName", "value": "Robot 2"}))
    assert (status, found["displayName"]) == (200, "Robot 2")
    status, found = await pair.call("PUT", url, {"applicationId": APPLICATION, "displayName": "Robot 3"})
    assert (status, found["displayName"], found.get("entitlements")) == (200, "Robot 3", None)
    assert (await pair.call("DELETE", url))[0] == 204
    status, found = await pair.call("GET", url)
    assert (status, found["detail"]) == (404, f"Service principal {made['id']} not found.")


async def test_who_gives_no_application_id_gets_one_and_it_stays(pair: Pair) -> None:
    made, other = await _robot(pair), await _robot(pair)
    assert len(made["applicationId"]) == 36 and made["applicationId"] != other["applicationId"]
    url = f"/ServicePrincipals/{made['id']}"
    for method, body in (
        ("PUT", {"displayName": "R", "applicationId": other["applicationId"]}),
        ("PATCH", _patch({"op": "replace", "path": "applicationId", "value": "x"})),
        ("PUT", {"displayName": "R"}),
    ):
        status, found = await pair.call(method, url, body)
        assert (status, found["applicationId"]) == (200, made["applicationId"])
    _, log = await pair.call("GET", url)
    assert log["applicationId"] == made["applicationId"]


async def test_a_taken_application_id_is_409_in_terraforms_words(pair: Pair) -> None:
    await _robot(pair, applicationId=APPLICATION)
    status, found = await pair.call("POST", "/ServicePrincipals", {"applicationId": APPLICATION.lower()})
    assert status == 409
    assert found["detail"] == f"Service principal with application ID {APPLICATION.lower()} already exists."


async def test_it_is_a_member_like_any_other(pair: Pair) -> None:
    made = await _robot(pair)
    _, crew = await pair.call("POST", "/Groups", {"displayName": "Crew", "members": [{"value": made["id"]}]})
    assert crew["members"] == [{"value": made["id"], "$ref": f"ServicePrincipals/{made['id']}", "display": "Robot"}]
    _, found = await pair.call("GET", "/Groups", params={"filter": f'members.$ref eq "ServicePrincipals/{made["id"]}"'})
    assert {item["displayName"] for item in found["Resources"]} == {"Crew", "users"}
    absolute = pair.base.replace("api/2.0/preview/scim/v2", "scim/v2")
    async with pair.session.get(f"{absolute}/Groups/{crew['id']}") as response:
        shown = (await response.json(content_type=None))["members"]
    assert shown == [
        {
            "value": made["id"],
            "$ref": f"{absolute}/ServicePrincipals/{made['id']}",
            "type": "ServicePrincipal",
        }
    ]
    _, team = await pair.call("POST", "/Groups", {"displayName": "Team"})
    joining = {"op": "add", "path": "groups", "value": [{"value": team["id"]}]}
    _, found = await pair.call("PATCH", f"/ServicePrincipals/{made['id']}", _patch(joining))
    assert {item["display"] for item in found["groups"]} == {"users", "Crew", "Team"}
    await pair.call(
        "PATCH", f"/Groups/{crew['id']}", _patch({"op": "remove", "path": f'members[value eq "{made["id"]}"]'})
    )
    assert members(await pair.team("Crew")) == set()
    await pair.call("DELETE", f"/ServicePrincipals/{made['id']}")
    assert members(await pair.team("Team")) == set()


async def test_users_and_service_principals_are_not_each_other(pair: Pair) -> None:
    made, person = await _robot(pair), await pair.account("ops@contoso.com")
    for method, body in (
        ("GET", None),
        ("DELETE", None),
        ("PUT", {"userName": "x", "displayName": "x"}),
        ("PATCH", _patch({"op": "replace", "path": "displayName", "value": "x"})),
    ):
        assert (await pair.call(method, f"/Users/{made['id']}", body))[0] == 404
        assert (await pair.call(method, f"/ServicePrincipals/{person['id']}", body))[0] == 404
    _, people = await pair.call("GET", "/Users")
    assert made["id"] not in {item["id"] for item in people["Resources"]}
    _, robots = await pair.call("GET", "/ServicePrincipals")
    assert [item["id"] for item in robots["Resources"]] == [made["id"]] and robots["totalResults"] == 1
    _, everything = await pair.call("GET", "/", params={"filter": f'id eq "{made["id"]}"'})
    assert [item["meta"]["resourceType"] for item in everything["Resources"]] == ["ServicePrincipal"]


async def test_its_token_is_good_until_it_is_deactivated(pair: Pair, shop: Installation) -> None:
    made = await _robot(pair)
    words = (pair.workspace.name, "--user", made["applicationId"])
    token = (await asyncio.to_thread(shop.run, "workspace", "token", *words)).splitlines()[0]
    headers = {"Authorization": f"Bearer {token}"}
    status, me = await pair.call("GET", "/Me", headers=headers)
    assert (status, me["id"], me["userName"], me["displayName"]) == (200, made["id"], made["applicationId"], "Robot")
    assert (await pair.call("POST", "/Users", {"userName": "x"}, headers=headers))[0] == 403
    admins = (await pair.team("admins"))["id"]
    await pair.call(
        "PATCH", f"/Groups/{admins}", _patch({"op": "add", "path": "members", "value": [{"value": made["id"]}]})
    )
    assert (await pair.call("POST", "/Users", {"userName": "x"}, headers=headers))[0] == 201
    said = await asyncio.to_thread(shop.refused, "sign-in", "workspace-link", *words)
    assert "is a service principal, which does not sign in" in said
    url = f"/ServicePrincipals/{made['id']}"
    await pair.call("PATCH", url, _patch({"op": "replace", "path": "active", "value": False}))
    assert (await pair.call("GET", "/Me", headers=headers))[0] == 403
    await pair.call("PATCH", url, _patch({"op": "replace", "path": "active", "value": True}))
    assert (await pair.call("GET", "/Me", headers=headers))[0] == 200
    await pair.call("DELETE", url)
    assert (await pair.call("GET", "/Me", headers=headers))[0] == 403


async def test_bulk_makes_them_and_their_groups(pair: Pair) -> None:
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            {
                "method": "POST",
                "path": "/Groups",
                "bulkId": "g",
                "data": {"displayName": "Crew", "members": [{"value": "bulkId:r"}]},
            },
            {"method": "POST", "path": "/ServicePrincipals", "bulkId": "r", "data": {"displayName": "Robot"}},
        ],
    }
    _, answer = await pair.call("POST", "/Bulk", body)
    assert [item["status"] for item in answer["Operations"]] == ["201", "201"]
    robot = answer["Operations"][1]["location"].rsplit("/", 1)[1]
    assert members(await pair.team("Crew")) == {robot}


@pytest.mark.parametrize(
    "method,path", [("GET", ""), ("POST", ""), ("GET", "/1"), ("DELETE", "/1"), ("POST", "/.search")]
)
async def test_an_rfc_workspace_has_none(standard: Pair, method: str, path: str) -> None:
    status, found = await standard.call(method, f"/ServicePrincipals{path}", {} if method == "POST" else None)
    assert (status, found["detail"]) == (404, "Endpoint not supported.")
    _, kinds = await standard.call("GET", "/ResourceTypes")
    assert {item["name"] for item in kinds["Resources"]} == {"User", "Group"}


async def test_discovery_knows_them(pair: Pair) -> None:
    _, kind = await pair.call("GET", "/ResourceTypes/ServicePrincipal")
    assert (kind["endpoint"], kind["schema"]) == ("/ServicePrincipals", SCHEMA)
    _, schema = await pair.call("GET", f"/Schemas/{SCHEMA}")
    shown = {item["name"]: item["mutability"] for item in schema["attributes"]}
    assert shown == {
        "applicationId": "immutable",
        "displayName": "readWrite",
        "active": "readWrite",
        "groups": "readWrite",
        "entitlements": "readWrite",
        "roles": "readWrite",
    }


# ── in the admin console ────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_console_makes_promotes_and_deletes_a_service_principal(pair: Pair) -> None:
    console = await _console(pair)
    start = f"/w/{pair.workspace.name}"
    made = await console.post(f"{start}/service-principals", {"displayName": "Nightly"})
    assert made.status == 303, made.text
    [one] = await _service_principals(pair)
    assert (one["displayName"], one["active"]) == ("Nightly", True)
    shown = (await console.get(f"{start}/service-principals?q=night")).text
    assert one["applicationId"] in shown
    assert await console.post(f"{start}/users/{one['id']}/admin", {"admin": "Yes"})
    assert "<td>Yes</td>" in (await console.get(f"{start}/service-principals")).text
    gone = await console.post(f"{start}/service-principals/delete", {"id": one["id"]})
    assert gone.status == 303
    assert await _service_principals(pair) == []


async def test_a_user_is_not_deleted_as_a_service_principal_and_a_name_is_needed(pair: Pair) -> None:
    console = await _console(pair)
    start = f"/w/{pair.workspace.name}"
    await pair.user("ada")
    await pair.sync()
    account = await pair.account("ada")
    refused = await console.post(f"{start}/service-principals/delete", {"id": account["id"]})
    assert refused.status == 404
    assert (await pair.account("ada"))["active"] is True
    refused = await console.post(f"{start}/service-principals", {"applicationId": "x"})
    assert "A service principal needs a name that says what it is for." in refused.text


async def _console(pair: Pair) -> Client:
    link = await compose.workspace_sign_in_link(pair.house, PROVISOR, pair.workspace, OPS)
    return await signed_in_to_workspace(pair.base.partition("/w/")[0], link)


async def _service_principals(pair: Pair) -> list[Any]:
    async with pair.house.database.reading() as tx:
        found = await users.search(tx, pair.workspace, "", 10, "", SERVICE_PRINCIPAL)
    return [{**one.doc, "id": one.id, "active": one.active} for one in found]
