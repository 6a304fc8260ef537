"""What is decided about one object, and what it is decided from: the values that go in and out of ``decide``.

A Change is the same value as a plan's row, a dry run's line, a log's row and what a cycle does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from provisor.provisioning.match import Match

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
    "drift",
    "nothing",
    "refuse",
]
#: Of an account that the target, asked for it, says is not there.
REMOVED: Final = "was removed at the target; it is not created again until it is added there or its link is forgotten"
#: Instead of a value that nobody is to see.
REDACTED: Final = "[Redacted]"
#: The order in which a cycle does things: whoever leaves first, accounts before groups, objects before references.
LEAVERS, USERS, GROUPS, REMOVALS, ADDITIONS, REFERENCES, GONE_GROUPS = range(1, 8)


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of one source object for one application.

    ``unsettled``: something was sent and its answer was never recorded, or the account could not be looked at when it
    was due, so ``last_applied`` may not be what it says: it is read before the next decision. ``deleting``: a DELETE
    was sent.
    """

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
    unsettled: bool = False
    deleting: bool = False

    @property
    def untried(self) -> bool:
        """Whether nobody has tried to create it, as far as is known."""
        return self.intent is None and not self.failures

    @property
    def linked(self) -> bool:
        return self.target_id is not None and self.state in ("linked", "disabled")


@dataclass(frozen=True, slots=True)
class Change:
    """What a cycle does about one object. ``attributes`` and ``kept``: target path → (before, after or wanted).

    * ``wanted`` is all that the account should say, of which ``attributes`` is what it does not say yet;
    * ``members`` are source ids;
    * ``adopts``: an account that existed before becomes this object's;
    * ``closes``: the account of a leaver is closed when this is done;
    * ``releases``: a source object that is gone, whose account becomes this one's;
    * ``retry``: the target or another object may mend a refusal, so that a later cycle decides again;
    * ``redacted``: target paths whose values are sent and shown nowhere;
    * ``scope`` and ``match`` say, as clauses, why the object is in scope or not and how its account was found;
    * ``drift``: what was changed at the target: path → (what it says, what it should say);
    * ``strangers``: target ids of members that were added at the target and are removed;
    * ``references_only``: the object itself was settled before, only what it refers to is due;
    * ``missed``: the account that is not there any more was an open one;
    * ``inherited``: what was applied to the account for whoever had it before, or promised before the object changed.
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
    closes: bool = False
    releases: str | None = None
    retry: bool = False
    redacted: tuple[str, ...] = ()
    scope: str = ""
    match: str = ""
    drift: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    strangers: tuple[str, ...] = ()
    inherited: Mapping[str, Any] = field(default_factory=dict)
    references_only: bool = False
    missed: bool = False

    def anew(self, action: Action, reason: str, *, phase: int, **more: Any) -> Change:
        """Another change of the same object: nothing of this one is taken over but who it is."""
        return Change(
            action,
            self.object_type,
            self.source_id,
            self.source_name,
            reason,
            self.seq,
            phase,
            **{
                "target_id": self.target_id,
                "redacted": self.redacted,
                "references_only": self.references_only,
                **more,
            },
        )

    @property
    def sent(self) -> dict[str, Any]:
        """Target path → what it should be after."""
        return {name: after for name, (_, after) in self.attributes.items()}

    @property
    def given(self) -> dict[str, Any]:
        """:attr:`sent`, without what is cleared."""
        return {name: after for name, (_, after) in self.attributes.items() if after is not None}


def shown(redacted: Collection[str], path: str, value: Any) -> Any:
    """``value`` at ``path`` as people may see it."""
    return REDACTED if path in redacted and value is not None else value


def quoted(value: Any, path: str = "", redacted: Collection[str] = ()) -> str:
    """``value``, at ``path`` if that may be redacted, within a sentence."""
    return "(none)" if value is None else repr(shown(redacted, path, value))


@dataclass(frozen=True, slots=True)
class Holder:
    """The other source object whose account was found, and what was ``applied`` to it.

    ``gone``: it has left for good, its account is closed and in no group any more.
    """

    source_id: str
    gone: bool
    applied: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the target said: the match of an object without a link, or the account of one with a link.

    ``snapshot``: the account as read in this cycle; ``gone``: the target, asked for it by id, said that it is not
    there. ``holder``: whose account the match is already. ``void``: the create that was promised has made nothing.
    """

    match: Match | None = None
    snapshot: Mapping[str, Any] | None = None
    gone: bool = False
    holder: Holder | None = None
    void: bool = False
