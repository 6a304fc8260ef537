"""One object, one Change, one reason.

The table of entra.md's decision rules for users and groups, as a pure function of what the directory says (source and
scope), what the ledger knows (link, what was applied), and what the target answered (match or snapshot). Where the
answer of the target is missing nothing is decided to be absent; where somebody should lose access and nothing can be
done about it, that is a refusal that comes back, never *done already*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from provisor.provisioning.capabilities import Capabilities
from provisor.provisioning.change import GONE_GROUPS, GROUPS, LEAVERS, REMOVED, USERS, Answer, Change, Known, quoted
from provisor.provisioning.diff import Difference, differences, drifted, same
from provisor.provisioning.map import Desired
from provisor.provisioning.match import Match, questions
from provisor.provisioning.policies import DEFAULT, Policies
from provisor.provisioning.schema import ObjectRules
from provisor.provisioning.scope import Scope, SourceObject
from provisor.scim.resource import value_at

#: How often a promised account of a leaver is looked for before it counts as never made.
LOOKS: Final = 24
EXTERNAL_ID: Final = "externalId"
#: Where the attributes begin that make an admin of somebody.
_RIGHTS: Final = ("roles", "entitlements")
#: Groups of a Databricks workspace whose members have rights by being members.
RESERVED_GROUPS: Final = frozenset({"admins", "users", "account users"})


@dataclass(frozen=True, slots=True)
class _Case:
    """Everything that one decision is made from; ``base`` is the change that does nothing."""

    base: Change
    known: Known
    rules: ObjectRules
    scope: Scope
    desired: Desired
    answer: Answer
    capabilities: Capabilities
    policies: Policies
    comparing: bool

    @property
    def wishes(self) -> Mapping[str, Any]:
        """What the target once did not take. A full comparison asks again: it may have been a bad moment."""
        if not self.comparing:
            return self.known.kept
        return {name: wish for name, wish in self.known.kept.items() if self.policies.about(name) == "adopt"}

    def nothing(self, reason: str, **more: Any) -> Change:
        return replace(self.base, reason=reason, **more)

    def refuse(self, reason: str, *, retry: bool = False) -> Change:
        return replace(self.base, action="refuse", reason=reason, retry=retry)

    def compare(self, wanted: Desired, *, kept: Mapping[str, Any]) -> Difference:
        """Against the account as read in this cycle where there is one, else against what was last applied."""
        snapshot = self.answer.snapshot or (self.answer.match.resource if self.answer.match else None)
        if snapshot is None:
            current = self.known.last_applied
        else:
            current = {name: value_at(snapshot, name) for name in wanted.attributes}
        return differences(
            self.rules,
            wanted,
            current,
            self.capabilities,
            owned=self.known.last_applied,
            kept=kept,
            clears=self.policies.cleared == "clear",
        )


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
    policies: Policies = DEFAULT,
    comparing: bool = False,
    anew: bool = False,
) -> Change:
    """The change for one object. ``source`` None: it was deleted in the directory for good.

    ``anew``: an account that is not there any more is made again. ``comparing``: what was changed at the target is
    treated by the policies; otherwise it is put right when it is seen.
    """
    if answer.void:
        known = replace(known, intent=None)
    lost = known.intent is not None and not known.linked
    if lost and answer.holder is None:
        known = _found_after_a_lost_create(known, rules, desired, answer)
    if answer.gone and (known.deleting or anew) and source is not None and scope.inside:
        # What is not there any more was taken away by us, or is wanted again: this is somebody without an account.
        known = replace(known, state="none", target_id=None, last_applied={}, kept={})
    base = Change(
        action="nothing",
        object_type=rules.object_type,
        source_id=known.source_id,
        source_name=source.name if source else str(known.last_applied.get(_name_of(rules)) or known.source_id),
        reason="",
        seq=seq,
        phase=USERS if rules.object_type == "User" else GROUPS,
        target_id=known.target_id if known.linked else None,
        redacted=tuple(sorted(rules.redacted)),
        scope=scope.reason,
        match=_matched(known, answer),
    )
    case = _Case(base, known, rules, scope, desired, answer, capabilities, policies, comparing)
    if answer.gone and known.linked and not known.deleting:
        return replace(base, action="removed", reason=REMOVED, missed=known.state == "linked")
    if source is None:
        change = _deleted(case)
    elif not scope.inside:
        change = _outside(case)
    else:
        change = _inside(case)
    if lost and change.action == "nothing":
        change = _resolve(change, known)
    return spare_the_owner(change, capabilities)


def _found_after_a_lost_create(known: Known, rules: ObjectRules, desired: Desired, answer: Answer) -> Known:
    """A create that was promised, and an account that matches *what was promised*: that account is ours.

    One that matches what the object is called by now is somebody else's until it is adopted, and so is one with the
    externalId of another source: it was there before, and the search did not show it.
    """
    match = answer.match
    if match is None or match.resource is None:
        return known
    if _foreign(rules, (known.intent or {}).get(EXTERNAL_ID), match.resource) is not None:
        return known
    if match.question not in questions(rules, Desired(dict(known.intent or {}))):
        return known
    return replace(
        known, state="linked", target_id=str(match.resource["id"]), last_applied=_promised(known.intent or {}, desired)
    )


def overtaken(rules: ObjectRules, known: Known, match: Match) -> bool:
    """Whether the user name that was promised is a stranger's, so that the create cannot have made anything.

    No two accounts have the same (RFC 7643 §4.1.1). Of other attributes nobody knows that: ours may be there too, and
    the search does not show it yet.
    """
    if known.linked or known.intent is None or match.resource is None or match.question is None:
        return False
    ours = known.intent.get(EXTERNAL_ID)
    return match.question.path == "userName" and _foreign(rules, ours, match.resource) is not None


def _promised(intent: Mapping[str, Any], desired: Desired) -> dict[str, Any]:
    """What of a promised create is ours to keep up: not the defaults, which are said once."""
    return {name: value for name, value in intent.items() if name not in desired.defaults}


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
        reason = f"{change.reason}; a create that was promised has no answer, so the account is looked for again"
        return replace(change, retry=True, reason=reason)
    return change


def _deleted(case: _Case) -> Change:
    gone = "was deleted from the directory for good"
    if not case.known.linked:
        return case.nothing(f"{gone} and has no account")
    if "Delete" not in case.rules.flow:
        return _close(case, f"{gone}, and the object mapping does not delete")
    return _delete(case, gone)


def _outside(case: _Case) -> Change:
    if not case.known.linked:
        return case.nothing(case.scope.reason)
    if case.rules.object_type == "Group" and "Delete" in case.rules.flow:
        return _delete(case, case.scope.reason)
    return _close(case, case.scope.reason)


def _delete(case: _Case, reason: str) -> Change:
    if case.rules.object_type == "User":
        return replace(case.base, action="delete", reason=reason, phase=LEAVERS)
    if not case.known.adopted or case.policies.merged_groups == "delete":
        # What it said is kept in the log, for whoever has to undo this.
        said = {name: (value, None) for name, value in case.known.last_applied.items()}
        return replace(case.base, action="delete", reason=reason, phase=GONE_GROUPS, attributes=said)
    reason = f"{reason}; the group was there before, so it stays, without the members that were added"
    return replace(case.base, action="unlink", reason=reason, phase=GONE_GROUPS)


def _close(case: _Case, reason: str) -> Change:
    """Disable the account of somebody who is out of scope, by the mappings that read IsSoftDeleted alone."""
    if case.rules.object_type == "Group":
        return case.nothing(f"{reason}; groups that stay are not changed")
    names = [rule.target.name for rule in case.rules.closing]
    if not names or "Update" not in case.rules.flow:
        return case.nothing(f"{reason}, but no mapping reads IsSoftDeleted: nothing disables the account")
    wanted = Desired({name: case.desired.attributes.get(name) for name in names})
    mute = next((name for name, value in wanted.attributes.items() if value is None), None)
    if mute is not None:
        return case.refuse(f"{reason}, but the mapping of {mute} gives no value that closes the account", retry=True)
    # What the target once refused counts for nothing here: it is asked again.
    found = case.compare(wanted, kept={})
    if found.kept:
        return case.refuse(f"{reason}, but the account stays open: {_kept_reason(case, found)}", retry=True)
    closed = {**case.known.last_applied, **wanted.attributes}
    if not found.changes:
        return case.nothing(f"{reason} and is disabled already", wanted=closed, closes=True)
    return replace(
        case.base,
        action="disable",
        reason=reason,
        phase=LEAVERS,
        attributes=found.changes,
        wanted=closed,
        closes=True,
    )


def _inside(case: _Case) -> Change:
    known, desired, rules = case.known, case.desired, case.rules
    match = case.answer.match or Match()
    # Whoever removed it may have added it again; nobody else does.
    if known.state == "removed" and match.resource is None:
        return case.nothing(REMOVED)
    if desired.problem:
        return case.refuse(desired.problem)
    wanted = {name: value for name, value in desired.attributes.items() if value is not None}
    if not known.linked and match.problem is None and match.resource is None and "Add" in rules.flow:
        return _create(case, wanted)
    case = replace(case, base=replace(case.base, wanted=wanted))
    if known.linked:
        return _update(case)
    if match.problem:
        return case.refuse(match.problem, retry=True)
    if match.resource is not None:
        return _adopt(case, match)
    return case.nothing("has no account, and the object mapping does not create")


def _create(case: _Case, wanted: dict[str, Any]) -> Change:
    promised, desired = case.known.intent, case.desired
    # A create whose answer was lost is repeated as it was promised, even if the object changed meanwhile.
    values = dict(promised) if promised is not None else {**desired.attributes, **desired.defaults}
    return replace(
        case.base,
        action="create",
        reason=f"{case.scope.reason} and has no account",
        attributes={name: (None, value) for name, value in values.items() if value is not None},
        wanted=wanted,
        inherited=_promised(promised or {}, desired),
    )


def _update(case: _Case) -> Change:
    found = case.compare(case.desired, kept=case.wishes)
    if case.comparing and case.answer.snapshot is not None and not case.known.unsettled:
        found, drift = drifted(case.rules, found, case.known.last_applied, case.policies)
        case = replace(case, base=replace(case.base, drift=drift))
    case = replace(case, base=replace(case.base, kept=found.kept))
    if not found.changes and case.base.drift:
        return replace(case.base, action="drift", reason=_drift_reason(case))
    if not found.changes:
        return case.nothing(_kept_reason(case, found) or "is as it should be")
    if "Update" not in case.rules.flow:
        return case.nothing("differs, and the object mapping does not update")
    back = case.known.state == "disabled" and any(after is True for _, after in found.changes.values())
    reason = f"{case.scope.reason} again" if back else f"changed: {', '.join(found.changes)}"
    return replace(case.base, action="update", reason=_with_kept(case, reason, found), attributes=found.changes)


def _adopt(case: _Case, match: Match) -> Change:
    resource, question, holder = match.resource, match.question, case.answer.holder
    assert resource is not None and question is not None
    which = f"an account with {question.path} {question.value!r}"
    if holder is not None and not holder.gone:
        reason = f"{which} is there, but it is another object's ({holder.source_id}): two cannot share one account"
        return case.refuse(reason, retry=True)
    name = str(resource.get("displayName") or "")
    reserved = (resource.get("meta") or {}).get("resourceType") == "WorkspaceGroup" and name in RESERVED_GROUPS
    reserved = reserved and name not in case.policies.reserved
    if case.rules.object_type == "Group" and reserved:
        return case.refuse(f"matches the reserved group {name}, whose members have rights by being in it")
    foreign = (
        _foreign(case.rules, case.desired.attributes.get(EXTERNAL_ID), resource)
        if holder is None and case.policies.adoption != "take"
        else None
    )
    if foreign is not None:
        reason = f"{which} is there, but its externalId {foreign!r} is that of another source: it is not taken over"
        return case.refuse(reason, retry=True)
    if case.policies.adoption == "hold":
        return case.refuse(f"{which} was there before: it is merged by an approved plan only", retry=True)
    # What was given to the one who is gone is not kept by the one who comes.
    mine = replace(case.known, last_applied=holder.applied) if holder is not None else case.known
    found = replace(case, known=mine, answer=Answer(snapshot=resource)).compare(case.desired, kept=mine.kept)
    how = f"{which} was there before and is merged"
    if question.precedence > 1:
        how += f" (found by matching precedence {question.precedence})"
    if holder is not None:
        how += f"; it was that of {holder.source_id}, who is gone"
    changes = found.changes if "Update" in case.rules.flow else {}
    return replace(
        case.base,
        action="update" if changes else "link",
        reason=_with_kept(case, how, found),
        target_id=str(resource["id"]),
        attributes=changes,
        kept=found.kept,
        adopts=True,
        releases=holder.source_id if holder is not None else None,
        inherited=dict(holder.applied) if holder is not None else {},
    )


def _foreign(rules: ObjectRules, wanted: Any, resource: Mapping[str, Any]) -> str | None:
    """The externalId of an account that somebody else has given one (RFC 7643 §3.1: it is the client's own). ``wanted``
    is ours, None when we give none."""
    rule = next((rule for rule in rules.values if rule.target.name == EXTERNAL_ID), None)
    has = resource.get(EXTERNAL_ID)
    if rule is None or has in (None, "") or wanted is None or same(rule, wanted, has):
        return None
    return str(has)


def _matched(known: Known, answer: Answer) -> str:
    if known.linked:
        return f"its account is {known.target_id}"
    if answer.match is None or answer.match.question is None:
        return answer.match.problem or "" if answer.match is not None else ""
    found = answer.match.resource or {}
    return f"{answer.match.question.path} {answer.match.question.value!r} is that of {found.get('id')}"


def _drift_reason(case: _Case) -> str:
    hidden = case.rules.redacted
    parts = (
        f"{name} is {quoted(has, name, hidden)} instead of {quoted(wanted, name, hidden)}"
        for name, (has, wanted) in case.base.drift.items()
    )
    return f"was changed at the target: {'; '.join(parts)}"


def _kept_reason(case: _Case, found: Difference) -> str:
    hidden, adopted = case.rules.redacted, [name for name in found.kept if case.policies.about(name) == "adopt"]
    why = {True: "what is there is adopted, not", False: "the target does not let it change to"}
    return "; ".join(
        f"{name} stays {quoted(has, name, hidden)}: {why[name in adopted]} {quoted(wanted, name, hidden)}"
        for name, (has, wanted) in found.kept.items()
    )


def _with_kept(case: _Case, reason: str, found: Difference) -> str:
    return "; ".join(filter(None, (reason, _kept_reason(case, found))))


def spare_the_owner(change: Change, capabilities: Capabilities) -> Change:
    """The account whose token is used is never disabled, deleted or demoted: that would end provisioning itself."""
    if change.object_type != "User" or not _is_owner(change, capabilities) or not _harms(change):
        return change
    reason = f"{change.reason}, but {capabilities.owner_name} owns the secret token: use another admin's token"
    return replace(change, action="refuse", attributes={}, closes=False, retry=True, reason=reason)


def _harms(change: Change) -> bool:
    if change.action in ("disable", "delete") or change.attributes.get("active", (None, True))[1] is False:
        return True
    return any(path.startswith(_RIGHTS) and not after for path, (_, after) in change.attributes.items())


def _is_owner(change: Change, capabilities: Capabilities) -> bool:
    if capabilities.owner_id is not None:
        return change.target_id == capabilities.owner_id
    named = capabilities.owner_name
    return named is not None and change.target_id is not None and change.source_name.casefold() == named.casefold()


def _name_of(rules: ObjectRules) -> str:
    return "userName" if rules.object_type == "User" else "displayName"
