"""``python -m tests.fuzz CASES SEED``: that many cases, half of them for each profile, in process, on loopback only."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import structlog

from fuzz.cases import CONTOSO
from fuzz.run import Fuzz, Wrong
from installation import installation
from pair import Pair
from provisor import compose
from provisor.config import Settings


def _progress(number: int) -> None:
    if number % 1000 == 999:
        print(f"\r{number + 1}", end="", file=sys.stderr, flush=True)


async def main(count: int, seed: int) -> int:
    started = time.perf_counter()
    with installation() as shop:
        await asyncio.to_thread(shop.run, "init")
        shop.serve()
        async with compose.opened(Settings(data=shop.folder)) as house:
            for profile in ("databricks", "standard"):
                pair = await Pair.make(shop, house, profile=profile)
                await pair.extend(CONTOSO)
                fuzz = Fuzz.make(pair, seed)
                try:
                    await fuzz.run(count // 2, _progress)
                except Wrong as wrong:
                    print(f"\nseed {seed}, {profile}, {wrong}")
                    return 1
                finally:
                    await pair.close()
                answers = ", ".join(f"{number} × {status}" for status, number in sorted(fuzz.done.items()))
                print(f"\r{profile}: {count // 2} cases, {answers}", flush=True)
    print(f"fuzz: {count} cases, seed {seed}, nothing wrong, {time.perf_counter() - started:.0f} s")
    return 0


if __name__ == "__main__":
    import uvloop

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(main(int(sys.argv[1]), int(sys.argv[2]))))
