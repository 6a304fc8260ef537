"""What the ledger gives out and takes in, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from provisor.provisioning.change import Change, Known, shown

Status = Literal["success", "failure", "skipped"]
#: *initial* looks at everything and puts right what differs; *incremental* at what changed; *full* at everything, and
#: treats what was changed at the target by the drift policies; *on demand* at somebody only; *revert* undoes a cycle.
Kind = Literal["initial", "incremental", "full", "on demand", "revert"]
#: A cycle, the dry run of the next one, or that of mappings which are not saved.
Mode = Literal["cycle", "plan", "draft"]


#: Upper ends (seconds) of the spans in which the time from a change to the target's answer is counted; above the last
#: there is one more.
LATENCY_SPANS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 86400.0)


@dataclass(frozen=True, slots=True)
class JobState:
    """``quarantine`` is the reason why cycles do not go through; ``held``: a cycle is running.

    ``now`` is the ledger's clock, by which all its times are. ``generation`` counts how often ``initial`` was set;
    ``compared`` is when every account was last read; ``forced``: the initial cycle puts right all that differs, also
    what was changed at the target; ``restored``: all this came out of a backup of then, and nobody has let it go on;
    ``refused`` cycles in a row did not go through.
    """

    watermark: int
    initial: bool
    generation: int
    cycles: int
    last_cycle: datetime | None
    quarantine: str | None
    held: bool
    now: datetime
    compared: datetime | None = None
    forced: bool = False
    restored: datetime | None = None
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Due:
    """A dirty object: ``seq`` is what it must be brought up to; ``known`` what is known of it."""

    known: Known
    seq: int
    objects: bool
    references: bool


@dataclass(frozen=True, slots=True)
class Planned:
    """A row of a plan."""

    ordinal: int
    change: Change


@dataclass(frozen=True, slots=True)
class Membership:
    """A member of a group at the target: ``added`` by us or found there; ``confirmed``: it is known to be in it."""

    target_id: str
    added: bool
    confirmed: bool = True


@dataclass(slots=True)
class Outcome:
    """What came of one planned change.

    ``after`` is what is known of the object now (None: forget it); ``settled``: its ``seq`` is reached; ``due``: it is
    not, whatever was reached before. A failure is tried again after ``retry_seconds``. ``releases``: whose account it
    was before. Member rows are (group, member, target id, added by us).
    """

    ordinal: int
    source_id: str
    seq: int
    status: Status
    after: Known | None
    message: str | None = None
    settled: bool = True
    due: bool = False
    retry_seconds: float | None = None
    releases: str | None = None
    members_put: list[tuple[str, str, str, bool]] = field(default_factory=list)
    members_gone: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Cycle:
    """A cycle that was begun."""

    id: UUID
    number: int
    kind: Kind
    mode: Mode
    generation: int


def detail_of(change: Change) -> Mapping[str, Any]:
    """The parts of a change that have no column of their own, as far as there is something to say."""
    parts = {
        "attributes": {name: list(pair) for name, pair in change.attributes.items()},
        "kept": {name: list(pair) for name, pair in change.kept.items()},
        "wanted": change.wanted,
        "members": list(change.members),
        "adopts": change.adopts,
        "closes": change.closes,
        "releases": change.releases,
        "redacted": list(change.redacted),
        "scope": change.scope,
        "match": change.match,
        "drift": {name: list(pair) for name, pair in change.drift.items()},
        "strangers": list(change.strangers),
        "inherited": change.inherited,
        "references_only": change.references_only,
        "missed": change.missed,
    }
    return {name: value for name, value in parts.items() if value}


def pairs(row: Mapping[str, Any], part: str = "attributes") -> dict[str, tuple[Any, Any]]:
    """``attributes``, ``kept`` or ``drift`` of a plan's or log's row as people may see them: path → (before, after)."""
    detail = row["detail"]
    hidden = detail.get("redacted", ())
    return {
        path: (shown(hidden, path, pair[0]), shown(hidden, path, pair[1]))
        for path, pair in detail.get(part, {}).items()
    }


def change_from(row: Mapping[str, Any]) -> Change:
    detail = row["detail"]
    return Change(
        action=row["action"],
        object_type=row["object_type"],
        source_id=str(row["source_id"]),
        source_name=row["source_name"],
        reason=row["reason"],
        seq=row["seq"],
        phase=row["phase"],
        target_id=row["target_id"],
        attributes={name: (pair[0], pair[1]) for name, pair in detail.get("attributes", {}).items()},
        kept={name: (pair[0], pair[1]) for name, pair in detail.get("kept", {}).items()},
        wanted=detail.get("wanted", {}),
        members=tuple(detail.get("members", ())),
        adopts=detail.get("adopts", False),
        closes=detail.get("closes", False),
        releases=detail.get("releases"),
        retry=row["retry"],
        redacted=tuple(detail.get("redacted", ())),
        scope=detail.get("scope", ""),
        match=detail.get("match", ""),
        drift={name: (pair[0], pair[1]) for name, pair in detail.get("drift", {}).items()},
        strangers=tuple(detail.get("strangers", ())),
        inherited=detail.get("inherited", {}),
        references_only=detail.get("references_only", False),
        missed=detail.get("missed", False),
    )


def known_from(row: Mapping[str, Any]) -> Known:
    return Known(
        source_id=str(row["source_id"]),
        object_type=row["object_type"],
        state=row["state"],
        target_id=row["target_id"],
        adopted=row["adopted"],
        intent=row["intent"],
        last_applied=row["last_applied"],
        kept=row["kept"],
        failures=row["failures"],
        error=row["error"],
        unsettled=row["unsettled"],
        deleting=row["deleting"],
    )
