"""The engine under every fault at once (``tests/simulation``), and the planted bugs that prove the check."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pair import Pair
from provisor.compose import House
from provisor.storage import embedded
from simulation.mutants import MUTANTS, Mutant
from simulation.postgres import simulate
from simulation.right import Violation
from simulation.systematic import CALLS, STEADY, Failing
from simulation.world import World

SEEDS, PORTION = 1000, 100
ON_POSTGRES = 100
#: Within so many seeds each planted bug must be found.
ENOUGH = 500


@pytest.mark.parametrize("first", range(0, SEEDS, PORTION))
def test_whatever_breaks_the_end_is_right(first: int) -> None:
    for seed in range(first, first + PORTION):
        try:
            World(seed).run()
        except Violation as violation:
            pytest.fail(f"{violation}\nIts story: make simulate SEEDS=1 FIRST={seed}")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_bug_is_found(mutant: Mutant) -> None:
    for seed in range(ENOUGH):
        with mutant.plant():
            try:
                World(seed, mutant.scenario).run()
            except Violation:
                break
    else:
        pytest.fail(f"{ENOUGH} seeds do not find: {mutant.name}")
    World(seed, mutant.scenario).run()


@pytest.mark.parametrize("fault", ["refused", "unheard", "killed"])
def test_one_fault_at_every_single_point(fault: str) -> None:
    """The same history as often as it makes calls, each time with exactly one of them failing."""
    whole = Failing(1, STEADY)
    whole.run()
    assert whole.points > CALLS
    for point in range(1, whole.points + 1):
        run = Failing(1, STEADY, fault=fault, point=point)
        try:
            run.run()
        except Violation as violation:
            pytest.fail(f"call {point} {fault}: {violation}")


def test_a_seed_tells_the_same_story_in_every_process() -> None:
    tests = Path(__file__).parents[1]
    told = [
        subprocess.run(
            [sys.executable, "-m", "simulation", "1", "7"],
            cwd=tests,
            env={"PYTHONHASHSEED": str(number), "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for number in (1, 2)
    ]
    assert told[0] == told[1]
    assert len(told[0].splitlines()) > 50


def test_a_violation_names_what_is_wrong() -> None:
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "matched by user name only")
    with mutant.plant(), pytest.raises(Violation, match="nobody's business"):
        World(0, replace(mutant.scenario, changes=3)).run()


@pytest.mark.parametrize("first", range(0, ON_POSTGRES, PORTION // 4))
async def test_the_same_over_postgresql(pair: Pair, house: House, first: int) -> None:
    held = await asyncio.to_thread(embedded.hold, house.settings.data)
    try:
        for seed in range(first, first + PORTION // 4):
            try:
                await asyncio.to_thread(simulate, seed, held.arguments, (pair.tenant.id, pair.application))
            except Violation as violation:
                pytest.fail(f"seed {seed} on PostgreSQL: {violation}")
    finally:
        await asyncio.to_thread(held.release)
