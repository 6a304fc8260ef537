"""What an answer means for what is known of an object: the pure end of applying a change.

The target is not believed: what came back is compared with what was sent. A value that it did not take is *kept*, named
in the log once and not sent in every cycle; an account that is still active after a disable is a failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from provisor.connectors.base import Resource, TargetError
from provisor.provisioning.change import ADDITIONS, REFERENCES, REMOVALS, REMOVED, Change, Known, shown
from provisor.provisioning.diff import same
from provisor.provisioning.retries import Retries
from provisor.provisioning.schema import ObjectRules
from provisor.scim.resource import reference_at, value_at
from provisor.sync.records import Outcome, Planned, Status

#: Answers after which it is certain that a create was not done.
_CONCLUSIVE: Final = frozenset({400, 404, 405, 413, 415, 422, 501})
_TAKES_AWAY: Final = frozenset({"disable", "delete", "remove members", "unlink"})
_ABOUT_REFERENCES: Final = frozenset({REMOVALS, ADDITIONS, REFERENCES})
MOVED: Final = "changed since it was planned: the next cycle decides again"


def without_request(row: Planned, known: Known, retries: Retries, *, exists: bool) -> Outcome:
    """The outcome of a change that needs no request. ``exists``: the source still has the object."""
    change = row.change
    if change.phase in _ABOUT_REFERENCES:
        # What is only said about members settles nothing of the object itself, and forgives it no failure.
        status: Status = "skipped" if change.action == "refuse" else "success"
        return Outcome(row.ordinal, change.source_id, change.seq, status, known, settled=False)
    if change.action == "refuse" or change.retry:
        return _refused(row, known, retries)
    after: Known | None = replace(known, intent=None, **_forgiven(change, known))
    if change.action == "unlink" or (change.action != "link" and not exists and not known.linked):
        after = None
    elif change.action == "removed":
        after = _removed(known, change.reason)
    elif change.action == "link" or (change.action == "nothing" and known.linked and change.wanted):
        after = _linked(change, known, dict(change.wanted), {})
    return Outcome(row.ordinal, change.source_id, change.seq, "success", after, releases=change.releases)


def created(row: Planned, known: Known, rules: ObjectRules, answer: Resource) -> Outcome:
    """A POST that came back with a resource."""
    change = row.change
    sent = change.sent
    kept = _not_taken(rules, sent, answer)
    # A default value was sent once and is not ours to keep up: what the source does not have is not remembered, unless
    # it was promised when the source had it.
    applied = {name: value for name, value in sent.items() if name in change.wanted or name in change.inherited}
    after = _linked(change, replace(known, target_id=str(answer["id"]), adopted=False, last_applied={}), applied, kept)
    as_wanted = all(sent.get(name) == value for name, value in change.wanted.items())
    message = _kept_message(change, kept)
    return Outcome(row.ordinal, change.source_id, change.seq, "success", after, message, settled=as_wanted)


def updated(row: Planned, known: Known, rules: ObjectRules, answer: Resource | None, retries: Retries) -> Outcome:
    """A PATCH that was answered with success, with or without the representation."""
    change = row.change
    sent = change.sent
    kept = _not_taken(rules, sent, answer) if answer is not None else {}
    if kept and (change.closes or any(rule.target.name in kept for rule in rules.closing)):
        error = TargetError(f"the target answered with success, but {_kept_message(change, kept)}")
        return failed(row, known, error, retries)
    after = _linked(change, known, dict(change.wanted), kept)
    message = _kept_message(change, kept)
    return Outcome(row.ordinal, change.source_id, change.seq, "success", after, message, releases=change.releases)


def deleted(row: Planned) -> Outcome:
    return Outcome(row.ordinal, row.change.source_id, row.change.seq, "success", None)


def lost(row: Planned, known: Known) -> Outcome:
    """The account of a link is not there any more: it stays removed."""
    after = _removed(replace(known, intent=None), REMOVED)
    return Outcome(row.ordinal, row.change.source_id, row.change.seq, "failure", after, REMOVED)


def _removed(known: Known, why: str) -> Known:
    """Whatever was applied to an account that is not there any more says nothing of another one."""
    return replace(known, state="removed", failures=0, error=why, last_applied={}, kept={})


def failed(row: Planned, known: Known, error: TargetError, retries: Retries) -> Outcome:
    """Tried again later, and read before that: whatever was sent may have been done.

    ``known.intent`` is a create that was promised *before* this page. It is given up only when the answer is
    conclusive: a conflict may be with the very account that the first try made.
    """
    change = row.change
    again = 0.0
    if error.status != 409 or known.failures:
        again = retries.after(known.failures, leaver=change.action in _TAKES_AWAY, rest=error.rest)
    intent = known.intent
    if change.action == "create":
        # What is made again is not the account that was deleted.
        known = replace(known, state="none", target_id=None, adopted=False, last_applied={}, kept={})
        promised = change.sent
        if error.unclear:
            intent = promised
        elif error.status in _CONCLUSIVE or (known.intent is None and error.status is not None):
            intent = None
    # What may have arrived is ours to clear, should the source not have it by then; a manager that did not is not.
    given = change.given if known.linked and (error.unclear or change.action != "update references") else {}
    after = replace(
        known,
        intent=intent,
        failures=known.failures + 1,
        error=str(error),
        last_applied={**given, **known.last_applied},
        unsettled=known.linked,
        deleting=change.action == "delete",
    )
    return Outcome(
        row.ordinal,
        change.source_id,
        change.seq,
        "failure",
        after,
        str(error),
        settled=False,
        due=change.phase not in _ABOUT_REFERENCES,
        retry_seconds=again,
    )


def put_off(row: Planned, known: Known, why: str) -> Outcome:
    """Not done, and due: also when it was only looked at, by a cycle that may come to its end without it."""
    # The next cycle may be another kind than this one: what was to be compared now is compared then.
    after = replace(known, unsettled=known.unsettled or known.linked)
    due = row.change.phase not in _ABOUT_REFERENCES
    return Outcome(row.ordinal, row.change.source_id, row.change.seq, "skipped", after, why, settled=False, due=due)


def references_updated(
    row: Planned, known: Known, sent: Mapping[str, tuple[Any, Any]], answer: Resource | None
) -> Outcome:
    """A manager that was set or cleared; what is remembered is the manager's source id. ``sent``: path → (before, the
    manager's target id). What was not taken is kept, as of any attribute, and named."""
    not_taken = {
        name: (has, wanted)
        for name, (_, wanted) in sent.items()
        if answer is not None and (has := reference_at(answer, name)) != wanted
    }
    applied = {**known.last_applied, **row.change.sent}
    # One that is still there is still ours to clear, and so is one that may yet show.
    applied |= {name: known.last_applied.get(name) for name, (_, wanted) in not_taken.items() if wanted is None}
    applied = {name: value for name, value in applied.items() if value is not None}
    kept = {name: wish for name, wish in known.kept.items() if name not in sent}
    kept |= {name: row.change.sent[name] for name in not_taken}
    # Whether the account's own attributes are settled is not known by this.
    outcome = referred(row, replace(known, last_applied=applied, kept=kept))
    outcome.message = _kept_message(row.change, not_taken)
    return outcome


