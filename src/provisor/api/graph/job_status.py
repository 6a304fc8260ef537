"""A job as it stands, in Graph's words: its schedule, how its last cycles went, and why it is in quarantine."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from provisor.api.graph.call import Call
from provisor.api.graph.identifiers import job_id
from provisor.api.graph.names import moment
from provisor.directory.applications import Application
from provisor.provisioning.schedules import EVENT, every
from provisor.provisioning.schema import object_mapping
from provisor.storage.pool import Row
from provisor.sync.history import History, Statistics
from provisor.sync.records import JobState
from provisor.sync.schedule import QUARANTINED

_NEVER: Final = "0001-01-01T00:00:00Z"
#: Cycles among which the last one that went through is looked for.
_PAST: Final = 20
#: What the guard's sentence begins with, and no other reason of a quarantine.
_GUARD: Final = "The guard against accidental deletion"
#: Actions that are exports.
_EXPORTS: Final = frozenset({"create", "update", "disable", "delete"})


async def shown(call: Call, app: Application) -> dict[str, Any]:
    """A synchronizationJob. Its schedule is always there: clients read its state without asking whether it is."""
    ledger = call.house.ledger(call.tenant, app.id)
    job, cycles = await ledger.job(), await ledger.cycles(_PAST, "cycle")
    statistics = await History(call.database, call.tenant.id, app.id).statistics()
    minutes = call.house.settings.cycle_minutes
    schedule = app.policies.schedule
    interval = (every(schedule) if schedule != EVENT else None) or timedelta(minutes=minutes)
    return {
        "id": job_id(app.template, call.tenant, app.id),
        "templateId": app.template,
        "schedule": {
            "expiration": None,
            "interval": _duration(interval),
            "state": "Active" if app.provisioning == "On" else "Disabled",
        },
        "status": _status(app, job, cycles, statistics),
        "synchronizationJobSettings": [],
        "bulkUpload": None,
    }


def _status(app: Application, job: JobState, cycles: list[Row], statistics: Statistics) -> dict[str, Any]:
    ended = [row for row in cycles if row["status"] != "running"]
    through = [row for row in ended if row["status"] == "done"]
    exported = [row for row in through if row["done"]]
    first = moment(through[-1]["ended"]) if through else _NEVER
    return {
        "code": _code(app, job, ended),
        "countSuccessiveCompleteFailures": job.refused,
        "escrowsPruned": False,
        "lastExecution": _execution(ended[0], statistics) if ended else None,
        "lastSuccessfulExecution": _execution(through[0], None) if through else None,
        "lastSuccessfulExecutionWithExports": _execution(exported[0], None) if exported else None,
        "progress": _progress(cycles),
        "quarantine": _quarantine(job, ended) if job.quarantine is not None else None,
        "steadyStateFirstAchievedTime": first if not job.initial else _NEVER,
        "steadyStateLastAchievedTime": moment(through[0]["ended"]) if through else _NEVER,
        "synchronizedEntryCountByType": [
            {"key": f"{kind} to {object_mapping(app.schema, kind).get('targetObjectName')}", "value": count}
            for kind, count in sorted(statistics.linked.items())
        ],
        "troubleshootingUrl": None,
    }


def _code(app: Application, job: JobState, ended: list[Row]) -> str:
    if not app.connected:
        return "NotConfigured"
    if app.provisioning == "Off":
        return "Paused" if ended else "NotRun"
    if job.quarantine is not None:
        return "Quarantine"
    return "Active" if ended else "NotRun"


def _execution(row: Row, statistics: Statistics | None) -> dict[str, Any]:
    """One cycle; with ``statistics`` the last one, of which it is known whether objects still fail."""
    counts = row["counts"]
    failing = counts.get("refuse", 0) + (statistics.failing if statistics else 0)
    done = sum(count for action, count in counts.items() if action in _EXPORTS)
    state = "Failed" if row["status"] != "done" else "EntryLevelErrors" if failing else "Succeeded"
    return {
        "activityIdentifier": str(row["id"]),
        "countEntitled": sum(counts.values()),
        "countEntitledForProvisioning": sum(counts.values()),
        "countEscrowed": failing,
        "countEscrowedRaw": failing,
        "countExported": row["done"],
        "countExports": done,
        "countImported": row["planned"],
        "countImportedDeltas": row["planned"],
        "countImportedReferenceDeltas": 0,
        "state": state,
        "error": _error(row["error"]) if row["error"] else None,
        "timeBegan": moment(row["started"]),
        "timeEnded": moment(row["ended"]),
    }


def _progress(cycles: list[Row]) -> list[dict[str, Any]]:
    return [
        {
            "completedUnits": row["done"],
            "totalUnits": row["planned"],
            "units": "objects",
            "progressObservationDateTime": moment(row["started"]),
        }
        for row in cycles[:1]
        if row["status"] == "running"
    ]


def _quarantine(job: JobState, ended: list[Row]) -> dict[str, Any]:
    wait = QUARANTINED[min(max(job.refused, 1), len(QUARANTINED)) - 1]
    refused = [row for row in ended[: max(job.refused, 1)] if row["status"] != "done"]
    began = moment(refused[0]["started"]) if refused else None
    return {
        "currentBegan": began,
        "nextAttempt": moment(job.last_cycle + timedelta(seconds=wait)) if job.last_cycle is not None else None,
        "seriesBegan": moment(refused[-1]["started"]) if refused else began,
        "seriesCount": job.refused,
        "reason": _reason(str(job.quarantine)),
        "error": _error(str(job.quarantine)),
    }


def _reason(sentence: str) -> str:
    return "TooManyDeletes" if sentence.startswith(_GUARD) else "EncounteredQuarantineException"


def _error(sentence: str) -> dict[str, Any]:
    credentials = "answered 401" in sentence or "answered 403" in sentence
    code = "SystemForCrossDomainIdentityManagementInvalidCredentials" if credentials else "QuarantineException"
    return {"code": code, "message": sentence, "tenantActionable": True}


def _duration(interval: timedelta) -> str:
    seconds = int(interval.total_seconds())
    return f"PT{seconds // 60}M" if seconds % 60 == 0 else f"PT{seconds}S"
