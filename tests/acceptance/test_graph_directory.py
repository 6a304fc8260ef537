"""Users, groups and who is in them, as clients of Microsoft Graph ask for them."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from graphs import Graph
from pair import Pair


def person(name: str, **more: Any) -> dict[str, Any]:
    """What msgraph-sdk sends for a new user."""
    return {
        "@odata.type": "#microsoft.graph.user",
        "accountEnabled": True,
        "displayName": name.title(),
        "mailNickname": name,
        "userPrincipalName": f"{name}@contoso.com",
        "passwordProfile": {"forceChangePasswordNextSignIn": True, "password": "xWwvJ]6NMw+bWH-d"},
        **more,
    }


def team(name: str, **more: Any) -> dict[str, Any]:
    return {"displayName": name, "mailEnabled": False, "mailNickname": "x", "securityEnabled": True, **more}


def ref(graph: Graph, identity: str) -> dict[str, str]:
    return {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{identity}"}


async def test_a_user_from_birth_to_the_end(graph: Graph) -> None:
    made = await graph.make(
        "/users",
        person(
            "ada",
            jobTitle="Countess",
            businessPhones=["+44 1"],
            extension_abc_costCenter="42",
            employeeOrgData={"division": "Engines"},
        ),
    )
    identity = made["id"]
    assert graph.headers["Location"] == f"{graph.base}/users/{identity}"
    assert (made["displayName"], made["businessPhones"], made["userPrincipalName"]) == (
        "Ada",
        ["+44 1"],
        "ada@contoso.com",
    )
    assert "passwordProfile" not in made
    # What Graph shows of a user who is not asked for more.
    shown = await graph.get(f"/users/{identity}")
    assert set(shown) == {
        *("@odata.context", "id", "businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone"),
        *("officeLocation", "preferredLanguage", "surname", "userPrincipalName"),
    }
    assert (await graph.get("/users/ADA@contoso.com"))["id"] == identity
    assert (await graph.get(f"/users('{identity}')/?$select=accountEnabled"))["accountEnabled"] is True
    select = "$select=id,employeeOrgData,extension_abc_costCenter,accountEnabled,mailNickname,createdDateTime"
    more = await graph.get(f"/users/ada@contoso.com?{select}")
    assert more["employeeOrgData"] == {"costCenter": None, "division": "Engines"}
    assert (more["extension_abc_costCenter"], more["accountEnabled"], more["mailNickname"]) == ("42", True, "ada")
    assert more["createdDateTime"].endswith("Z")
    change = {"@odata.type": "#microsoft.graph.user", "jobTitle": None, "officeLocation": "B2", "accountEnabled": False}
    assert await graph.ask("PATCH", f"/users/{identity}", change) == (204, None)
    after = await graph.get(f"/users/{identity}?$select=jobTitle,officeLocation,accountEnabled,businessPhones")
    assert (after["jobTitle"], after["officeLocation"], after["accountEnabled"]) == (None, "B2", False)
    assert after["businessPhones"] == ["+44 1"]
    assert await graph.ask("DELETE", f"/users/{identity}") == (204, None)
    assert await graph.refused("GET", f"/users/{identity}") == (
        404,
        "Request_ResourceNotFound",
        f"Resource '{identity}' does not exist.",
    )
    (gone,) = await graph.all("/directory/deletedItems/microsoft.graph.user?$filter=startswith(displayName,'Ada')")
    assert gone["id"] == identity and gone["deletedDateTime"]
    assert (await graph.get(f"/directory/deletedItems/{identity}"))["id"] == identity
    status, restored = await graph.ask("POST", f"/directory/deletedItems/{identity}/restore")
    assert (status, restored["id"], restored["@odata.type"]) == (200, identity, "#microsoft.graph.user")
    await graph.ask("DELETE", f"/users/{identity}")
    assert await graph.ask("DELETE", f"/directory/deletedItems/{identity}") == (204, None)
    assert (await graph.refused("GET", f"/directory/deletedItems/{identity}"))[0] == 404


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"userPrincipalName": None}, "A value is required for property 'userPrincipalName' of a user."),
        ({"displayName": None}, "A value is required for property 'displayName' of a user."),
        ({"userPrincipalName": "nobody"}, "'nobody' is not a user principal name like ada@contoso.com."),
        ({"userPrincipalName": "admin@contoso.com"}, "Another user has that name already: admin@contoso.com."),
        ({"shoeSize": 42}, "Invalid property 'shoeSize': the directory keeps no such thing of a user."),
        ({"accountEnabled": "perhaps"}, "accountEnabled must be True or False, not 'perhaps'."),
        ({"employeeOrgData": "x"}, "costCenter and division … stand in an object."),
    ],
)
async def test_what_is_wrong_with_a_user_is_said(graph: Graph, change: dict[str, Any], why: str) -> None:
    assert await graph.refused("POST", "/users", person("bob", **change)) == (400, "Request_BadRequest", why)
    assert await graph.all("/users?$filter=mailNickname eq 'bob'") == []


async def test_lists_are_filtered_sorted_paged_and_counted(graph: Graph) -> None:
    for number in range(7):
        await graph.make("/users", person(f"p{number}", department="Sales" if number % 2 else "Research"))
    page = await graph.get(
        "/users?$filter=department eq 'sales'&$orderby=displayName desc&$top=2&$count=true&$select=displayName"
    )
    assert page["@odata.count"] == 3
    assert [set(item) for item in page["value"]] == [{"id", "displayName"}] * 2
    assert page["@odata.nextLink"].startswith(f"{graph.base}/users?")
    rest = await graph.get(page["@odata.nextLink"])
    assert [item["displayName"] for item in [*page["value"], *rest["value"]]] == ["P5", "P3", "P1"]
    assert "@odata.nextLink" not in rest and "@odata.count" not in rest
    assert len(await graph.all("/users?$top=3")) == 8
    assert await graph.ask("GET", "/users/$count?$filter=startswith(displayName,'P')") == (200, "7")
    assert len(await graph.all('/users?$search="displayName:p1" OR "displayName:p2"')) == 2
    assert (await graph.refused("GET", "/users?$top=1000"))[1:] == (
        "Request_BadRequest",
        "Invalid page size specified: '1000'. It must be between 1 and 999, both included.",
    )
    assert (await graph.refused("GET", "/users?$filter=displayName is 'x'"))[0] == 400
    assert (await graph.refused("GET", "/users?$apply=x"))[0] == 501


async def test_a_group_its_members_and_its_owners(graph: Graph) -> None:
    ada, bob = [(await graph.make("/users", person(name)))["id"] for name in ("ada", "bob")]
    inner = await graph.make("/groups", team("Inner"))
    made = await graph.make(
        "/groups",
        team(
            "Engineers",
            description="They build",
            **{
                "members@odata.bind": [
                    f"{graph.base}/directoryObjects/{ada}",
                    f"https://elsewhere/v1.0/groups('{inner['id']}')",
                ],
                "owners@odata.bind": [f"{graph.base}/users/{bob}"],
            },
        ),
    )
    group = made["id"]
    assert (made["displayName"], made["description"], made["groupTypes"]) == ("Engineers", "They build", [])
    members = await graph.all(f"/groups/{group}/members")
    assert {(item["@odata.type"], item["id"]) for item in members} == {
        ("#microsoft.graph.user", ada),
        ("#microsoft.graph.group", inner["id"]),
    }
    assert [item["id"] for item in await graph.all(f"/groups/{group}/members/graph.user")] == [ada]
    assert [item["id"] for item in await graph.all(f"/groups/{group}/members/microsoft.graph.group")] == [inner["id"]]
    assert [item["id"] for item in await graph.all(f"/groups/{group}/members?$filter=id eq '{ada}'")] == [ada]
    assert await graph.ask("GET", f"/groups/{group}/members/$count") == (200, "2")
    assert await graph.ask("POST", f"/groups/{group}/members/$ref", ref(graph, bob)) == (204, None)
    again = await graph.refused("POST", f"/groups/{group}/members/$ref", ref(graph, bob))
    assert again[:2] == (400, "Request_BadRequest") and "already exist" in again[2]
    nobody = str(uuid4())
    assert (await graph.refused("POST", f"/groups/{group}/members/$ref", ref(graph, nobody)))[0] == 404
    assert (await graph.refused("POST", f"/groups/{group}/members/$ref", {}))[0] == 400
    assert len((await graph.get(f"/groups/{group}?$expand=members($select=id)"))["members"]) == 3
    assert [item["displayName"] for item in await graph.all(f"/users/{ada}/memberOf")] == ["Engineers"]
    assert [item["displayName"] for item in await graph.all(f"/groups/{inner['id']}/memberOf")] == ["Engineers"]
    assert [item["id"] for item in await graph.all(f"/groups/{group}/owners")] == [bob]
    assert await graph.ask("POST", f"/groups/{group}/owners/$ref", ref(graph, ada)) == (204, None)
    assert await graph.ask("DELETE", f"/groups/{group}/owners/{bob}/$ref") == (204, None)
    assert [item["id"] for item in await graph.all(f"/groups/{group}/owners")] == [ada]
    assert await graph.ask("DELETE", f"/groups/{group}/members/{bob}/$ref") == (204, None)
    assert (await graph.refused("DELETE", f"/groups/{group}/members/{bob}/$ref"))[0] == 404
    # As Terraform's provider finds out whether a change is seen.
    probe = {"displayName": f"TERRAFORM_UPDATE_{nobody}"}
    assert await graph.ask("PATCH", f"/groups/{group}", probe) == (204, None)
    assert await graph.ask("PATCH", f"/groups/{group}", {"displayName": "Engineers", "description": None}) == (
        204,
        None,
    )
    more = {"members@odata.bind": [f"{graph.base}/directoryObjects/{bob}"]}
    assert await graph.ask("PATCH", f"/groups/{group}", more) == (204, None)
    assert await graph.ask("GET", f"/groups/{group}/members/$count") == (200, "3")
    found = await graph.all("/groups?$filter=startswith(displayName,'eng') and securityEnabled eq true")
    assert [(item["id"], item["description"]) for item in found] == [(group, None)]
    assert await graph.ask("DELETE", f"/groups/{group}") == (204, None)
    assert (await graph.refused("GET", f"/groups/{group}"))[0] == 404


async def test_a_manager(graph: Graph) -> None:
    boss = await graph.make("/users", person("boss"))
    ada = await graph.make("/users", person("ada", **{"manager@odata.bind": f"{graph.base}/users/{boss['id']}"}))
    assert (await graph.get(f"/users/{ada['id']}/manager"))["userPrincipalName"] == "boss@contoso.com"
    shown = await graph.get(f"/users/{ada['id']}?$expand=manager($levels=1;$select=id)&$select=id")
    assert shown["manager"]["id"] == boss["id"]
    assert (await graph.refused("GET", f"/users/{boss['id']}/manager"))[0] == 404
    assert await graph.ask("DELETE", f"/users/{ada['id']}/manager/$ref") == (204, None)
    assert (await graph.refused("GET", f"/users/{ada['id']}/manager"))[0] == 404
    assert await graph.ask("PUT", f"/users/{ada['id']}/manager/$ref", ref(graph, boss["id"])) == (204, None)
    assert (await graph.get(f"/users/{ada['id']}/manager"))["id"] == boss["id"]
    assert (await graph.refused("PUT", f"/users/{ada['id']}/manager/$ref", ref(graph, ada["id"])))[0] == 400


async def test_directory_objects_by_id(graph: Graph) -> None:
    ada = (await graph.make("/users", person("ada")))["id"]
    group = (await graph.make("/groups", team("Team")))["id"]
    assert (await graph.get(f"/directoryObjects/{ada}"))["@odata.type"] == "#microsoft.graph.user"
    status, found = await graph.ask("POST", "/directoryObjects/getByIds", {"ids": [group, ada, str(uuid4())]})
    assert (status, [item["id"] for item in found["value"]]) == (200, [group, ada])
    _, users = await graph.ask(
        "POST", "/directoryObjects/microsoft.graph.getByIds", {"ids": [group, ada], "types": ["user"]}
    )
    assert [item["id"] for item in users["value"]] == [ada]
    assert (await graph.refused("POST", "/directoryObjects/getByIds", {"ids": "x"}))[0] == 400


async def test_what_is_not_spoken_is_501_and_beta_is_another_name(graph: Graph) -> None:
    status, code, why = await graph.refused("GET", "/me/messages")
    assert (status, code) == (501, "NotImplemented")
    assert (
        why == "/me/messages is not part of what is spoken here of Microsoft Graph: docs/howto/graph.md lists what is."
    )
    assert (await graph.refused("PUT", "/users"))[0] == 501
    beta = Graph(graph.base.replace("/v1.0", "/beta"), graph.token, graph.session)
    page = await beta.get("/users?$top=1")
    assert page["@odata.context"].startswith(beta.base)


async def test_without_a_token_nothing_is_told(graph: Graph) -> None:
    for token in ("", "x", graph.token[:-3] + "abc"):
        other = Graph(graph.base, token, graph.session)
        assert (await other.refused("GET", "/users"))[:2] == (401, "InvalidAuthenticationToken")
        assert other.headers["WWW-Authenticate"].startswith("Bearer")
    async with graph.session.get(f"{graph.base}/users") as answer:
        assert answer.status == 401


async def test_a_change_is_provisioned_like_any_other(graph: Graph, pair: Pair) -> None:
    made = await graph.make("/users", person("ada"))
    await pair.assign(UUID(made["id"]))
    await pair.sync()
    assert (await pair.account("ada"))["active"]
    await graph.ask("PATCH", f"/users/{made['id']}", {"accountEnabled": False})
    await pair.sync()
    assert not (await pair.account("ada"))["active"]