def referred(row: Planned, known: Known) -> Outcome:
    """Members or a manager that were set: what failed before, if it was only these, is forgiven."""
    after = replace(known, failures=0, error=None) if row.change.references_only else known
    return Outcome(row.ordinal, row.change.source_id, row.change.seq, "success", after, settled=False)


def _refused(row: Planned, known: Known, retries: Retries) -> Outcome:
    """Refused for good, or to be decided again later."""
    change = row.change
    after = replace(
        known,
        error=change.reason,
        failures=known.failures + 1 if change.retry else 0,
        # Who could not be looked at now is looked at when the time comes, whatever kind of cycle that is.
        unsettled=known.unsettled or (change.retry and known.linked),
    )
    # Nobody who is to have what is wanted for them is on the way out, though an account may have been made already.
    leaver = known.linked or (known.intent is not None and not change.wanted)
    again = retries.after(known.failures, leaver=leaver) if change.retry else None
    return Outcome(
        row.ordinal,
        change.source_id,
        change.seq,
        "skipped",
        after,
        change.reason,
        settled=not change.retry,
        due=change.retry,
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
        state="disabled" if change.closes else "linked",
        target_id=change.target_id if change.adopts else known.target_id or change.target_id,
        adopted=known.adopted or change.adopts,
        intent=None,
        last_applied={**references, **{name: value for name, value in applied.items() if value is not None}},
        # Of what it refers to a change of an object's own attributes says nothing.
        kept={
            name: wish
            for name, wish in wishes.items()
            if change.wanted.get(name) == wish or (name in known.kept and name in references)
        },
        **_forgiven(change, known),
        unsettled=False,
        deleting=False,
    )


def _forgiven(change: Change, known: Known) -> dict[str, Any]:
    """Failures of the object itself; those of what it refers to stay until that is done."""
    return {} if change.references_only else {"failures": 0, "error": None}


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


def _kept_message(change: Change, kept: Mapping[str, tuple[Any, Any]]) -> str | None:
    if not kept:
        return None
    return "; ".join(
        f"the target keeps {name} {shown(change.redacted, name, has)!r} instead of "
        f"{shown(change.redacted, name, wanted)!r}"
        for name, (has, wanted) in kept.items()
    )
