"""What a run has: how many people, which faults and how often, who dies when; and the mappings that all runs share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final

from provisor.provisioning import edit
from provisor.provisioning.schema import Rules, compile_schema
from provisor.provisioning.templates import template
from simulation.directory import USUAL
from simulation.target import ENTERPRISE, Faults

EXTERNAL: Final = "externalId"
MANAGER: Final = f"{ENTERPRISE}:manager"


def rules() -> Rules:
    """Few attributes, every kind: matched by user name, owned by externalId, cleared, switched, and references."""
    document = template("scim")
    keep = {"userName", "active", "displayName", EXTERNAL, MANAGER}
    for row in edit.rows(document, "User"):
        if row["target"] not in keep:
            document = edit.delete_mapping(document, "User", row["target"])
    document = edit.edit_mapping(document, "User", EXTERNAL, attribute="objectId")
    document = edit.add_mapping(document, "User", "title", attribute="department")
    return compile_schema(document)


RULES: Final = rules()


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a run has. Rates are per call, counts per run; ``weights``: which changes the directory sees; ``compares``:
    there are full comparisons; ``bulk``: so many operations go in one request (0: each alone); ``helpers``: so
    many more processes help with cycles, and are killed or paused at this rate (``unlucky``) per call; plans of fewer
    rows than ``alone`` are not shared."""

    people: int = 7
    changes: int = 25
    workers: int = 1
    faults: Faults = field(default_factory=Faults)
    database: float = 0.0
    crashes: int = 0
    pauses: int = 0
    drift: int = 0
    bulk: int = 0
    outages: int = 0
    revoked: int = 0
    strangers: bool = True
    compares: bool = True
    helpers: int = 0
    unlucky: float = 0.0
    alone: int = 0
    weights: Mapping[str, int] = field(default_factory=lambda: USUAL)


def scenario(random: Random) -> Scenario:
    """By chance: each kind of trouble is in about every second run."""

    def some(most: float) -> float:
        return random.random() * most if random.random() < 0.45 else 0.0

    def times(most: int) -> int:
        return random.randint(1, most) if random.random() < 0.45 else 0

    faults = Faults(
        busy=some(0.3),
        lost_before=some(0.15),
        lost_after=some(0.3),
        broken=some(0.2),
        ignored=some(0.1),
        claimed=some(0.05),
        truncated=some(0.5),
        shifting=some(0.5),
        lag=some(60.0),
        page=random.choice([2, 3, 100]),
        silent_cap=random.choice([0, 0, 0, 3]),
        unsaid=some(0.1),
        forgotten=random.random() < 0.2,
        hidden=random.random() < 0.2,
    )
    return Scenario(
        people=random.randint(2, 9),
        changes=random.randint(5, 40),
        workers=random.choice([1, 1, 2]),
        faults=faults,
        database=some(0.05),
        crashes=times(8),
        pauses=times(5),
        drift=times(8),
        outages=times(3),
        revoked=times(2),
        strangers=random.random() < 0.7,
        bulk=random.choice([0, 0, 3, 100]),
        helpers=random.choice([0, 0, 1, 2]),
        unlucky=some(0.05),
        alone=random.choice([0, 0, 4]),
    )
