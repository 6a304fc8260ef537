"""Conditional access and the sign-in log over the Graph API."""

from __future__ import annotations

import copy
from typing import Any

from graphs import Graph
from pair import Pair
from provisor.directory import conditional_access, sign_in_log, users
from provisor.directory.admission import PASSWORD, PORTAL, Evidence, Outcome, Resource, admit
from provisor.directory.applications import app_id
from provisor.directory.sign_in_log import FAILURE, INTERRUPTED, SUCCESS, Attempt

POLICIES, PLACES = "/identity/conditionalAccess/policies", "/identity/conditionalAccess/namedLocations"
OFFICE: dict[str, Any] = {
    "@odata.type": "#microsoft.graph.ipNamedLocation",
    "displayName": "Office",
    "isTrusted": True,
    "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "192.0.2.0/24"}],
}
OUTSIDE: dict[str, Any] = {
    "displayName": "Outside",
    "state": "enabled",
    "conditions": {
        "clientAppTypes": ["all"],
        "applications": {"includeApplications": ["All"]},
        "users": {"includeUsers": ["All"], "excludeRoles": ["62e90394-69f5-4237-9190-012177145e10"]},
        "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]},
    },
    "grantControls": {"operator": "OR", "builtInControls": ["block"]},
}


async def test_a_policy_and_its_location_are_made_changed_and_deleted(pair: Pair, graph: Graph) -> None:
    place = await graph.make(PLACES, OFFICE)
    rule = copy.deepcopy(OUTSIDE)
    rule["conditions"]["locations"]["excludeLocations"] = [place["id"]]
    rule["conditions"]["applications"]["includeApplications"] = [str(app_id(pair.application))]
    made = await graph.make(POLICIES, rule)
    assert made["conditions"]["applications"]["includeApplications"] == [str(app_id(pair.application))]
    assert made["createdDateTime"].endswith("Z") and made["state"] == "enabled"
    ada = await pair.user("ada", assigned=False)
    async with pair.house.database.reading() as tx:
        person, books = await users.by_id(tx, pair.tenant, ada), Resource(str(pair.application), "app")
        for address, outcome in (("198.51.100.7", Outcome.BLOCKED), ("192.0.2.7", Outcome.GRANTED)):
            evidence = Evidence(frozenset({PASSWORD}), 0, address)
            assert (await admit(tx, pair.tenant, person, books, evidence)).outcome is outcome
    # What is named changes, and nothing else.
    body = {"state": "disabled", "conditions": {"users": {"excludeUsers": [str(ada)]}}}
    assert (await graph.ask("PATCH", f"{POLICIES}/{made['id']}", body))[0] == 204
    after = await graph.get(f"{POLICIES}/{made['id']}")
    assert after["state"] == "disabled" and after["conditions"]["users"]["excludeUsers"] == [str(ada)]
    assert after["conditions"]["users"]["includeUsers"] == ["All"]
    assert after["conditions"]["applications"] == made["conditions"]["applications"]
    passkey = {"authenticationStrength": {"id": "00000000-0000-0000-0000-000000000004"}}
    for controls in (passkey, {"operator": "OR", "builtInControls": ["mfa"]}):
        assert (await graph.ask("PATCH", f"{POLICIES}/{made['id']}", {"grantControls": controls}))[0] == 204
    assert (await graph.get(f"{POLICIES}/{made['id']}"))["grantControls"]["builtInControls"] == ["mfa"]
    assert (await graph.ask("PATCH", f"{PLACES}/{place['id']}", {"isTrusted": False}))[0] == 204
    assert (await graph.get(f"{PLACES}/{place['id']}"))["ipRanges"] == OFFICE["ipRanges"]
    found = await graph.get(f"{POLICIES}?$filter=displayName eq 'outside'&$select=id,state")
    assert [item["id"] for item in found["value"]] == [made["id"]]
    assert (await graph.refused("DELETE", f"{PLACES}/{place['id']}"))[0] == 400
    for path in (f"{POLICIES}/{made['id']}", f"{PLACES}/{place['id']}"):
        assert (await graph.ask("DELETE", path))[0] == 204
        assert (await graph.refused("GET", path))[0] == 404


async def test_what_cannot_be_done_is_refused_with_its_place(pair: Pair, graph: Graph) -> None:
    risky = copy.deepcopy(OUTSIDE)
    risky["conditions"]["signInRiskLevels"] = ["high"]
    status, _, said = await graph.refused("POST", POLICIES, risky)
    assert status == 400 and "conditions.signInRiskLevels is not evaluated" in said
    closed = copy.deepcopy(OUTSIDE)
    closed["conditions"]["users"] = {"includeUsers": ["All"]}
    closed["conditions"]["locations"] = None
    status, _, said = await graph.refused("POST", POLICIES, closed)
    assert status == 400 and "no Global Administrator could sign in" in said
    country = {
        "@odata.type": "#microsoft.graph.countryNamedLocation",
        "displayName": "X",
        "countriesAndRegions": ["DE"],
    }
    assert (await graph.refused("POST", PLACES, country))[0] == 400
    assert (await graph.get(POLICIES))["value"] == []


async def test_seed_04_the_log_over_graph_names_the_policy_that_decided(pair: Pair, graph: Graph) -> None:
    ada = await pair.user("ada", assigned=False)
    made = await graph.make(POLICIES, OUTSIDE)
    await graph.make(POLICIES, {**OUTSIDE, "displayName": "Watching", "state": "enabledForReportingButNotEnforced"})
    async with pair.house.database.transaction() as tx:
        person = await users.by_id(tx, pair.tenant, ada)
        verdict = await admit(tx, pair.tenant, person, PORTAL, Evidence(frozenset({PASSWORD}), 0, "198.51.100.7"))
        for outcome, who, policies in (
            (FAILURE, person, verdict.policies),
            (FAILURE, None, ()),
            (INTERRUPTED, person, ()),
            (SUCCESS, person, ()),
        ):
            attempt = Attempt(who, PORTAL, "198.51.100.7", frozenset(), outcome, verdict.sentence, policies)
            await sign_in_log.record(tx, pair.tenant, attempt)
    rows = await graph.all("/auditLogs/signIns?$top=3&$orderby=id")
    assert [row["status"]["errorCode"] for row in rows] == [53003, 50126, 50074, 0]
    blocked = rows[0]
    assert blocked["conditionalAccessStatus"] == "failure" and "Outside" in blocked["status"]["failureReason"]
    assert [(item["displayName"], item["result"]) for item in blocked["appliedConditionalAccessPolicies"]] == [
        ("Outside", "failure"),
        ("Watching", "reportOnlyFailure"),
    ]
    assert blocked["appliedConditionalAccessPolicies"][0]["id"] == made["id"]
    assert rows[1]["userPrincipalName"] == "" and rows[3]["conditionalAccessStatus"] == "notApplied"
    mine = await graph.get("/auditLogs/signIns?$filter=userPrincipalName eq 'ADA@contoso.com'&$count=true")
    assert mine["@odata.count"] == 3
    async with pair.house.database.reading() as tx:
        assert len(await conditional_access.policies(tx, pair.tenant)) == 2
