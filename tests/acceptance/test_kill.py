"""The first of the kills that ``make kill`` makes, and one restart of PostgreSQL, with every run of the tests."""

from __future__ import annotations

from kill.outage import outages
from kill.run import KINDS, Run


async def test_kills_and_a_restart_of_the_database_leave_everything_right() -> None:
    async with Run.opened(seed=1, waited=0) as run:
        await run.kills(len(KINDS), twice=0)
        await outages(run, 1)
    assert set(run.counts.kills) == set(KINDS)
    assert run.counts.restarts == 1
