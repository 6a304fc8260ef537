"""*Provision on demand*: one user or group, now, and what came of it step by step, as the two texts that Graph has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from provisor.api.graph.call import Answer, Call, identity
from provisor.api.graph.identifiers import job_id
from provisor.api.graph.jobs import found
from provisor.api.graph.provisioning_log import shown
from provisor.connectors.base import TargetError
from provisor.directory import groups, users
from provisor.directory.applications import Application
from provisor.refusal import Invalid
from provisor.storage.pool import Row
from provisor.sync import control
from provisor.sync.cycle import Asked
from provisor.sync.planning import Only

_MOST: Final = 5
_KINDS: Final = {"user": "User", "group": "Group", "worker": "User"}


async def provision(call: Call) -> Answer:
    app = await found(call, "provisioning.run")
    only, first = await _only(call, app)
    if not app.connected:
        raise Invalid(f"{app.name} has no target to provision to yet: put BaseAddress and SecretToken first.")
    asked = Asked(only=only)
    if asked.order is not None:
        async with call.edit() as work:
            await control.ordered(work, app, *asked.order)
    try:
        result = await call.house.cycle(call.tenant, app.id, lambda stage, done, total: None, asked, adopt=True)
    except TargetError as error:
        raise Invalid(f"Nothing was provisioned: {error}") from None
    if result.status != "done":
        raise Invalid(f"Nothing was provisioned: {result.error}")
    ledger = call.house.ledger(call.tenant, app.id)
    rows = await ledger.log(cycle=result.cycle.number, sources=[UUID(first)], limit=100)
    return _answer(call, app, rows, first)


async def _only(call: Call, app: Application) -> tuple[Only, str]:
    """Whom the body names, and who is the first of them. Raises Invalid, and NotFound for somebody who is not there."""
    subjects, members = _subjects(call.given.get("parameters"), app)
    people: list[str] = []
    rooms: list[str] = []
    async with call.database.reading() as tx:
        for kind, key in [*subjects, *members]:
            found_ = await (users if kind == "User" else groups).find(tx, call.tenant, str(identity(key, kind.lower())))
            (people if kind == "User" else rooms).append(str(found_.id))
    if rooms:
        chosen = frozenset(people) if members else None
        return Only(users=tuple(people), groups=tuple(rooms), members=chosen), rooms[0]
    return Only(users=tuple(people)), people[0]


def _subjects(parameters: Any, app: Application) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Kind and id of those that are asked for, and of the members of a group that its links name."""
    rules = {str(rule.get("id")) for rule in app.schema.get("synchronizationRules") or ()}
    subjects, members = [], []
    for parameter in parameters if isinstance(parameters, list) else []:
        if not isinstance(parameter, dict) or str(parameter.get("ruleId")).lower() not in rules:
            raise Invalid(f"ruleId must be that of the synchronization rule: {', '.join(sorted(rules))}.")
        for subject in _list(parameter.get("subjects")):
            subjects.append(_subject(subject))
            links = subject.get("links")
            members += [_subject(item) for item in _list(links.get("members") if isinstance(links, dict) else None)]
    if not 1 <= len(subjects) <= _MOST:
        raise Invalid(f"parameters must name 1 to {_MOST} subjects, each with objectId and objectTypeName.")
    return subjects, members


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _subject(value: Any) -> tuple[str, str]:
    kind = _KINDS.get(str(value.get("objectTypeName")).lower()) if isinstance(value, dict) else None
    if kind is None or not isinstance(value.get("objectId"), str):
        raise Invalid("A subject has an objectId, and User or Group as objectTypeName.")
    return kind, value["objectId"]


def _answer(call: Call, app: Application, rows: list[Row], first: str) -> Answer:
    events = [shown(row, app.name, app.template, call.tenant) for row in rows]
    key: dict[str, Any] = {"result": "Skipped", "details": {}}
    value: dict[str, Any] = {"action": "Other", "provisioningSteps": [], "modifiedProperties": []}
    if events:
        event = events[0]
        key, value = _key(event), _value(event)
        value["modifiedProperties"] = [pair for item in events for pair in item["modifiedProperties"]]
    value["jobId"] = job_id(app.template, call.tenant, app.id)
    value["reportableIdentifier"] = value.get("reportableIdentifier") or first
    context = call.context("microsoft.graph.stringKeyStringValuePair")
    return Answer(body={"@odata.context": context, "key": json.dumps(key), "value": json.dumps(value)})


def _key(event: Mapping[str, Any]) -> dict[str, Any]:
    status = event["provisioningStatusInfo"]
    error = status["errorInformation"]
    result = {"success": "Success", "failure": "Failure"}.get(status["status"], "Skipped")
    details = {"errorCode": error["errorCode"], "errorMessage": error["reason"]} if error else {}
    if result == "Skipped" and event["provisioningSteps"]:
        details = {"errorCode": "RedundantExport", "errorMessage": event["provisioningSteps"][-1]["description"]}
    return {"result": result, "details": details}


def _value(event: Mapping[str, Any]) -> dict[str, Any]:
    """The same event as in the log, with the words that this call has for it."""
    status = event["provisioningStatusInfo"]
    error = status["errorInformation"] or dict.fromkeys(
        ("errorCode", "reason", "additionalDetails", "errorCategory", "recommendedAction")
    )
    return {
        "action": str(event["provisioningAction"]).title(),
        "changeId": event["changeId"],
        "startTime": event["activityDateTime"],
        "endTime": event["activityDateTime"],
        "reportableIdentifier": event["sourceIdentity"]["displayName"],
        "modifiedProperties": event["modifiedProperties"],
        "provisioningSteps": [
            {
                "name": step["name"],
                "type": str(step["provisioningStepType"])[:1].upper() + str(step["provisioningStepType"])[1:],
                "status": str(step["status"]).title(),
                "description": step["description"],
                "timestamp": event["activityDateTime"],
                "details": step["details"],
            }
            for step in event["provisioningSteps"]
        ],
        "statusInfo": {"status": str(status["status"]).title(), **error},
        "sourceIdentity": _renamed(event["sourceIdentity"]),
        "targetIdentity": _renamed(event["targetIdentity"]),
        "sourceSystem": _system(event["sourceSystem"]),
        "targetSystem": _system(event["targetSystem"]),
    }


def _renamed(who: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": who["id"], "type": who["identityType"], "displayName": who["displayName"], "details": who["details"]}


def _system(which: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": which["id"], "name": which["displayName"], "details": which["details"]}
