"""Applications and their provisioning, as clients of Microsoft Graph set them up, run them and read what happened."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from graphs import Graph
from installation import Installation
from pair import Pair
from provisor.compose import House
from provisor.directory import applications, notification
from provisor.provisioning.change import USERS, Change
from provisor.provisioning.templates import RULE_ID, template
from provisor.sync.records import Planned

_NON_GALLERY = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621"
_NO_ROLE = str(UUID(int=0))


def sp(pair: Pair) -> str:
    return f"/servicePrincipals/{pair.application}"


async def job(graph: Graph, pair: Pair) -> str:
    """The address of the job of the application."""
    (found,) = await graph.all(f"{sp(pair)}/synchronization/jobs")
    return f"{sp(pair)}/synchronization/jobs/{found['id']}"


def connection(pair: Pair, **more: str) -> dict[str, Any]:
    values = {"BaseAddress": pair.base, "SecretToken": pair.token, **more}
    return {"value": [{"key": key, "value": value} for key, value in values.items()]}


async def secrets(graph: Graph, where: str) -> dict[str, str]:
    found = await graph.get(f"{where}/synchronization/secrets")
    return {item["key"]: item["value"] for item in found["value"]}


async def test_what_is_in_the_gallery(graph: Graph) -> None:
    shown = {item["displayName"]: item["id"] for item in await graph.all("/applicationTemplates")}
    assert shown["Custom"] == _NON_GALLERY and len(shown) == 3
    found = await graph.all(
        "/applicationTemplates?$filter=displayName eq 'Azure Databricks SCIM Provisioning Connector'"
    )
    assert len(found) == 1 and found[0]["supportedProvisioningTypes"] == ["sync"]
    assert (await graph.get(f"/applicationTemplates/{found[0]['id']}"))["id"] == found[0]["id"]
    assert (await graph.refused("GET", f"/applicationTemplates/{uuid4()}"))[0] == 404
    made = await graph.make(f"/applicationTemplates/{_NON_GALLERY}/instantiate", {"displayName": "Wiki"})
    assert made["application"]["appId"] == made["servicePrincipal"]["appId"]
    again = await graph.refused("POST", f"/applicationTemplates/{_NON_GALLERY}/instantiate", {"displayName": "wiki"})
    assert again == (400, "Request_BadRequest", "The application wiki exists already.")


async def test_an_application_is_two_objects_and_a_client_one(graph: Graph, pair: Pair) -> None:
    principal = await graph.get(sp(pair))
    (application,) = await graph.all(f"/applications?$filter=appId eq '{principal['appId']}'")
    assert len({principal["id"], principal["appId"], application["id"]}) == 3
    assert (await graph.get(f"/applications(appId='{principal['appId']}')"))["id"] == application["id"]
    assert (await graph.get(f"/servicePrincipals(appId='{principal['appId']}')"))["id"] == str(pair.application)
    named = await graph.all("/servicePrincipals?$filter=startswith(displayName,'AP')&$select=id,displayName")
    assert named == [{"id": str(pair.application), "displayName": "app"}]
    assert await graph.ask("PATCH", f"/applications/{application['id']}", {"displayName": "Lakehouse"}) == (204, None)
    assert (await graph.get(sp(pair)))["displayName"] == "Lakehouse"
    refused = await graph.refused("PATCH", sp(pair), {"loginUrl": "https://here"})
    assert refused[2] == "loginUrl of an application cannot be changed here: displayName can."
    (itself,) = [
        item for item in await graph.all("/servicePrincipals") if item["displayName"] == "Global Administrator"
    ]
    assert itself["id"] == itself["appId"]
    assert (await graph.all(f"/servicePrincipals?$filter=appId eq '{itself['appId']}'"))[0]["id"] == itself["id"]
    assert (await graph.get(f"/servicePrincipals/{itself['id']}"))["displayName"] == "Global Administrator"
    assert (await graph.refused("DELETE", f"/servicePrincipals/{itself['id']}"))[0] == 404
    assert await graph.ask("DELETE", f"/applications/{application['id']}") == (204, None)
    assert (await graph.refused("GET", sp(pair)))[0] == 404


async def test_an_application_with_leavers_is_not_deleted(graph: Graph, pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    await pair.unassign(ada)
    status, code, why = await graph.refused("DELETE", sp(pair))
    assert (status, code) == (400, "Request_BadRequest") and "may still be active" in why
    assert (await graph.refused("DELETE", await job(graph, pair)))[0] == 400
    await pair.sync()
    assert await graph.ask("DELETE", sp(pair)) == (204, None)


async def test_a_job_that_runs_is_deleted_once_a_cycle_has_seen_to_leavers(graph: Graph, pair: Pair) -> None:
    """As Terraform does it: the assignment and the job in the same second, and 409 asked again."""
    await pair.user("ada")
    where = await job(graph, pair)
    assert await graph.ask("POST", f"{where}/start") == (204, None)
    async with asyncio.timeout(60):
        while not ((account := await pair.account("ada")) and account["active"]):  # noqa: ASYNC110 (a cycle of the server does it)
            await asyncio.sleep(0.1)
        (assignment,) = await graph.all(f"{sp(pair)}/appRoleAssignedTo")
        requests = [
            {"id": "1", "method": "DELETE", "url": f"{sp(pair)}/appRoleAssignedTo/{assignment['id']}"},
            {"id": "2", "method": "DELETE", "url": where},
        ]
        _, answers = await graph.ask("POST", "/$batch", {"requests": requests})
        (_, refused) = answers["responses"]
        assert (refused["status"], refused["body"]["error"]["code"]) == (409, "Conflict"), refused
        assert "Try again in a moment" in refused["body"]["error"]["message"]
        while (again := await graph.ask("DELETE", where))[0] == 409:  # noqa: ASYNC110 (so does this)
            await asyncio.sleep(0.1)
    assert again == (204, None)
    assert not (await pair.account("ada"))["active"]
    assert (await graph.refused("GET", where))[0] == 404


async def test_an_application_that_is_deleted_elsewhere_leaves_nothing_here(
    shop: Installation, house: House, graph: Graph, pair: Pair
) -> None:
    made = await graph.make(f"/applicationTemplates/{_NON_GALLERY}/instantiate", {"displayName": "Wiki"})
    identity, ada = made["servicePrincipal"]["id"], await pair.user("ada", assigned=False)
    body = {"principalId": str(ada), "resourceId": identity, "appRoleId": made["servicePrincipal"]["appRoles"][0]["id"]}
    await graph.make(f"/servicePrincipals/{identity}/appRoleAssignedTo", body)
    count = "select (select count(*) from graph_application where application = $1) + count(*) from graph_role r "
    count += "where r.application = $1"
    async with house.database.reading() as tx:
        assert await tx.fetchval(count, UUID(identity)) == 2
    await asyncio.to_thread(shop.run, "app", "delete", "Wiki", "--force", "--tenant", pair.tenant.name)
    async with house.database.reading() as tx:
        assert await tx.fetchval(count, UUID(identity)) == 0


async def test_who_is_assigned(graph: Graph, pair: Pair) -> None:
    ada, team = await pair.user("ada", assigned=False), await pair.group("Team", assigned=False)
    where = f"{sp(pair)}/appRoleAssignedTo"
    (role, _) = (await graph.get(sp(pair)))["appRoles"]
    body = {"principalId": str(ada), "resourceId": str(pair.application), "appRoleId": role["id"]}
    made = await graph.make(where, {"@odata.type": "#microsoft.graph.appRoleAssignment", **body})
    assert (made["principalType"], made["resourceDisplayName"], made["appRoleId"]) == ("User", "app", role["id"])
    assert (await graph.get(f"{where}/{made['id']}"))["principalId"] == str(ada)
    assert (await graph.refused("POST", where, body))[0] == 400
    await graph.make(where, {**body, "principalId": str(team), "appRoleId": _NO_ROLE})
    assert {item["principalDisplayName"] for item in await graph.all(where)} == {"ada@contoso.com", "Team"}
    (held,) = await graph.all(f"/users/{ada}/appRoleAssignments")
    assert held["id"] == made["id"]
    (held,) = await graph.all(f"/groups/{team}/appRoleAssignments?$filter=resourceId eq {pair.application}")
    assert held["appRoleId"] == _NO_ROLE
    for change in ({"principalId": str(uuid4())}, {"resourceId": str(uuid4())}, {"appRoleId": str(uuid4())}):
        assert (await graph.refused("POST", where, {**body, **change}))[0] in (400, 404)
    assert await graph.ask("DELETE", f"/groups/{team}/appRoleAssignments/{held['id']}") == (204, None)
    again = await graph.make(f"/groups/{team}/appRoleAssignments", {**body, "principalId": str(team)})
    assert (again["id"], again["appRoleId"]) == (held["id"], role["id"])
    assert (await graph.refused("DELETE", f"/users/{ada}/appRoleAssignments/{held['id']}"))[0] == 404
    assert (await graph.refused("POST", f"/users/{ada}/appRoleAssignments", body))[0] == 400
    assert await graph.ask("DELETE", f"/users/{ada}/appRoleAssignments/{made['id']}") == (204, None)
    await graph.make(f"/users/{ada}/appRoleAssignments", body)
    assert await graph.ask("DELETE", f"{where}/{made['id']}") == (204, None)
    for nobody in (made["id"], "x", "!", "a" * 43):
        assert (await graph.refused("GET", f"{where}/{nobody}"))[0] == 404
        assert (await graph.refused("DELETE", f"{where}/{nobody}"))[0] == 404


async def test_secrets_are_got_as_they_were_put(graph: Graph, pair: Pair) -> None:
    where = f"{sp(pair)}/synchronization/secrets"
    assert await secrets(graph, sp(pair)) == {"BaseAddress": pair.base, "SecretToken": "*"}
    notices = json.dumps(
        {
            "Enabled": True,
            "Recipients": "ops@contoso.com;night@contoso.com",
            "DeleteThresholdEnabled": True,
            "DeleteThresholdValue": 7,
        }
    )
    more = {"SyncAll": "False", "SyncNotificationSettings": notices}
    assert await graph.ask("PUT", where, connection(pair, **more)) == (204, None)
    assert await secrets(graph, sp(pair)) == {"BaseAddress": pair.base, "SecretToken": "*", **more}
    app = await pair.app()
    assert (app.guard_most, app.notification_on) == (7, True)
    assert app.notification_email == ("ops@contoso.com", "night@contoso.com")
    assert list(await secrets(graph, sp(pair))) == ["BaseAddress", "SecretToken", *more]
    everybody = connection(pair, SecretToken="*", SyncAll="true")
    assert await graph.ask("PUT", where, everybody) == (204, None)
    app = await pair.app()
    assert (app.scope, app.connected) == ("all", True)
    for key, value, why in [
        ("SecretToken", "wrong", "The target refuses the secret token"),
        ("BaseAddress", "http://elsewhere.example", "must be reached over https"),
        ("BaseAddress", f"{pair.base}/nothing", "Nothing was saved."),
        ("BaseAddress", "http://[x", "is not an address"),
        ("BaseAddress", "https://here:99999", "is not an address"),
        ("SecretToken", "a\x01b", "letters, digits and signs"),
        ("SyncAll", "perhaps", "SyncAll is true"),
        ("Password", "x", "Password is not kept here"),
        ("SkipOutOfScopeDeletions", "true", "cannot be true"),
        ("SyncNotificationSettings", "x", "JSON object"),
        ("SyncNotificationSettings", "[" * 5000, "JSON object"),
        ("SyncNotificationSettings", '{"Enabled": true, "Recipients": "x"}', "is no e-mail address"),
        ("SyncNotificationSettings", '{"Enabled": "yes"}', "Enabled is true or false"),
        ("SyncNotificationSettings", '{"Recipients": 1}', "Recipients are addresses"),
    ]:
        status, _, said = await graph.refused("PUT", where, connection(pair, **{key: value}))
        assert status == 400 and why in said, said
        assert pair.token not in said
    gone = connection(pair, BaseAddress="", SecretToken="", SyncAll="")
    assert await graph.ask("PUT", where, gone) == (204, None)
    assert await secrets(graph, sp(pair)) == {}
    assert not (await pair.app()).connected
    assert (await graph.refused("PUT", where, {"value": "x"}))[0] == 400


async def test_recipients_are_shown_as_they_are_now(graph: Graph, pair: Pair) -> None:
    """Whoever compares sees that somebody chose others in the portal; what is not there any more tells nobody."""
    where, name = f"{sp(pair)}/synchronization/secrets", "SyncNotificationSettings"
    put = json.dumps({"Enabled": True, "Recipients": "ops@contoso.com"})
    assert await graph.ask("PUT", where, connection(pair, **{name: put})) == (204, None)
    async with pair.edit() as work:
        app = await applications.locked(work, pair.application)
        await applications.save(work, app, notification.told(app, ("x@contoso.com",), on=False), "set")
    assert json.loads((await secrets(graph, sp(pair)))[name]) == {"Enabled": False, "Recipients": "x@contoso.com"}
    assert await graph.ask("PUT", where, connection(pair)) == (204, None)
    assert (await pair.app()).notification_email == ("x@contoso.com",), "nothing was said about it"
    assert await graph.ask("PUT", where, connection(pair, **{name: ""})) == (204, None)
    assert (await pair.app()).notification_email == ()
    async with pair.edit() as work:
        kept = [["SyncNotificationSettings", '{"Enabled": true, "Recipients": "the ops team"}']]
        await work.tx.execute(
            "update graph_application set secrets = $2 where application = $1", pair.application, kept
        )
    assert json.loads((await secrets(graph, sp(pair)))[name]) == {"Enabled": False, "Recipients": ""}


async def test_credentials_are_tried_and_not_saved(graph: Graph, pair: Pair) -> None:
    where = f"{sp(pair)}/synchronization/jobs/validateCredentials"
    saved = await pair.app()
    assert await graph.ask("POST", where, {"useSavedCredentials": True}) == (204, None)
    given = connection(pair)["value"]
    assert await graph.ask("POST", f"{await job(graph, pair)}/validateCredentials", {"credentials": given}) == (
        204,
        None,
    )
    wrong = connection(pair, SecretToken="wrong")["value"]
    status, code, why = await graph.refused("POST", where, {"credentials": wrong, "templateId": "dataBricks"})
    assert (status, code) == (400, "Request_BadRequest") and why.startswith("The target refuses the secret token")
    assert await pair.app() == saved


async def test_a_job_that_is_started_provisions(graph: Graph, pair: Pair) -> None:
    where = await job(graph, pair)
    shown = await graph.get(where)
    assert shown["schedule"] == {"expiration": None, "interval": "PT30M", "state": "Disabled"}
    assert shown["status"]["code"] == "NotRun" and shown["status"]["lastExecution"] is None
    await pair.user("ada")
    assert await graph.ask("POST", f"{where}/start") == (204, None)
    for _ in range(100):
        shown = await graph.get(where)
        if shown["status"]["lastSuccessfulExecutionWithExports"]:
            break
        await asyncio.sleep(0.1)
    assert (await pair.account("ada"))["active"]
    status = shown["status"]
    assert (status["code"], shown["schedule"]["state"], status["quarantine"]) == ("Active", "Active", None)
    last = status["lastSuccessfulExecutionWithExports"]
    assert (last["state"], last["countExports"]) == ("Succeeded", 1)
    (count,) = status["synchronizedEntryCountByType"]
    assert count["key"].startswith("User to urn:ietf:") and count["value"] == 1
    assert await graph.ask("POST", f"{where}/pause") == (204, None)
    assert (await graph.get(where))["status"]["code"] == "Paused"
    ledger = pair.house.ledger(pair.tenant, pair.application)
    for criteria in ({}, {"resetScope": "Watermark, Escrows, QuarantineState"}):
        before = await ledger.job()
        assert await graph.ask("POST", f"{where}/restart", {"criteria": criteria}) == (204, None)
        assert (await ledger.job()).generation > before.generation
        assert (await graph.get(where))["schedule"]["state"] == "Active"
    await graph.ask("POST", f"{where}/pause")
    refused = await graph.refused("POST", f"{where}/restart", {"criteria": {"resetScope": "ForceDeletes"}})
    assert refused[0] == 400 and "provisor sync app --release" in refused[2]
    assert (await graph.refused("POST", f"{where}/restart", {"criteria": {"resetScope": "All"}}))[0] == 400
    assert await graph.ask("POST", f"{where}/restart", {"criteria": {"resetScope": "Full"}}) == (204, None)


async def test_a_quarantined_job_says_why_and_a_start_tries_again(graph: Graph, pair: Pair) -> None:
    await pair.user("ada")
    await pair.connect(pair.base, "wrong", force=True)
    await pair.sync()
    where = await job(graph, pair)
    status = (await graph.get(where))["status"]
    assert (status["code"], status["countSuccessiveCompleteFailures"]) == ("Paused", 1)
    assert status["quarantine"]["reason"] == "EncounteredQuarantineException"
    assert status["quarantine"]["error"]["code"] == "SystemForCrossDomainIdentityManagementInvalidCredentials"
    assert status["lastExecution"]["state"] == "Failed"
    put = await graph.ask("PUT", f"{sp(pair)}/synchronization/secrets", connection(pair))
    assert put == (204, None)
    assert (await graph.get(where))["status"]["quarantine"] is None


async def test_a_plan_that_the_guard_holds_is_too_many_deletes(graph: Graph, pair: Pair) -> None:
    people = [await pair.user(f"p{number}") for number in range(5)]
    await pair.sync()
    for person in people:
        await pair.unassign(person)
    await pair.sync()
    status = (await graph.get(await job(graph, pair)))["status"]
    assert status["quarantine"]["reason"] == "TooManyDeletes"
    assert "guard against accidental deletion" in status["quarantine"]["error"]["message"]


async def test_a_job_that_was_deleted_is_not_there_until_it_is_made_again(graph: Graph, pair: Pair) -> None:
    where = await job(graph, pair)
    again = await graph.refused("POST", f"{sp(pair)}/synchronization/jobs", {"templateId": "dataBricks"})
    assert again[0] == 400 and "has its job already" in again[2]
    await graph.ask("POST", f"{where}/start")
    assert await graph.ask("DELETE", where) == (204, None)
    assert (await pair.app()).provisioning == "Off"
    assert (await graph.refused("GET", where))[0] == 404
    assert (await graph.refused("POST", f"{where}/start"))[0] == 404
    assert await graph.all(f"{sp(pair)}/synchronization/jobs") == []
    other = await graph.refused("POST", f"{sp(pair)}/synchronization/jobs", {"templateId": "aWSSingleSignon"})
    assert other[0] == 400
    made = await graph.make(f"{sp(pair)}/synchronization/jobs", {"templateId": "dataBricks"})
    assert made["schedule"]["state"] == "Disabled" and where.endswith(made["id"])


async def test_somebody_on_demand_and_in_the_log(graph: Graph, pair: Pair) -> None:
    ada = await pair.user("ada")
    where = await job(graph, pair)

    def body(**subject: Any) -> dict[str, Any]:
        return {"parameters": [{"ruleId": RULE_ID, "subjects": [{"objectTypeName": "User", **subject}]}]}

    status, answer = await graph.ask("POST", f"{where}/provisionOnDemand", body(objectId=str(ada)))
    assert status == 200
    assert json.loads(answer["key"]) == {"result": "Success", "details": {}}
    value = json.loads(answer["value"])
    assert value["action"] == "Create" and value["statusInfo"]["status"] == "Success"
    assert [step["type"] for step in value["provisioningSteps"]][-1] == "Export"
    assert {"userName", "active"} <= {pair_["displayName"] for pair_ in value["modifiedProperties"]}
    assert (await pair.account("ada"))["active"]
    again = json.loads((await graph.ask("POST", f"{where}/provisionOnDemand", body(objectId=str(ada))))[1]["key"])
    assert again["result"] == "Skipped" and again["details"]["errorCode"] == "RedundantExport"
    for wrong, code in [
        (body(objectId=str(uuid4())), 404),
        (body(objectId=str(ada), objectTypeName="Device"), 400),
        ({"parameters": [{"ruleId": str(uuid4()), "subjects": []}]}, 400),
        ({"parameters": []}, 400),
        ({"parameters": [{"ruleId": RULE_ID, "subjects": 5}]}, 400),
        (body(objectId=str(ada), links={"members": [5]}), 400),
    ]:
        assert (await graph.refused("POST", f"{where}/provisionOnDemand", wrong))[0] == code
    identity = where.rpartition("/")[2]
    logs = f"/auditLogs/provisioning?$filter=jobid eq '{identity}'"
    (event,) = await graph.all(f"{logs} and provisioningaction eq 'create'")
    assert event["sourceIdentity"] | {"details": {}} == {
        "id": str(ada),
        "displayName": "ada@contoso.com",
        "identityType": "User",
        "details": {},
    }
    assert event["servicePrincipal"] == {"id": str(pair.application), "displayName": "app"}
    assert event["provisioningStatusInfo"] == {"status": "success", "errorInformation": None}
    assert event["targetSystem"]["details"]["ServicePrincipalId"] == str(pair.application)
    for condition, count in [
        ("activityDateTime gt 2020-01-01T00:00:00Z", 1),
        ("activityDateTime lt 2020-01-01T00:00:00Z", 0),
        ("contains(sourceIdentity/displayName,'ADA@')", 1),
        ("servicePrincipal/name eq 'other'", 0),
        (f"changeId eq '{event['changeId']}'", 1),
    ]:
        assert len(await graph.all(f"{logs} and {condition}")) == count, condition
    assert (await graph.refused("GET", "/auditLogs/provisioning?$filter=shoeSize eq '1'"))[0] == 400


async def test_the_log_is_read_page_by_page_and_keeps_what_is_redacted(graph: Graph, pair: Pair) -> None:
    def redacting(document: Any) -> Any:
        changed = copy.deepcopy(document)
        for mapping in changed["synchronizationRules"][0]["objectMappings"]:
            for row in mapping["attributeMappings"]:
                if row["targetAttributeName"] == "displayName" and mapping["sourceObjectName"] == "User":
                    row["source"] = {"expression": "Redact([surname])"}
        return changed

    await pair.mapping(redacting)
    for number in range(5):
        await pair.user(f"p{number}", surname="Lovelace")
    await pair.sync()
    page = await graph.get("/auditLogs/provisioning?$top=2&$orderby=activityDateTime desc&$count=true")
    assert page["@odata.count"] == 5 and len(page["value"]) == 2
    events = await graph.all("/auditLogs/provisioning?$top=2")
    assert len({event["id"] for event in events}) == 5
    assert "Lovelace" not in json.dumps(events)
    assert [event["activityDateTime"] for event in events] == sorted(
        (event["activityDateTime"] for event in events), reverse=True
    )


async def test_what_a_cycle_has_yet_to_do_is_no_event(graph: Graph, pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    ledger = pair.house.ledger(pair.tenant, pair.application)
    cycle = await ledger.begin("incremental", "cycle", (await ledger.job()).generation, 0)
    await ledger.append(cycle, [Planned(1, Change("update", "User", str(ada), "ada@contoso.com", "", 1, USERS))])
    events = await graph.all("/auditLogs/provisioning")
    assert [event["provisioningAction"] for event in events] == ["create"]


def mangled(value: Any) -> Any:
    """As a client that is generated from Graph's description sends back what it read."""
    if isinstance(value, dict):
        kept = {name: mangled(item) for name, item in value.items() if item is not None}
        kept = {name: item for name, item in kept.items() if name not in ("flowTypes", "discoverabilities")}
        return {"@odata.type": "#microsoft.graph.something", **kept}
    return [mangled(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_mappings_come_back_as_they_went(graph: Graph, pair: Pair, method: str) -> None:
    where = f"{await job(graph, pair)}/schema"

    def adding_only(document: Any) -> Any:
        changed = copy.deepcopy(document)
        changed["synchronizationRules"][0]["objectMappings"][0]["flowTypes"] = "Add"
        return changed

    await pair.mapping(adding_only)
    before = (await pair.app()).schema
    shown = await graph.get(where)
    assert {name: value for name, value in shown.items() if name != "@odata.context"} == before
    for body in (shown, mangled(shown), {**mangled(shown), "directories": None}):
        assert await graph.ask(method, where, body) == (204, None)
        assert (await pair.app()).schema == before
    shorter = copy.deepcopy(shown)
    rows = shorter["synchronizationRules"][0]["objectMappings"][1]["attributeMappings"]
    del rows[2]
    assert await graph.ask(method, where, mangled(shorter)) == (204, None)
    kept = (await pair.app()).schema["synchronizationRules"][0]["objectMappings"][1]["attributeMappings"]
    assert kept == rows
    for wrong in ({}, {"synchronizationRules": []}, {"synchronizationRules": 5}, {"synchronizationRules": [1]}):
        assert (await graph.refused(method, where, wrong))[0] == 400, wrong
    for name, value in [("matchingPriority", "first"), ("source", "[mail]"), ("source", {"expression": "Join("})]:
        broken = copy.deepcopy(shown)
        broken["synchronizationRules"][0]["objectMappings"][1]["attributeMappings"][0][name] = value
        assert (await graph.refused(method, where, broken))[0] == 400, value
    nameless = copy.deepcopy(shown)
    nameless["directories"][1]["objects"][0]["attributes"][0]["name"] = None
    assert (await graph.refused(method, where, nameless))[0] == 400
    assert await graph.ask("DELETE", where) == (204, None)
    assert (await pair.app()).schema == template("dataBricks")


async def test_what_the_mappings_are_made_of(graph: Graph, pair: Pair) -> None:
    where = f"{await job(graph, pair)}/schema"
    (made,) = await graph.all(f"{sp(pair)}/synchronization/templates")
    assert made["id"] == "dataBricks" and UUID(made["applicationId"]) and made["schema"] == template("dataBricks")
    assert (await graph.get(f"{sp(pair)}/synchronization/templates/dataBricks"))["default"] is True
    assert (await graph.get(f"{sp(pair)}/synchronization/templates/dataBricks/schema"))["id"] == "dataBricks"
    assert (await graph.refused("GET", f"{sp(pair)}/synchronization/templates/scim"))[0] == 404
    of_template = f"{sp(pair)}/synchronization/templates/dataBricks/schema"
    for words in ("functions()", "filterOperators()"):
        assert await graph.all(f"{of_template}/{words}") == await graph.all(f"{where}/{words}")
    _, answer = await graph.ask("POST", f"{of_template}/parseExpression", {"expression": "ToUpper([mail])"})
    assert answer["parsedExpression"]["name"] == "ToUpper"
    assert (await graph.refused("GET", f"{of_template.replace('dataBricks', 'scim')}/functions"))[0] == 404
    assert await graph.ask("GET", f"{sp(pair)}/synchronization/secrets/$count") == (200, "2")
    (join,) = [item for item in await graph.all(f"{where}/functions()") if item["name"] == "Join"]
    assert join["parameters"][-1]["allowMultipleOccurrences"] is True
    operators = {item["name"]: item["arity"] for item in await graph.all(f"{where}/filterOperators()?$top=100")}
    assert (operators["IS NULL"], operators["EQUALS"]) == ("Unary", "Binary")
    source, target = await graph.all(f"{where}/directories")
    assert source["name"] == "Azure Active Directory"
    assert (await graph.get(f"{where}/directories/{target['id']}"))["name"] == "dataBricks"
    status, found = await graph.ask("POST", f"{where}/directories/{target['id']}/discover")
    assert status == 200 and len(found["objects"][0]["attributes"]) >= len(target["objects"][0]["attributes"])
    tested = {"definition": None, "properties": [{"key": "givenName", "value": "Ada"}]}
    parsed = {"expression": 'Join("-", [givenName], "x")', "testInputObject": tested, "targetAttributeDefinition": None}
    _, answer = await graph.ask("POST", f"{where}/parseExpression", parsed)
    assert (answer["parsingSucceeded"], answer["evaluationResult"]) == (True, ["Ada-x"])
    assert answer["parsedExpression"]["name"] == "Join"
    _, answer = await graph.ask("POST", f"{where}/parseExpression", {"expression": "Join("})
    assert (answer["parsingSucceeded"], answer["error"]["code"]) == (False, "InvalidExpression")


async def test_the_same_stands_under_the_application_object(graph: Graph, pair: Pair) -> None:
    application = next(item for item in await graph.all("/applications") if item["displayName"] == "app")
    (found,) = await graph.all(f"/applications/{application['id']}/synchronization/jobs")
    where = f"/applications/{application['id']}/synchronization/jobs/{found['id']}/schema"
    assert (await graph.get(where))["synchronizationRules"][0]["id"] == RULE_ID
    app_id = application["appId"]
    assert len(await graph.all(f"/servicePrincipals(appId='{app_id}')/synchronization/jobs")) == 1
