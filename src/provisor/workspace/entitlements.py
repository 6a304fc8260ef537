"""Entitlements: what a user or group was given itself, and what it has through the groups above it.

Grants are kept where they were given and never copied down, so a permission given individually stays when the group
that also gave it is left, and one that only the group gave ends with the membership.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from provisor.storage.pool import Tx
from provisor.workspace.edit import QUERIES, Workspace


@dataclass(slots=True)
class Entitlement:
    """``direct``: given individually; ``groups``: the names of the groups that give it too."""

    value: str
    direct: bool = False
    groups: list[str] = field(default_factory=list)


async def effective(tx: Tx, workspace: Workspace, principal: str) -> list[Entitlement]:
    """What the user or group with this id may do, and from where, in the order of the names."""
    found: dict[str, Entitlement] = {}
    for row in await tx.fetch(QUERIES.grants, workspace.id, principal):
        for grant in row["entitlements"] or ():
            entitlement = found.setdefault(grant["value"], Entitlement(grant["value"]))
            if row["id"] == principal:
                entitlement.direct = True
            else:
                entitlement.groups.append(row["name"])
    return [found[value] for value in sorted(found)]
