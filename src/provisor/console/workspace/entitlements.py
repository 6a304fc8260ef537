"""Entitlements as the console shows them: each with its label, whether it was given here, and through what else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from provisor.workspace.entitlements import Granted

#: Value → the console's label.
LABELS: Final = {
    "workspace-access": "Workspace access",
    "databricks-sql-access": "Databricks SQL access",
    "allow-cluster-create": "Allow cluster creation",
    "allow-instance-pool-create": "Allow pool creation",
}


@dataclass(frozen=True, slots=True)
class Grant:
    """``here``: given to the user or group itself; ``through``: the ways over groups that give it too."""

    value: str
    text: str
    here: bool = False
    through: Sequence[str] = field(default=())


def grants(effective: Sequence[Granted]) -> list[Grant]:
    """The known entitlements, then whatever else was given."""
    has = {item.value: item for item in effective}
    values = [*LABELS, *(value for value in has if value not in LABELS)]
    return [
        Grant(value, LABELS.get(value, value), item.direct, [" › ".join(path) for path in item.paths])
        if (item := has.get(value))
        else Grant(value, LABELS[value])
        for value in values
    ]


def grants_of_roles(effective: Sequence[Granted]) -> list[Grant]:
    """Roles, which have no labels and are given by SCIM only."""
    return [Grant(item.value, item.value, item.direct, [" › ".join(path) for path in item.paths]) for item in effective]
