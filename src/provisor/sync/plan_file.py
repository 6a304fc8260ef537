"""A plan as a document: what somebody reads, keeps, approves, and hands to ``apply``, which does exactly that.

Applying plans once more and compares hashes: nothing is sent unless source and target still lead to the same plan. So
the document needs no secret and can do no more than the plan that it names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from provisor.provisioning.change import Change, shown
from provisor.refusal import Invalid
from provisor.sync.cycle import Result
from provisor.sync.job import Job
from provisor.sync.ledger import Ledger
from provisor.sync.records import Cycle

FORMAT: Final = 1
PAGE: Final = 500
#: Requests a second that a SCIM server is expected to take (entra.md §6.6).
REQUESTS_PER_SECOND: Final = 25
#: Differences that are named when a plan is not what it was.
NAMED: Final = 3


async def changes(ledger: Ledger, cycle: Cycle, *, whole: bool = False) -> list[dict[str, Any]]:
    """The rows of a plan that say that something is done or refused: in the order in which it is done, then by name.

    ``whole``: with ids and members, as a document has them.
    """
    found = []
    async for page in ledger.planned(cycle, PAGE):
        found += [_row(row.change, whole=whole) for row in page if row.change.action != "nothing"]
    order: dict[tuple[str, str], int] = {}
    for item in found:
        order.setdefault((item["action"], item["objectType"]), len(order))
    found.sort(key=lambda item: (order[item["action"], item["objectType"]], item["source"].casefold()))
    return found


def _row(change: Change, *, whole: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "action": change.action,
        "objectType": change.object_type,
        "source": change.source_name,
        "target": change.target_id,
        "reason": change.reason,
        "attributes": _pairs(change, change.attributes),
        "members": len(change.members) + len(change.strangers),
    }
    if not whole:
        return row
    return {
        **row,
        "sourceId": change.source_id,
        "members": list(change.members),
        "strangers": list(change.strangers),
        "kept": _pairs(change, change.kept),
        "adopts": change.adopts,
    }


def _pairs(change: Change, pairs: Mapping[str, tuple[Any, Any]]) -> dict[str, dict[str, Any]]:
    return {
        path: {"before": shown(change.redacted, path, before), "after": shown(change.redacted, path, after)}
        for path, (before, after) in pairs.items()
    }


async def document(job: Job, result: Result, *, adopt: bool, revert: int | None = None) -> dict[str, Any]:
    """The plan that a dry run of ``job`` has made. ``adopt``: it merges accounts that were there before, whatever the
    policy; ``revert``: the cycle that it undoes."""
    made: dict[str, Any] = {
        "provisorPlan": FORMAT,
        "application": job.name,
        "applicationId": job.application,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "kind": result.cycle.kind,
        "hash": result.hash,
        "adopt": adopt,
        "revert": revert,
        "counts": dict(result.kinds),
        "requests": result.requests,
        "seconds": seconds(result.requests),
        "guard": {"percent": job.guard.percent, "most": job.guard.most, "holds": result.held},
        "changes": await changes(job.ledger, result.cycle, whole=True),
    }
    return {**made, "seal": _seal(made)}


def _seal(value: Mapping[str, Any]) -> str:
    """A document's hash, by which an edit is noticed: whoever approves must see what is done."""
    rest = {name: item for name, item in value.items() if name != "seal"}
    return hashlib.sha256(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)).hexdigest()


def seconds(requests: int) -> int:
    """How long so many requests take at what a SCIM server is expected to bear."""
    return -(-requests // REQUESTS_PER_SECOND)


def read(value: Any, application: str, name: str) -> Mapping[str, Any]:
    """A document that says what to apply to the application with this id. Raises Invalid."""
    if not isinstance(value, Mapping) or value.get("provisorPlan") != FORMAT:
        raise Invalid("This is no plan: provisor plan NAME -o FILE writes one.")
    if value.get("seal") != _seal(value):
        raise Invalid("This plan was changed after it was made: make it again with provisor plan NAME -o FILE.")
    if value.get("applicationId") != application:
        raise Invalid(f"This is a plan of another application than {name}, though it has its name.")
    return value


def moved(promised: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[str]:
    """How what would be done now differs from what was promised: a sentence each, at most :data:`NAMED`."""
    before, after = ({_key(item): item for item in rows} for rows in (promised, now))
    found = [f"{_named(item)} is not planned any more" for key, item in before.items() if key not in after]
    found += [f"{_named(item)} was not planned" for key, item in after.items() if key not in before]
    found += [
        f"{_named(item)} is planned otherwise"
        for key, item in after.items()
        if key in before and any(before[key].get(part) != item[part] for part in _COMPARED)
    ]
    return found[:NAMED] + ([f"and {len(found) - NAMED} more"] if len(found) > NAMED else [])


_COMPARED: Final = ("attributes", "members", "strangers", "target", "adopts")


def _key(item: Mapping[str, Any]) -> tuple[Any, ...]:
    return item.get("action"), item.get("objectType"), item.get("sourceId")


def _named(item: Mapping[str, Any]) -> str:
    return f"{item.get('action')} {item.get('source')}"
