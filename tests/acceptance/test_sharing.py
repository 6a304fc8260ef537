"""A large cycle is done by as many processes as there are; one that dies or stands still holds nobody up for long."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from installation import Installation, installation
from pair import Pair
from provisor.compose import House
from provisor.directory import applications
from provisor.storage.pool import AWAY
from provisor.sync import control, queue
from provisor.sync.applying import SHARED
from provisor.sync.sharing import GIVEN_UP, HELPER_SECONDS, HOLDER
from slow_target import slow

PEOPLE = SHARED + 1000


@pytest.fixture
def own() -> Iterator[Installation]:
    """A server without a worker, and more people than one worker keeps to itself."""
    with installation() as made:
        made.run("init", "--domain", "contoso.com")
        rows = "".join(f"p{number}@contoso.com,P {number}\n" for number in range(PEOPLE))
        file = made.folder.parent / "people.csv"
        file.write_text(f"userPrincipalName,displayName\n{rows}")
        made.serve("--no-worker")
        yield made


async def shared(pair: Pair) -> dict[str, int]:
    """Pages by process ("" is whoever holds the lease), of the cycle that runs."""
    async with pair.house.database.reading() as tx:
        rows = await tx.fetch(
            "select case when p.helper = $2 then '' else coalesce(h.worker, 'gone') end as worker, count(*) as pages "
            "from sync_page p left join sync_helper h on h.id = p.helper where p.application = $1 group by 1",
            pair.application,
            HOLDER,
        )
    return {row["worker"]: row["pages"] for row in rows}


async def helper(pair: Pair, processes: list[subprocess.Popen[str]]) -> subprocess.Popen[str]:
    """The process that helps, once it has a page."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for worker in await shared(pair):
            number = worker.rpartition("/")[2]
            if number.isdecimal():
                return next(process for process in processes if process.pid == int(number))
        await asyncio.sleep(0.05)
    raise AssertionError("nobody helps")


async def begun(own: Installation, rooms: House, pair: Pair, address: str) -> Pair:
    """An application, switched on, for more people than one worker keeps to itself."""
    inner = await Pair.make(own, rooms)
    people = str(own.folder.parent / "people.csv")
    await asyncio.to_thread(own.run, "directory", "import", people, "--tenant", inner.tenant.name)
    await inner.connect(address, pair.token)
    async with inner.edit() as work:
        app = await inner.app(work.tx)
        await applications.save(work, app, applications.with_connection(app, app, scope="all"), "set")
        await control.switch(work, inner.application, "On")
    return inner


async def ended(pair: Pair, seconds: float) -> None:
    """Wait until the application's first cycle has ended."""
    deadline = time.monotonic() + seconds
    ledger = ledger_of(pair)
    while not any(row["ended"] for row in await ledger.cycles(5, "cycle")):
        assert time.monotonic() < deadline, f"it runs still after {seconds:g} seconds"
        await asyncio.sleep(0.1)


def ledger_of(pair: Pair) -> Any:
    return pair.house.ledger(pair.tenant, pair.application)


async def accounts(pair: Pair) -> int:
    _, found = await pair.call("GET", "/Users", params={"count": "1"})
    return int(found["totalResults"])


async def came_right(inner: Pair, pair: Pair) -> None:
    """Whoever was left is done by the cycles after, nobody is there twice, and nothing is left to do."""
    deadline = time.monotonic() + 150
    # The workspace's admin, the people, and the tenant's administrator.
    while await accounts(pair) < PEOPLE + 2:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)
    await asyncio.sleep(2)
    assert await accounts(pair) == PEOPLE + 2
    assert (await inner.sync()).counts == {}


async def test_two_workers_do_one_cycle(own: Installation, rooms: House, pair: Pair) -> None:
    async with slow(pair.base, 0.3) as address:
        with own.worker() as one, own.worker() as other:
            processes = [one, other]
            inner = await begun(own, rooms, pair, address)
            second = await helper(inner, processes)
            async with rooms.database.reading() as tx:
                jobs = (await queue.standing(tx, inner.tenant.id)).jobs
            assert [name.rpartition("/")[2] for job in jobs for name in job.helpers] == [str(second.pid)]
            await ended(inner, 120)
            (cycle,) = await ledger_of(inner).cycles(1, "cycle")
            assert (cycle["status"], cycle["done"]) == ("done", PEOPLE + 1)
            await came_right(inner, pair)
    await inner.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_helper_that_dies_or_stands_still_holds_up_nobody(
    own: Installation, rooms: House, pair: Pair, how: signal.Signals
) -> None:
    async with slow(pair.base, 0.3) as address:
        with own.worker() as one, own.worker() as other:
            processes = [one, other]
            inner = await begun(own, rooms, pair, address)
            victim = await helper(inner, processes)
            victim.send_signal(how)
            struck = time.monotonic()
            await ended(inner, 120)
            assert time.monotonic() - struck < HELPER_SECONDS + 90
            if how == signal.SIGSTOP:
                victim.send_signal(signal.SIGCONT)
            rows = await ledger_of(inner).log(limit=10_000)
            given_up = [row for row in rows if row["message"] == GIVEN_UP]
            assert len(given_up) <= 300, "what it had in its hands, and no more"
            await came_right(inner, pair)
    await inner.close()


async def test_whoever_planned_dies_and_others_go_on(own: Installation, rooms: House, pair: Pair) -> None:
    async with slow(pair.base, 0.3) as address:
        with own.worker() as one, own.worker() as other:
            processes = [one, other]
            inner = await begun(own, rooms, pair, address)
            survivor = await helper(inner, processes)
            next(process for process in processes if process is not survivor).kill()
            await came_right(inner, pair)
    await inner.close()


async def test_a_worker_that_stands_still_while_it_writes_is_waited_for_but_not_for_long(
    rooms: House, pair: Pair
) -> None:
    ledger = ledger_of(pair)
    await ledger.job()
    epoch = await ledger.take("somebody", 90)
    with pytest.raises(AWAY):
        async with ledger._fenced(epoch) as tx:
            # Longer than that, and whoever waits would be refused.
            async with asyncio.timeout(25):
                await ledger.keep(epoch, 90)
            await tx.fetchval("select 1")
