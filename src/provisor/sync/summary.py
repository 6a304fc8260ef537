"""Rows of the provisioning log as others read them: step by step, as Graph's provisioningObjectSummary, as CSV.

Only shaping: ``history`` and the ledger read the rows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from provisor.provisioning.steps import error_code, steps
from provisor.spreadsheets import cell
from provisor.sync.records import change_from, pairs

#: Graph's provisioningAction, where it is not the action's own name.
_GRAPH_ACTIONS: Final = {"create": "create", "update": "update", "delete": "delete", "disable": "disable"}
COLUMNS: Final = ("cycle", "at", "action", "objectType", "source", "target", "status", "why", "changes")


def why(row: Mapping[str, Any]) -> str:
    """The reason, and what came of it."""
    return "; ".join(dict.fromkeys(part for part in (row["reason"], row["message"]) if part))


def steps_of(row: Mapping[str, Any]) -> list[dict[str, str]]:
    """The steps of a row: ``step`` (its type), ``name``, ``status`` and ``description``."""
    return [
        {"step": step.type, "name": step.name, "status": step.status, "description": step.description}
        for step in steps(change_from(row), row["status"], row["message"])
    ]


def graph(row: Mapping[str, Any], application: str, tenant: str) -> dict[str, Any]:
    """A row as a provisioningObjectSummary (entra.md §7.1)."""
    change = change_from(row)
    code = error_code(change, row["status"], row["message"])
    status = "failure" if code else "skipped" if change.action == "nothing" else row["status"] or "skipped"
    what = {"identityType": change.object_type, "details": {}}
    return {
        "id": f"{row['cycle']}.{row['ordinal']}",
        "activityDateTime": row["at"].isoformat(),
        "tenantId": tenant,
        "jobId": application,
        "cycleId": str(row["cycle"]),
        "changeId": f"{row['cycle']}.{row['ordinal']}",
        "provisioningAction": _GRAPH_ACTIONS.get(change.action, "other"),
        "provisioningStatusInfo": {
            "status": status,
            "errorInformation": {
                "errorCode": code,
                "reason": why(row),
                "additionalDetails": None,
                "errorCategory": "nonServiceFailure",
                "recommendedAction": None,
            }
            if code
            else None,
        },
        "provisioningSteps": [
            {
                "name": step["name"],
                "provisioningStepType": step["step"],
                "status": step["status"],
                "description": step["description"],
                "details": {},
            }
            for step in steps_of(row)
        ],
        "modifiedProperties": [
            {"displayName": path, "oldValue": _text(before), "newValue": _text(after)}
            for path, (before, after) in pairs(row).items()
        ],
        "initiatedBy": {"initiatorType": "system", "displayName": "Provisor"},
        "sourceIdentity": {"id": change.source_id, "displayName": change.source_name, **what},
        "targetIdentity": {"id": change.target_id or "", "displayName": "", **what},
    }


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows under :data:`COLUMNS`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        changes = "; ".join(f"{path}: {_text(old)} -> {_text(new)}" for path, (old, new) in pairs(row).items())
        values = (
            row["number"],
            row["at"].isoformat(),
            row["action"],
            row["object_type"],
            row["source_name"],
            row["target_id"] or "",
            row["status"] or "",
            why(row),
            changes,
        )
        writer.writerow([cell(str(value)) for value in values])
    return out.getvalue()


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
