"""Memberships through groups in groups, and the tenant itself, as clients of Microsoft Graph ask for them."""

from __future__ import annotations

from typing import Any

from graphs import Graph
from pair import Pair


def person(name: str) -> dict[str, Any]:
    upn = f"{name}@contoso.com"
    return {"accountEnabled": True, "displayName": name, "mailNickname": name, "userPrincipalName": upn}


async def group(graph: Graph, name: str, *members: str) -> str:
    bound = [f"{graph.base}/directoryObjects/{item}" for item in members]
    body = {"displayName": name, "mailEnabled": False, "mailNickname": "x", "securityEnabled": True}
    return str((await graph.make("/groups", {**body, "members@odata.bind": bound}))["id"])


async def names(graph: Graph, path: str) -> set[str]:
    return {item["displayName"] for item in await graph.all(path)}


async def test_members_of_members(graph: Graph) -> None:
    ada, bob, eve = [(await graph.make("/users", person(name)))["id"] for name in ("ada", "bob", "eve")]
    inner = await group(graph, "inner", ada, eve)
    middle = await group(graph, "middle", inner, bob)
    outer = await group(graph, "outer", middle, ada)
    # A circle is gone through once.
    await graph.ask("POST", f"/groups/{inner}/members/$ref", {"@odata.id": f"{graph.base}/groups/{outer}"})
    await graph.ask("DELETE", f"/users/{eve}")
    where = f"/groups/{outer}/transitiveMembers"
    assert await names(graph, where) == {"ada", "bob", "inner", "middle"}
    assert await names(graph, f"{where}?$top=1") == {"ada", "bob", "inner", "middle"}
    assert await names(graph, f"{where}/microsoft.graph.user") == {"ada", "bob"}
    assert await names(graph, f"{where}/graph.group?$filter=id eq '{inner}'") == {"inner"}
    assert await names(graph, f"/users/{bob}/transitiveMemberOf") == {"inner", "middle", "outer"}
    assert await names(graph, "/users/bob@contoso.com/transitiveMemberOf/graph.group") == {"inner", "middle", "outer"}
    assert await names(graph, f"/groups/{inner}/transitiveMemberOf") == {"middle", "outer"}
    assert await names(graph, f"/users/{bob}/memberOf") == {"middle"}


async def test_the_organization_and_its_domain(graph: Graph, pair: Pair) -> None:
    (found,) = await graph.all("/organization")
    assert (found["id"], found["displayName"]) == (str(pair.tenant.id), pair.tenant.name)
    assert [(item["name"], item["isDefault"]) for item in found["verifiedDomains"]] == [("contoso.com", True)]
    shown = await graph.get(f"/organization/{found['id']}?$select=displayName")
    assert (shown["id"], shown["displayName"], len(shown)) == (found["id"], pair.tenant.name, 3)
    assert [item["id"] for item in await graph.all("/domains?$filter=isDefault eq true")] == ["contoso.com"]
    assert (await graph.get("/domains/Contoso.com"))["isVerified"] is True
    assert (await graph.refused("GET", "/domains/fabrikam.com"))[0] == 404
    assert (await graph.refused("GET", f"/organization/{pair.application}"))[0] == 404
