"""``/auditLogs/signIns``: the sign-in log, newest first, with the policies that applied and how each has fared.

Error codes are Entra ID's for what the log knows: a policy that blocked, more that was asked for, or wrong credentials.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from provisor.api.graph import lists, objects
from provisor.api.graph.call import Answer, Call
from provisor.api.graph.fields import Field, Fields
from provisor.api.graph.listing import PAGE, counting, listing
from provisor.api.graph.names import moment
from provisor.api.graph.query import Sort
from provisor.directory.sign_in_log import INTERRUPTED, SUCCESS

#: What Entra ID says of these ends of a sign-in (AADSTS…).
BLOCKED, MORE_ASKED, WRONG = 53003, 50074, 50126
_RESULTS: Final = {"success": "success", "interrupted": "failure", "failure": "failure"}
_WATCHED: Final = {
    "success": "reportOnlySuccess",
    "interrupted": "reportOnlyInterrupted",
    "failure": "reportOnlyFailure",
}
_FIELDS: Final = Fields(
    "sign-in",
    {
        "id": Field("text", "s.id::text", required=True),
        "createdDateTime": Field("moment", "s.at", required=True),
        "userPrincipalName": Field("text", "s.upn", required=True),
        "userId": Field("text", "coalesce(s.user_id::text, '')", required=True),
        "appId": Field("text", "s.resource", required=True),
        "appDisplayName": Field("text", "s.resource_name", required=True),
        "ipAddress": Field("text", "s.address", required=True),
    },
    searched=("userPrincipalName",),
)
_SOURCE: Final = "sign_in s where s.tenant = $1"
_NEWEST: Final = (Sort("createdDateTime", descending=True),)


async def listed(call: Call) -> Answer:
    query = call.query if call.query.order else replace(call.query, order=_NEWEST)
    found = listing(query, _FIELDS, "s.*", _SOURCE, call.tenant.id, size=PAGE)
    total = None
    async with call.database.reading() as tx:
        rows, token = found.page(await tx.fetch(found.text, *found.values))
        if query.counted:
            text, values = counting(query, _FIELDS, _SOURCE, call.tenant.id)
            total = int(await tx.fetchval(text, *values))
    value = [objects.selected(call, shown(row), None) for row in rows]
    return lists.answer(call, "auditLogs/signIns", value, token, total)


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the log as a signIn."""
    enforced = [item["result"] for item in row["policies"] if not item["report_only"]]
    failed = any(result != "success" for result in enforced)
    code = 0
    if row["outcome"] != SUCCESS:
        code = MORE_ASKED if row["outcome"] == INTERRUPTED else BLOCKED if "failure" in enforced else WRONG
    return {
        "id": str(row["id"]),
        "createdDateTime": moment(row["at"]),
        "userPrincipalName": row["upn"],
        "userId": str(row["user_id"] or ""),
        "appId": row["resource"],
        "appDisplayName": row["resource_name"],
        "resourceId": row["resource"],
        "resourceDisplayName": row["resource_name"],
        "ipAddress": row["address"],
        "clientAppUsed": "Browser",
        "isInteractive": True,
        "conditionalAccessStatus": "notApplied" if not enforced else "failure" if failed else "success",
        "status": {"errorCode": code, "failureReason": row["reason"] or None, "additionalDetails": None},
        "appliedConditionalAccessPolicies": [
            {
                "id": item["id"],
                "displayName": item["name"],
                "result": (_WATCHED if item["report_only"] else _RESULTS)[item["result"]],
            }
            for item in row["policies"]
        ],
    }
