"""All that a target has, against what its application knows: accounts of nobody, and several that look alike.

Beside a full comparison this is the other half of drift: not what differs, but who is there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from provisor.connectors.base import Resource
from provisor.provisioning.capabilities import PAGE
from provisor.provisioning.schema import OBJECT_TYPES, ObjectRules
from provisor.scim.resource import value_at
from provisor.sync.job import Job


@dataclass(frozen=True, slots=True)
class Stranger:
    """An account or group that is no link of this application."""

    object_type: str
    id: str
    name: str
    active: bool


@dataclass(frozen=True, slots=True)
class Alike:
    """Several accounts with one value where the mappings match."""

    object_type: str
    path: str
    value: str
    ids: tuple[str, ...]


@dataclass(slots=True)
class Survey:
    counted: dict[str, int] = field(default_factory=dict)
    strangers: list[Stranger] = field(default_factory=list)
    alike: list[Alike] = field(default_factory=list)


async def survey(job: Job) -> Survey:
    """Read the whole target. Raises TargetError."""
    found = Survey()
    for object_type in OBJECT_TYPES:
        rules = job.rules.of(object_type)
        if rules.enabled:
            await _of(job, rules, found)
    return found


async def _of(job: Job, rules: ObjectRules, found: Survey) -> None:
    kind, count = rules.object_type, 0
    seen: dict[tuple[str, str], list[str]] = {}
    async for page in _pages(job, kind):
        count += len(page)
        ids = [str(item["id"]) for item in page]
        ours = await job.ledger.holders(kind, ids)
        found.strangers += [_stranger(kind, item) for item in page if str(item["id"]) not in ours]
        for item in page:
            for rule in rules.matching:
                value = value_at(item, rule.target.name)
                if isinstance(value, str) and value and rule.target.name != "id":
                    seen.setdefault((rule.target.name, value.casefold()), []).append(str(item["id"]))
    found.counted[kind] = count
    found.alike += [Alike(kind, path, value, tuple(ids)) for (path, value), ids in seen.items() if len(ids) > 1]


def _stranger(kind: str, item: Resource) -> Stranger:
    name: Any = item.get("userName") or item.get("displayName") or item["id"]
    return Stranger(kind, str(item["id"]), str(name), item.get("active") is not False)


async def _pages(job: Job, object_type: str) -> AsyncIterator[list[Resource]]:
    start, total = 1, 1
    while start <= total:
        page = await job.target.page(object_type, start, PAGE)
        if not page.resources:
            return
        yield list(page.resources)
        start, total = start + len(page.resources), page.total
