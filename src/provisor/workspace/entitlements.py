"""Entitlements and roles: what a user or group was given itself, and what it has through the groups above it.

Grants are kept where they were given and never copied down, so a permission given individually stays when the group
that also gave it is left, and one that only the group gave ends with the membership.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provisor.storage.pool import Row, Tx
from provisor.workspace.edit import QUERIES, Workspace


@dataclass(slots=True)
class Granted:
    """``direct``: given individually. ``paths``: for each group that gives it too, the names from the group whose
    member the principal is up to that one; of several ways the shortest."""

    value: str
    direct: bool = False
    paths: list[tuple[str, ...]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Above:
    """A group that a principal is in; ``way``: the names of the groups on the shortest way to it, its own last."""

    id: str
    way: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.way[-1]

    @property
    def direct(self) -> bool:
        return len(self.way) == 1


@dataclass(frozen=True, slots=True)
class Effective:
    """What somebody may do, in the order of the names, and the groups above, nearest first."""

    entitlements: list[Granted]
    roles: list[Granted]
    groups: list[Above]


async def effective(tx: Tx, workspace: Workspace, principal: str) -> Effective:
    """What the user or group with this id may do, and through what."""
    rows = {row["id"]: row for row in await tx.fetch(QUERIES.grants, workspace.id, principal)}
    paths = _paths(principal, rows)
    return Effective(
        _granted(principal, rows, paths, "entitlements"),
        _granted(principal, rows, paths, "roles"),
        [Above(identity, path) for identity, path in paths.items() if path],
    )


def _paths(principal: str, rows: Mapping[str, Row]) -> dict[str, tuple[str, ...]]:
    """For each group above, nearest first, the names of the groups on the way to it."""
    found: dict[str, tuple[str, ...]] = {principal: ()}
    nearest = [principal]
    while nearest:
        further = []
        for identity in nearest:
            for group in rows[identity]["above"] if identity in rows else ():
                if group not in found and group in rows:
                    found[group] = (*found[identity], rows[group]["name"])
                    further.append(group)
        nearest = further
    return found


def _granted(
    principal: str, rows: Mapping[str, Row], paths: Mapping[str, tuple[str, ...]], attribute: str
) -> list[Granted]:
    found: dict[str, Granted] = {}
    for identity, path in paths.items():
        for grant in (rows[identity][attribute] if identity in rows else None) or ():
            value = grant.get("value")
            if value is None:
                continue
            granted = found.setdefault(value, Granted(value))
            if identity == principal:
                granted.direct = True
            else:
                granted.paths.append(path)
    return [found[value] for value in sorted(found)]
