"""What Graph shows of an application beside its provisioning: who owns it, for whom it is, and its secrets."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

from graphs import Graph, sides
from installation import Installation
from pair import Pair
from provisor import audit


def reference(graph: Graph, identity: Any) -> dict[str, str]:
    return {"@odata.id": f"{graph.base}/directoryObjects/{identity}"}


async def test_owners_are_those_of_the_portal(shop: Installation, graph: Graph, pair: Pair) -> None:
    application, principal = await sides(graph, pair)
    ada, bob = await pair.user("ada", assigned=False), await pair.user("bob", assigned=False)
    tenant = ("--tenant", pair.tenant.name)
    assert await graph.all(f"{application}/owners") == []
    assert await graph.ask("POST", f"{application}/owners/$ref", reference(graph, ada)) == (204, None)
    await asyncio.to_thread(shop.run, "app", "owner", "add", "app", "bob@contoso.com", *tenant)
    shown = await asyncio.to_thread(shop.json, "app", "show", "app", *tenant)
    assert shown["owners"] == ["ada@contoso.com", "bob@contoso.com"]
    for side in (application, principal):
        owners = await graph.all(f"{side}/owners")
        assert {item["id"] for item in owners} == {str(ada), str(bob)}
        assert {item["@odata.type"] for item in owners} == {"#microsoft.graph.user"}
    again = await graph.refused("POST", f"{principal}/owners/$ref", reference(graph, bob))
    assert again[0] == 400 and "already exist" in again[2]
    assert await graph.ask("DELETE", f"{principal}/owners/{bob}/$ref") == (204, None)
    assert (await graph.refused("DELETE", f"{principal}/owners/{bob}/$ref"))[0] == 404
    assert [item["id"] for item in await graph.all(f"{application}/owners?$select=id")] == [str(ada)]
    async with pair.house.database.reading() as tx:
        log = await audit.entries(tx, f"tenant/{pair.tenant.name}")
    assert [row["action"] for row in log if "owner" in row["action"]].count("add owner") == 2
    assert "remove owner" in {row["action"] for row in log}


async def test_an_owner_is_somebody_who_is_there(graph: Graph, pair: Pair) -> None:
    application, _ = await sides(graph, pair)
    status, _, why = await graph.refused("POST", f"{application}/owners/$ref", reference(graph, graph.client))
    assert status == 400 and "Owners of an application are users" in why
    team = await pair.group("Team", assigned=False)
    for nobody in (uuid4(), team, "nobody"):
        assert (await graph.refused("POST", f"{application}/owners/$ref", reference(graph, nobody)))[0] == 404
    assert (await graph.refused("POST", f"{application}/owners/$ref", {}))[0] == 400
    assert (await graph.refused("GET", f"/applications/{uuid4()}/owners"))[0] == 404
    eve = await pair.user("eve", assigned=False)
    assert await graph.ask("POST", f"{application}/owners/$ref", reference(graph, eve)) == (204, None)
    assert await graph.ask("DELETE", f"/users/{eve}") == (204, None)
    assert await graph.all(f"{application}/owners") == []


async def test_assignment_is_required_where_the_scope_says_so(graph: Graph, pair: Pair) -> None:
    _, principal = await sides(graph, pair)
    assert (await graph.get(principal))["appRoleAssignmentRequired"] is True
    open_ones = "/servicePrincipals?$filter=appRoleAssignmentRequired eq false and displayName eq 'app'"
    assert await graph.all(open_ones) == []
    assert await graph.ask("PATCH", principal, {"appRoleAssignmentRequired": True}) == (204, None)
    refused = await graph.refused("PATCH", principal, {"appRoleAssignmentRequired": False})
    assert refused[0] == 400 and "SyncAll" in refused[2]
    values = {"BaseAddress": pair.base, "SecretToken": pair.token, "SyncAll": "true"}
    secrets = {"value": [{"key": key, "value": value} for key, value in values.items()]}
    assert (await graph.ask("PUT", f"{principal}/synchronization/secrets", secrets))[0] in (200, 204)
    assert (await graph.get(principal))["appRoleAssignmentRequired"] is False
    assert [item["id"] for item in await graph.all(open_ones)] == [str(pair.application)]
    assert (await graph.refused("PATCH", principal, {"appRoleAssignmentRequired": True}))[0] == 400


async def test_how_many_there_are(graph: Graph, pair: Pair) -> None:
    for kind in ("applications", "servicePrincipals"):
        assert await graph.get(f"/{kind}/$count") == str(len(await graph.all(f"/{kind}")))
    assert await graph.get("/applications/$count?$filter=displayName eq 'APP'") == "1"
    assert await graph.get("/servicePrincipals/$count?$filter=appRoleAssignmentRequired eq false") == "1"
    assert (await graph.refused("GET", "/applications/$count?$filter=nothing eq 1"))[0] == 400


async def test_a_template_is_asked_about_the_target_and_stays_as_it_is(graph: Graph, pair: Pair) -> None:
    _, principal = await sides(graph, pair)
    where = f"{principal}/synchronization/templates/dataBricks/schema/directories"
    before = (await pair.app()).schema
    _, target = await graph.all(where)
    assert (await graph.get(f"{where}/{target['id']}")) | {"@odata.context": ""} == target | {"@odata.context": ""}
    await pair.extend({"id": "urn:contoso:2.0:User", "attributes": [{"name": "badge", "type": "string"}]})
    status, found = await graph.ask("POST", f"{where}/{target['id']}/discover")
    assert status == 200, found
    names = {row["name"] for item in found["objects"] for row in item["attributes"]}
    assert "urn:contoso:2.0:User:badge" in names
    assert names > {row["name"] for item in target["objects"] for row in item["attributes"]}
    assert (await graph.all(where))[1] == target and (await pair.app()).schema == before
    assert (await graph.refused("POST", f"{where}/{UUID(int=1)}/discover"))[0] == 404
    other = where.replace("dataBricks", "other")
    assert (await graph.refused("POST", f"{other}/{target['id']}/discover"))[0] == 404
