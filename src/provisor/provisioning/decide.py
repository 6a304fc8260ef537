"""One object, one Change, one reason.

The table of entra.md's decision rules for users and groups, as a pure function of what the directory says (source and
scope), what the ledger knows (link, what was applied), and what the target answered (match or snapshot). Where the
answer of the target is missing nothing is decided to be absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from provisor.provisioning.capabilities import Capabilities
from provisor.provisioning.diff import Difference, differences
from provisor.provisioning.map import Desired
from provisor.provisioning.match import Match
from provisor.provisioning.schema import ObjectRules
from provisor.provisioning.scope import Scope, SourceObject
from provisor.scim.resource import value_at

Action = Literal[
    "create",
    "update",
    "link",
    "disable",
    "delete",
    "unlink",
    "removed",
    "add members",
    "remove members",
    "update references",
    "nothing",
    "refuse",
]
#: The order in which a cycle does things: whoever leaves first, accounts before groups, objects before references.
LEAVERS, USERS, GROUPS, REMOVALS, ADDITIONS, REFERENCES, GONE_GROUPS = range(1, 8)
#: How often a promised account of a leaver is looked for before it counts as never made.
LOOKS: Final = 6
#: Groups of a Databricks workspace whose members have rights by being members.
RESERVED_GROUPS: Final = frozenset({"admins", "users", "account users"})


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of one source object for one application."""

    source_id: str
    object_type: str
    state: Literal["none", "linked", "disabled", "removed"] = "none"
    target_id: str | None = None
    adopted: bool = False
    intent: Mapping[str, Any] | None = None
    last_applied: Mapping[str, Any] = field(default_factory=dict)
    kept: Mapping[str, Any] = field(default_factory=dict)
    failures: int = 0
    error: str | None = None

    @property
    def linked(self) -> bool:
        return self.target_id is not None and self.state in ("linked", "disabled")


