"""``python -m tests.kill KILLS SEED``: that many cycles hit by a kill, then PostgreSQL restarted under load."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import structlog

from kill.directory import Wrong
from kill.outage import outages
from kill.run import Run

RESTARTS = 8
#: Seconds after which the server's own cycles must go on when PostgreSQL has been restarted: its first pause, and some.
PATIENCE = 75


async def main(kills: int = 200, seed: int = 1) -> int:
    started = time.perf_counter()
    task = asyncio.current_task()
    assert task is not None
    # Whoever ends this ends what it has started, too.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)

    def progress(run: Run) -> None:
        done, seconds = run.counts, time.perf_counter() - started
        said = f"{done.rounds} rounds, {done.hits} of {kills} cycles hit by {done.kills.total()} kills"
        print(f"\r{said}, {done.restarts} restarts, {seconds:.0f} s", end="", file=sys.stderr, flush=True)

    async with Run.opened(seed) as run:
        try:
            await run.kills(kills, progress)
            await outages(run, RESTARTS, progress, patience=PATIENCE)
        except Wrong as wrong:
            print(f"\n{wrong}\n{run.counts}")
            return 1
        counts = run.counts
    print(f"\nkill: seed {seed}, nothing wrong: {counts}; {time.perf_counter() - started:.0f} s")
    return 0


if __name__ == "__main__":
    import uvloop

    # While PostgreSQL is away asyncpg says so at length.
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(main(*(int(word) for word in sys.argv[1:]))))
