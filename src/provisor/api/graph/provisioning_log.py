"""``/auditLogs/provisioning``: what was done about whom, of all applications, newest first.

The rows are those of the provisioning log, as ``sync.summary`` shapes them; values that mappings redact stay so. Names
in a filter are read in any letter case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from provisor.api.graph import lists, objects
from provisor.api.graph.call import Answer, Call
from provisor.api.graph.fields import Field, Fields
from provisor.api.graph.identifiers import job_id
from provisor.api.graph.listing import PAGE, counting, listing
from provisor.api.graph.names import moment
from provisor.api.graph.query import Sort
from provisor.directory.applications import app_id
from provisor.directory.edit import Tenant
from provisor.provisioning.templates import SOURCE_DIRECTORY
from provisor.sync import summary

_ID: Final = "c.cycle::text || '.' || c.ordinal::text"
_JOB: Final = "a.template || '.' || replace(a.tenant::text, '-', '') || '.' || a.id::text"
_ACTION: Final = "case when c.action in ('create', 'update', 'delete', 'disable') then c.action else 'other' end"
_STATUS: Final = (
    "case when c.action = 'refuse' or c.status = 'failure' then 'failure' when c.action = 'nothing' then 'skipped' "
    "else coalesce(c.status, 'skipped') end"
)
_TEXTS: Final = {
    "jobId": _JOB,
    "tenantId": "a.tenant::text",
    "cycleId": "c.cycle::text",
    "provisioningAction": _ACTION,
    "provisioningStatusInfo/status": _STATUS,
    "servicePrincipal/id": "a.id::text",
    "servicePrincipal/name": "a.name",
    "servicePrincipal/displayName": "a.name",
    "sourceIdentity/id": "c.source_id::text",
    "sourceIdentity/displayName": "c.source_name",
    "sourceIdentity/identityType": "c.object_type",
    "targetIdentity/id": "coalesce(c.target_id, '')",
    "targetIdentity/identityType": "c.object_type",
    "sourceSystem/displayName": f"'{SOURCE_DIRECTORY}'::text",
    "targetSystem/displayName": "a.name",
    "initiatedBy/displayName": "'Provisor'::text",
    "initiatedBy/initiatorType": "'system'::text",
}
_FIELDS: Final = Fields(
    "provisioning event",
    {
        "id": Field("text", _ID, required=True),
        "changeId": Field("text", _ID, required=True),
        "activityDateTime": Field("moment", "c.at", required=True),
        **{name: Field("text", sql, required=True) for name, sql in _TEXTS.items()},
    },
    searched=("sourceIdentity/displayName",),
)
_COLUMNS: Final = "c.*, y.number, a.id as app, a.name as app_name, a.template as app_template"
_SOURCE: Final = (
    "sync_change c join sync_cycle y on y.tenant = c.tenant and y.application = c.application and y.id = c.cycle "
    "join application a on a.tenant = c.tenant and a.id = c.application "
    # What a cycle has yet to do is no event: it would be another one under the same id later.
    "where c.tenant = $1 and y.mode = 'cycle' and c.status is not null "
    "and (c.action <> 'nothing' or c.status <> 'success')"
)
_NEWEST: Final = (Sort("activityDateTime", descending=True),)


async def listed(call: Call) -> Answer:
    query = call.query if call.query.order else replace(call.query, order=_NEWEST)
    found = listing(query, _FIELDS, _COLUMNS, _SOURCE, call.tenant.id, size=PAGE)
    total = None
    async with call.database.reading() as tx:
        rows, token = found.page(await tx.fetch(found.text, *found.values))
        if query.counted:
            text, values = counting(query, _FIELDS, _SOURCE, call.tenant.id)
            total = int(await tx.fetchval(text, *values))
    events = [shown(row, row["app_name"], row["app_template"], call.tenant) for row in rows]
    value = [objects.selected(call, event, None) for event in events]
    return lists.answer(call, "auditLogs/provisioning", value, token, total)


def shown(row: Mapping[str, Any], name: str, template: str, tenant: Tenant) -> dict[str, Any]:
    """A row of the log as a provisioningObjectSummary."""
    app = row["application"]
    event = summary.graph(row, job_id(template, tenant, app), str(tenant.id))
    details = {
        "ApplicationId": str(app_id(app)),
        "ServicePrincipalId": str(app),
        "ServicePrincipalDisplayName": name,
    }
    return {
        **event,
        "activityDateTime": moment(row["at"]),
        "durationInMilliseconds": 0,
        "initiatedBy": {"id": "", **event["initiatedBy"]},
        "servicePrincipal": {"id": str(app), "displayName": name},
        "sourceSystem": {"id": str(tenant.id), "displayName": SOURCE_DIRECTORY, "details": {}},
        "targetSystem": {"id": str(app), "displayName": name, "details": details},
    }