@dataclass(frozen=True, slots=True)
class Change:
    """What a cycle does about one object. ``attributes`` and ``kept``: target path → (before, after or wanted).

    ``wanted`` is all that the account should say, of which ``attributes`` is what it does not say yet.
    ``members`` are source ids; ``adopts`` marks an account that existed before and becomes this object's; ``retry``
    marks a refusal that the target or another object may mend, so that a later cycle decides again.
    """

    action: Action
    object_type: str
    source_id: str
    source_name: str
    reason: str
    seq: int
    phase: int
    target_id: str | None = None
    attributes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    kept: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    wanted: Mapping[str, Any] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    adopts: bool = False
    retry: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the target said: the match of an object without a link, or the account of one with a link.

    ``snapshot``: the account as read in this cycle; ``gone``: the target, asked for it by id, said that it is not
    there.
    """

    match: Match | None = None
    snapshot: Mapping[str, Any] | None = None
    gone: bool = False


def decide(
    known: Known,
    source: SourceObject | None,
    rules: ObjectRules,
    scope: Scope,
    desired: Desired,
    answer: Answer,
    capabilities: Capabilities,
    *,
    seq: int,
) -> Change:
    """The change for one object. ``source`` None: it was deleted in the directory for good."""
    user = rules.object_type == "User"
    base = Change(
        action="nothing",
        object_type=rules.object_type,
        source_id=known.source_id,
        source_name=source.name if source else str(known.last_applied.get(_name_of(rules)) or known.source_id),
        reason="",
        seq=seq,
        phase=USERS if user else GROUPS,
        target_id=known.target_id if known.linked else None,
    )
    lost, known = known.intent is not None and not known.linked, _after_lost_create(known, answer)
    if answer.gone and known.linked:
        return replace(
            base, action="removed", reason="was removed at the target; it is not created again until it is allowed"
        )
    if source is None:
        change = _deleted(base, known, rules)
    elif not scope.inside:
        change = _outside(base, known, rules, scope, desired, answer, capabilities)
    else:
        change = _inside(base, known, rules, scope, desired, answer, capabilities)
    if lost and change.action == "nothing":
        change = _resolve(change, known)
    return _spare_the_owner(change, capabilities)


def _resolve(change: Change, known: Known) -> Change:
    """A create whose answer was lost, of somebody for whom there is nothing else to do.

    An account that is found is linked, or nobody would ever look after it. One that is not found may yet appear in the
    target's search, so a leaver is looked for again and again before the promise is given up.
    """
    if known.linked:
        wanted = change.wanted or known.last_applied
        reason = f"the account that was promised is there, and {change.reason}"
        return replace(change, action="link", target_id=known.target_id, wanted=wanted, reason=reason)
    if known.failures < LOOKS:
        reason = (
            f"{change.reason}; the create that was promised before has no answer, so the account is looked for again"
        )
        return replace(change, retry=True, reason=reason)
    return change


def _after_lost_create(known: Known, answer: Answer) -> Known:
    """A create that was promised, and an account that matches it: that account is ours."""
    match = answer.match
    if known.intent is None or known.linked or match is None or match.resource is None:
        return known
    return replace(known, state="linked", target_id=str(match.resource["id"]), last_applied=known.intent)


def _deleted(base: Change, known: Known, rules: ObjectRules) -> Change:
    gone = "was deleted from the directory for good"
    if not known.linked:
        return replace(base, reason=f"{gone} and has no account")
    if "Delete" not in rules.flow:
        return replace(base, reason=f"{gone}, and the object mapping does not delete")
    if known.adopted and rules.object_type == "Group":
        return _unlink(base, known, gone)
    phase = LEAVERS if rules.object_type == "User" else GONE_GROUPS
    return replace(base, action="delete", reason=gone, phase=phase, target_id=known.target_id)


def _outside(
    base: Change,
    known: Known,
    rules: ObjectRules,
    scope: Scope,
    desired: Desired,
    answer: Answer,
    capabilities: Capabilities,
) -> Change:
    if not known.linked:
        return replace(base, reason=scope.reason)
    if rules.object_type == "Group":
        if "Delete" not in rules.flow:
            return replace(base, reason=f"{scope.reason}, and the object mapping does not delete")
        if known.adopted:
            return _unlink(base, known, scope.reason)
        return replace(base, action="delete", reason=scope.reason, phase=GONE_GROUPS, target_id=known.target_id)
    leaving = [rule for rule in rules.values if rule.reads_soft_deletion]
    if not leaving or "Update" not in rules.flow:
        return replace(base, reason=f"{scope.reason}, but no mapping reads IsSoftDeleted: nothing disables the account")
    wanted = Desired({rule.target.name: desired.attributes.get(rule.target.name) for rule in leaving})
    found = _compare(rules, wanted, known, answer, capabilities)
    if not found.changes:
        return replace(base, reason=f"{scope.reason} and is disabled already")
    return replace(
        base,
        action="disable",
        reason=scope.reason,
        phase=LEAVERS,
        target_id=known.target_id,
        attributes=found.changes,
    )


def _unlink(base: Change, known: Known, reason: str) -> Change:
    return replace(
        base,
        action="unlink",
        reason=f"{reason}; the group was there before, so it stays, without the members that were added",
        phase=GONE_GROUPS,
        target_id=known.target_id,
    )


def _inside(
    base: Change,
    known: Known,
    rules: ObjectRules,
    scope: Scope,
    desired: Desired,
    answer: Answer,
    capabilities: Capabilities,
) -> Change:
    if known.state == "removed":
        return replace(base, reason="was removed at the target; it is not created again until it is allowed")
    if desired.problem:
        return replace(base, action="refuse", reason=desired.problem)
    base = replace(base, wanted={name: value for name, value in desired.attributes.items() if value is not None})
    if known.linked:
        return _update(base, known, rules, scope, desired, answer, capabilities)
    match = answer.match or Match()
    if match.problem:
        return replace(base, action="refuse", reason=match.problem, retry=True)
    if match.resource is not None:
        return _adopt(base, known, rules, desired, match, capabilities)
    if "Add" not in rules.flow:
        return replace(base, reason="has no account, and the object mapping does not create")
    # A create whose answer was lost is repeated as it was promised, even if the object changed meanwhile.
    values = dict(known.intent) if known.intent is not None else {**desired.attributes, **desired.defaults}
    attributes = {name: (None, value) for name, value in values.items() if value is not None}
    return replace(base, action="create", reason=f"{scope.reason} and has no account", attributes=attributes)


def _update(
    base: Change,
    known: Known,
    rules: ObjectRules,
    scope: Scope,
    desired: Desired,
    answer: Answer,
    capabilities: Capabilities,
) -> Change:
    found = _compare(rules, desired, known, answer, capabilities)
    base = replace(base, target_id=known.target_id, kept=found.kept)
    if not found.changes:
        return replace(base, reason=_kept_reason(found) or "is as it should be")
    if "Update" not in rules.flow:
        return replace(base, reason="differs, and the object mapping does not update")
    back = known.state == "disabled" and any(after is True for _, after in found.changes.values())
    reason = f"{scope.reason} again" if back else f"changed: {', '.join(found.changes)}"
    return replace(base, action="update", reason=_with_kept(reason, found), attributes=found.changes)


def _adopt(
    base: Change,
    known: Known,
    rules: ObjectRules,
    desired: Desired,
    match: Match,
    capabilities: Capabilities,
) -> Change:
    resource, question = match.resource, match.question
    assert resource is not None and question is not None
    name = str(resource.get("displayName") or "")
    reserved = (resource.get("meta") or {}).get("resourceType") == "WorkspaceGroup" and name in RESERVED_GROUPS
    if rules.object_type == "Group" and reserved:
        return replace(
            base, action="refuse", reason=f"matches the reserved group {name}, whose members have rights by being in it"
        )
    found = _compare(rules, desired, known, Answer(snapshot=resource), capabilities)
    how = f"an account with {question.path} {question.value!r} was there before and is merged"
    if question.precedence > 1:
        how += f" (found by matching precedence {question.precedence})"
    changes = found.changes if "Update" in rules.flow else {}
    return replace(
        base,
        action="update" if changes else "link",
        reason=_with_kept(how, found),
        target_id=str(resource["id"]),
        attributes=changes,
        kept=found.kept,
        adopts=True,
    )


def _compare(
    rules: ObjectRules, desired: Desired, known: Known, answer: Answer, capabilities: Capabilities
) -> Difference:
    """Against the account as read in this cycle where there is one, else against what was last applied."""
    snapshot = answer.snapshot or (answer.match.resource if answer.match else None)
    if snapshot is None:
        current = known.last_applied
    else:
        current = {name: value_at(snapshot, name) for name in desired.attributes}
    return differences(rules, desired, current, capabilities, owned=known.last_applied, kept=known.kept)


def _kept_reason(found: Difference) -> str:
    return "; ".join(
        f"{name} stays {has!r}: the target does not let it change to {wanted!r}"
        for name, (has, wanted) in found.kept.items()
    )


def _with_kept(reason: str, found: Difference) -> str:
    kept = _kept_reason(found)
    return f"{reason}; {kept}" if kept else reason


def _spare_the_owner(change: Change, capabilities: Capabilities) -> Change:
    """The account whose token is used is never disabled or deleted: that would end provisioning itself."""
    harms = change.action in ("disable", "delete") or change.attributes.get("active", (None, True))[1] is False
    if change.object_type == "User" and harms and change.target_id and change.target_id == capabilities.owner_id:
        return replace(
            change,
            action="refuse",
            attributes={},
            reason=f"{change.reason}, but {capabilities.owner_name} owns the secret token: use another admin's token",
        )
    return change


def _name_of(rules: ObjectRules) -> str:
    return "userName" if rules.object_type == "User" else "displayName"
