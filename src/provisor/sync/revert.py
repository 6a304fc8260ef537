"""Undoing a cycle: what it did, the other way round, from the values before that its log has kept.

Only what is still as that cycle left it is undone; what a later cycle changed again is refused and named. What was
deleted for good is gone. The plan goes through guard, approval and log like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from provisor.connectors.base import SourceChange
from provisor.provisioning.change import (
    ADDITIONS,
    GONE_GROUPS,
    GROUPS,
    LEAVERS,
    REFERENCES,
    REMOVALS,
    USERS,
    Change,
    Known,
)
from provisor.provisioning.decide import spare_the_owner
from provisor.provisioning.schema import OBJECT_TYPES
from provisor.refusal import NotFound
from provisor.sync.planning import Planning
from provisor.sync.records import change_from

_MEMBERS: Final = {"add members": ("remove members", REMOVALS), "remove members": ("add members", ADDITIONS)}
_MOST: Final = 1_000_000


async def plan_revert(planning: Planning, number: int) -> None:
    """Plan to undo cycle ``number``. Raises NotFound when the log has none."""
    job = planning.job
    rows = await job.ledger.log(cycle=number, limit=_MOST)
    if not rows:
        raise NotFound(
            f"The log has no cycle {number} that did something: provisor log {job.name} lists what there is."
        )
    # Backwards: what was done last is undone first.
    done = [change_from(row) for row in reversed(rows) if row["status"] == "success"]
    ids = sorted({change.source_id for change in done})
    known = await job.ledger.known([*ids, *{member for change in done for member in change.members}])
    applied = await job.ledger.applied(ids)
    missing = [change for change in done if change.source_id not in known]
    if missing and planning.cycle.mode == "cycle":
        changes = [
            SourceChange(item.source_id, kind, job.as_of)
            for kind in OBJECT_TYPES
            for item in missing
            if item.object_type == kind
        ]
        await job.ledger.mark(changes, watermark=None)
    # What waits to be done for somebody is not done by undoing something else: they are left for the next cycle.
    undone = [
        _spared(planning, _undone(change, known, applied.get(change.source_id) or job.as_of), known) for change in done
    ]
    by_type: dict[str, list[Change]] = {}
    for change in undone:
        if change is not None:
            by_type.setdefault(change.object_type, []).append(change)
    for object_type, changes_of in by_type.items():
        await planning.accept(changes_of, job.rules.of(object_type))


def _spared(planning: Planning, change: Change | None, known: Mapping[str, Known]) -> Change | None:
    """``change``, unless it would take something from the token's owner."""
    capabilities = planning.job.capabilities
    if change is None or capabilities.owner_id is None:
        return change
    if change.action == "remove members":
        owners = [item for item in change.members if item in known and known[item].target_id == capabilities.owner_id]
        if owners:
            return _refuse(replace(change, members=()), f"{capabilities.owner_name} owns the secret token")
    return spare_the_owner(change, capabilities)


def _undone(change: Change, everybody: Mapping[str, Known], seq: int) -> Change | None:
    """The change that undoes ``change``, a refusal, or None when there is nothing to undo."""
    known = everybody.get(change.source_id)
    users = change.object_type == "User"
    base = replace(change.anew("nothing", "", phase=change.phase), seq=seq)
    if change.strangers:
        return _refuse(base, "members that were added at the target are nobody's in the directory")
    if change.action in _MEMBERS:
        action, phase = _MEMBERS[change.action]
        return replace(base, action=action, phase=phase, members=change.members, reason=f"undoes: {change.action}")  # type: ignore[arg-type]
    if change.action == "create":
        if known is None or not known.linked or known.target_id != change.target_id:
            return _refuse(base, "the account that was created is not there any more")
        if any(known.last_applied.get(path) != value for path, value in change.sent.items() if path in change.wanted):
            return _refuse(base, "a later cycle changed it again")
        phase = LEAVERS if users else GONE_GROUPS
        return replace(base, action="delete", phase=phase, target_id=known.target_id, reason="undoes: its creation")
    if change.action == "delete" and known is not None and known.linked:
        return _refuse(base, "it has another account since")
    if change.action == "delete":
        return _recreated(change, base) if not users else _refuse(base, "an account that was deleted is gone for good")
    if change.action not in ("update", "disable", "update references"):
        return None
    if known is None or not known.linked:
        return _refuse(base, "its account is not there any more")
    later = [path for path, (_, after) in change.attributes.items() if known.last_applied.get(path) != after]
    if later:
        return _refuse(base, f"{', '.join(later)} was changed again by a later cycle")
    attributes = {path: (after, before) for path, (before, after) in change.attributes.items()}
    if change.action == "update references":
        reason = "undoes: another manager"
        return replace(base, action="update references", phase=REFERENCES, attributes=attributes, reason=reason)
    wanted = {**known.last_applied, **{path: after for path, (_, after) in attributes.items()}}
    return replace(
        base,
        action="update",
        phase=USERS if users else GROUPS,
        target_id=known.target_id,
        attributes=attributes,
        wanted={path: value for path, value in wanted.items() if value is not None},
        reason=f"undoes: {change.reason}",
    )


def _recreated(change: Change, base: Change) -> Change:
    attributes = {path: (None, before) for path, (before, _) in change.attributes.items() if before is not None}
    if not attributes:
        return _refuse(base, "nothing is known of what the deleted group said")
    wanted = {path: after for path, (_, after) in attributes.items()}
    reason = "undoes: its deletion; its members come with the next cycle in which it is in scope"
    made = replace(base, action="create", phase=GROUPS, target_id=None, reason=reason)
    return replace(made, attributes=attributes, wanted=wanted)


def _refuse(base: Change, why: str) -> Change:
    return replace(base, action="refuse", reason=f"cannot be undone: {why}")
