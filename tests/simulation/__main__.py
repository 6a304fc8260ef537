"""``python -m tests.simulation SEEDS FIRST``: that many runs from seed FIRST on, on every core; one tells its story.

A seed that fails is named with what does not hold; ``python -m tests.simulation 1 SEED`` replays it line by line.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from simulation.right import Violation
from simulation.world import World

#: Runs that one process is given at a time.
PORTION = 50


def several(seeds: range) -> tuple[int, int, list[tuple[int, str]]]:
    """Cycles, requests, and the seeds that fail with what does not hold."""
    cycles = requests = 0
    failed = []
    for seed in seeds:
        run = World(seed)
        try:
            run.run()
        except Exception as error:
            failed.append((seed, f"{error}" if isinstance(error, Violation) else f"{type(error).__name__}: {error}"))
        cycles += run.cycles
        requests += run.requests
    return cycles, requests, failed


def _portions(first: int, seeds: int) -> Iterator[range]:
    for start in range(first, first + seeds, PORTION):
        yield range(start, min(start + PORTION, first + seeds))


def replay(seed: int) -> int:
    """One run with its story."""
    run = World(seed, telling=True)
    try:
        run.run()
    except Violation as violation:
        print("\n".join(run.story))
        print(f"simulate: seed {seed}: {violation}")
        return 1
    print("\n".join(run.story))
    return 0


def main(seeds: int, first: int) -> int:
    if seeds == 1:
        return replay(first)
    started = time.perf_counter()
    cycles = requests = done = 0
    failed: list[tuple[int, str]] = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for portion, found in zip(_portions(first, seeds), pool.map(several, _portions(first, seeds)), strict=True):
            done += len(portion)
            cycles, requests, failed = cycles + found[0], requests + found[1], failed + found[2]
            for seed, what in found[2]:
                print(f"\nseed {seed}: {what}", flush=True)
            print(f"\r{done} of {seeds} seeds, {len(failed)} fail", end="", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - started
    print(
        f"\nsimulate: {seeds} seeds from {first}, {len(failed)} fail: {cycles} cycles, {requests} requests, "
        f"{seconds:.0f} s, {seeds / seconds:.0f} a second"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
