"""What an answer means for what is known of an object: the pure end of applying a change.

The target is not believed: what came back is compared with what was sent. A value that it did not take is *kept*, named
in the log once and not sent in every cycle; an account that is still active after a disable is a failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from provisor.connectors.base import Resource, TargetError
from provisor.provisioning.decide import Change, Known
from provisor.provisioning.diff import same
from provisor.provisioning.schema import ObjectRules
from provisor.scim.resource import value_at
from provisor.sync.records import Outcome, Planned

#: Seconds until an object that failed is tried again: one failure, two, three and so on.
BACKOFF: Final = (60.0, 300.0, 1800.0, 7200.0, 21600.0, 86400.0)
MOVED: Final = "changed since it was planned: the next cycle decides again"


def without_request(row: Planned, known: Known, *, exists: bool) -> Outcome:
    """The outcome of a change that needs no request. ``exists``: the source still has the object."""
    change = row.change
    if change.action == "refuse" or change.retry:
        return _put_off(row, known)
    after: Known | None = replace(known, intent=None, failures=0, error=None)
    if change.action == "unlink" or (not exists and not known.linked):
        after = None
    elif change.action == "removed":
        after = replace(known, state="removed", failures=0, error=change.reason)
    elif change.action == "link" or (change.action == "nothing" and known.linked and change.wanted):
        after = _linked(change, known, dict(change.wanted), {})
    return Outcome(row.ordinal, change.source_id, change.seq, "success", after)


def created(row: Planned, known: Known, rules: ObjectRules, answer: Resource) -> Outcome:
    """A POST that came back with a resource."""
    change = row.change
    sent = {name: after for name, (_, after) in change.attributes.items()}
    kept = _not_taken(rules, sent, answer)
    # A default value was sent once and is not ours to keep up: what the source does not have is not remembered.
    applied = {name: value for name, value in sent.items() if name in change.wanted}
    after = _linked(change, replace(known, target_id=str(answer["id"]), adopted=False, last_applied={}), applied, kept)
    as_wanted = all(sent.get(name) == value for name, value in change.wanted.items())
    message = _kept_message(kept)
    return Outcome(row.ordinal, change.source_id, change.seq, "success", after, message, settled=as_wanted)


def updated(row: Planned, known: Known, rules: ObjectRules, answer: Resource | None) -> Outcome:
    """A PATCH that was answered with success, with or without the representation."""
    change = row.change
    sent = {name: after for name, (_, after) in change.attributes.items()}
    kept = _not_taken(rules, sent, answer) if answer is not None else {}
    if change.action == "disable":
        if kept:
            return failed(row, known, TargetError(f"the target answered with success, but {_kept_message(kept)}"))
        # An account whose create was promised and never answered says what was promised.
        applied = {**known.last_applied, **(known.intent or {}), **sent}
        target_id = known.target_id or change.target_id
        after = replace(
            known, state="disabled", target_id=target_id, last_applied=applied, failures=0, error=None, intent=None
        )
        return Outcome(row.ordinal, change.source_id, change.seq, "success", after)
    after = _linked(change, known, dict(change.wanted), kept)
    return Outcome(row.ordinal, change.source_id, change.seq, "success", after, _kept_message(kept))


def deleted(row: Planned) -> Outcome:
    return Outcome(row.ordinal, row.change.source_id, row.change.seq, "success", None)


def lost(row: Planned, known: Known) -> Outcome:
    """The account of a link is not there any more: it stays removed."""
    message = "was removed at the target; it is not created again until it is allowed"
    after = replace(known, state="removed", intent=None, failures=0, error=message)
    return Outcome(row.ordinal, row.change.source_id, row.change.seq, "failure", after, message)


def failed(row: Planned, known: Known, error: TargetError) -> Outcome:
    """Tried again later; a create whose answer is unclear keeps its intent, any other gives it up."""
    change = row.change
    again = 0.0 if error.status == 409 and known.failures == 0 else backoff(known.failures)
    after = replace(
        known,
        intent=known.intent if error.unclear or change.action != "create" else None,
        failures=known.failures + 1,
        error=str(error),
    )
    return Outcome(
        row.ordinal, change.source_id, change.seq, "failure", after, str(error), settled=False, retry_seconds=again
    )


def moved(row: Planned, known: Known) -> Outcome:
    return Outcome(row.ordinal, row.change.source_id, row.change.seq, "skipped", known, MOVED, settled=False)


def references_updated(row: Planned, known: Known) -> Outcome:
    """A manager that was set or cleared; what is remembered is the manager's source id."""
    applied = {**known.last_applied, **{name: after for name, (_, after) in row.change.attributes.items()}}
    after = replace(known, last_applied={name: value for name, value in applied.items() if value is not None})
    return Outcome(row.ordinal, row.change.source_id, row.change.seq, "success", after, settled=False)


def backoff(failures: int) -> float:
    return BACKOFF[min(failures, len(BACKOFF) - 1)]


def _put_off(row: Planned, known: Known) -> Outcome:
    """Refused for good, or to be decided again later."""
    change = row.change
    after = replace(known, error=change.reason, failures=known.failures + 1 if change.retry else 0)
    again = backoff(known.failures) if change.retry else None
    return Outcome(
        row.ordinal,
        change.source_id,
        change.seq,
        "skipped",
        after,
        change.reason,
        settled=not change.retry,
        retry_seconds=again,
    )


def _linked(change: Change, known: Known, applied: dict[str, Any], kept: Mapping[str, Any]) -> Known:
    """``known`` with an account that says ``applied``, but for ``kept`` (path → (has, wanted))."""
    wishes = {**known.kept, **_wishes(change.kept), **_wishes(kept)}
    references = {name: value for name, value in known.last_applied.items() if name not in change.wanted}
    cleared = {name for name, (_, after) in change.attributes.items() if after is None}
    references = {name: value for name, value in references.items() if name not in cleared}
    for name, (has, _) in {**change.kept, **kept}.items():
        applied[name] = has
    return replace(
        known,
        state="linked",
        target_id=known.target_id or change.target_id,
        adopted=known.adopted or change.adopts,
        intent=None,
        last_applied={**references, **{name: value for name, value in applied.items() if value is not None}},
        kept={name: wish for name, wish in wishes.items() if change.wanted.get(name) == wish},
        failures=0,
        error=None,
    )


def _wishes(kept: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
    return {name: wanted for name, (_, wanted) in kept.items()}


def _not_taken(rules: ObjectRules, sent: Mapping[str, Any], answer: Resource) -> dict[str, tuple[Any, Any]]:
    """Path → (what the account says, what was sent), where they differ."""
    by_name = {rule.target.name: rule for rule in rules.values}
    found = {name: value_at(answer, name) for name in sent}
    return {
        name: (found[name], value)
        for name, value in sent.items()
        if name in by_name and not same(by_name[name], value, found[name])
    }


def _kept_message(kept: Mapping[str, tuple[Any, Any]]) -> str | None:
    if not kept:
        return None
    return "; ".join(f"the target keeps {name} {has!r} instead of {wanted!r}" for name, (has, wanted) in kept.items())
