"""A plan: the changes of one cycle, in order, with what they promise, what they cost and what they hash to.

Dry run, log and console show the same :class:`~provisor.provisioning.decide.Change`; doing it is a loop over them. The
plan remembers what it has already promised, so two people are never promised one unique name or one account.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any, Final

from provisor.provisioning.capabilities import MEMBERS_PER_REQUEST
from provisor.provisioning.change import Change
from provisor.provisioning.guards import harmed
from provisor.provisioning.schema import ObjectRules

#: Actions that concern a whole account, which must be one object's.
_WHOLE: Final = frozenset({"create", "update", "link", "disable", "delete", "unlink"})
#: What is left of a change that is refused.
_NOT_DONE: Final[dict[str, Any]] = {
    "attributes": {},
    "members": (),
    "adopts": False,
    "closes": False,
    "releases": None,
    "retry": True,
}
#: Attributes that no two accounts of one kind may share, beside the matching ones.
_UNIQUE: Final = {"User": ("userName",), "Group": ()}


@dataclass(slots=True)
class Plan:
    """Grows by :meth:`accept`; ``counts`` by action, ``kinds`` by action and object type, ``writes`` in requests,
    ``harmed`` the source ids of those whom it takes something from; ``members_at_creation``: a group is made with its
    first members."""

    counts: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    writes: int = 0
    members_at_creation: bool = False
    harmed: set[str] = field(default_factory=set)
    _promised: dict[tuple[str, str, str], str] = field(default_factory=dict)
    _hash: Any = field(default_factory=hashlib.sha256)

    def accept(self, change: Change, rules: ObjectRules) -> Change:
        """Count ``change`` in and return it, or the refusal that takes its place."""
        problem = self._breaks_a_promise(change, rules)
        if problem:
            change = replace(change, action="refuse", reason=problem, **_NOT_DONE)
        if change.action != "nothing":
            self.counts[change.action] += 1
            self.kinds[described(change.action, change.object_type)] += 1
            self.writes += requests_of(change, first=self.members_at_creation and change.target_id is None)
            self.harmed.update(harmed(change))
            self._hash.update(json.dumps(_hashed(change), sort_keys=True, ensure_ascii=False).encode())
        return change

    def about(self, address: str) -> None:
        """Where the plan is done, and how that place is spoken to: part of what it hashes to."""
        self._hash.update(json.dumps(address).encode())

    @property
    def hash(self) -> str:
        """The same for two plans that would do the same: SHA-256 in hexadecimal."""
        return str(self._hash.hexdigest())

    @property
    def empty(self) -> bool:
        """Whether a cycle would change nothing."""
        return not any(count for action, count in self.counts.items() if action not in ("refuse", "drift"))

    def _breaks_a_promise(self, change: Change, rules: ObjectRules) -> str | None:
        if change.action not in _WHOLE:
            return None
        names = {*_UNIQUE[rules.object_type], *(rule.target.name for rule in rules.matching)}
        promises = [
            (rules.object_type, name, str(change.attributes[name][1]).casefold())
            for name in sorted(names & change.attributes.keys())
            if change.attributes[name][1] is not None
        ]
        if change.target_id:
            promises.append((rules.object_type, "id", change.target_id))
        for promise in promises:
            holder = self._promised.get(promise)
            if holder is not None and holder != change.source_id:
                return f"{promise[1]} {promise[2]!r} is promised to another object of this plan ({holder})"
        self._promised.update(dict.fromkeys(promises, change.source_id))
        return None


def described(action: str, object_type: str) -> str:
    """An action with what it is done to, where the action does not say so: ``create user``, ``add members``."""
    return action if "members" in action else f"{action} {object_type.lower()}"


def requests_of(change: Change, *, first: bool = False) -> int:
    """How many requests doing ``change`` takes; ``first``: a group's first members went with its creation."""
    if change.action in ("create", "update", "disable", "delete", "update references"):
        return 1
    if change.action in ("add members", "remove members"):
        chunks = -(-(len(change.members) + len(change.strangers)) // MEMBERS_PER_REQUEST)
        return chunks - (first and change.action == "add members")
    return 0


def _hashed(change: Change) -> list[Any]:
    return [
        change.action,
        change.object_type,
        change.source_id,
        change.target_id,
        {name: list(values) for name, values in change.attributes.items()},
        sorted(change.members),
        sorted(change.strangers),
        [change.adopts, change.closes, change.releases],
    ]
