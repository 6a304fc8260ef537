"""Cycles by as many processes as there are: who dies is replaced, who is busy keeps nobody waiting."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator

import pytest

from browser_like import signed_in
from installation import Installation, installation
from pair import Pair
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.api.metrics import metrics
from provisor.compose import House
from provisor.ending import end
from provisor.sync import control, queue
from slow_target import slow

PEOPLE = 120
TOKEN = "t" * 32
#: Seconds within which whatever a dead worker did goes on elsewhere.
TAKEN_OVER = 30.0


@pytest.fixture
def own() -> Iterator[Installation]:
    """A server without a worker."""
    with installation() as made:
        made.run("init", "--domain", "contoso.com")
        made.serve("--no-worker")
        yield made


async def switched_on(pair: Pair) -> None:
    async with pair.edit() as work:
        await control.switch(work, pair.application, "On")


async def accounts(pair: Pair) -> int:
    """How many accounts the workspace has, its admin's among them."""
    _, found = await pair.call("GET", "/Users", params={"count": "1"})
    return int(found["totalResults"])


async def standing(pair: Pair) -> queue.Standing:
    async with pair.house.database.reading() as tx:
        return await queue.standing(tx, pair.tenant.id)


async def until(count: int, pair: Pair, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (found := await accounts(pair)) < count:
        assert time.monotonic() < deadline, f"there are {found} accounts after {seconds:g} seconds"
        await asyncio.sleep(0.05)


async def test_the_doctor_says_that_there_is_no_worker(own: Installation, rooms: House, pair: Pair) -> None:
    inner = await Pair.make(own, rooms)
    await inner.connect(pair.base, pair.token)
    await switched_on(inner)
    asked = ("doctor", "app", "--tenant", inner.tenant.name)
    said = await asyncio.to_thread(own.command, *asked)
    assert said.code == 1
    assert "Provisioning Status is On, and no worker is heard of" in said.out and "provisor serve" in said.out
    with own.worker():
        async with asyncio.timeout(30):
            while not (await standing(inner)).alive:  # noqa: ASYNC110 (the database has no event for it)
                await asyncio.sleep(0.05)
        assert "no worker" not in (await asyncio.to_thread(own.command, *asked)).out
    await inner.close()


async def test_a_worker_that_dies_is_replaced_by_another_from_where_it_was(
    own: Installation, rooms: House, pair: Pair
) -> None:
    inner = await Pair.make(own, rooms)
    sent: list[float] = []
    async with slow(pair.base, 0.5, sent) as address:
        await inner.connect(address, pair.token)
        for number in range(PEOPLE):
            await inner.user(f"p{number}")
        with own.worker() as first:
            await switched_on(inner)
            await until(20, pair, 30)
            with own.worker():
                first.kill()
                first.wait()
                died, count = time.monotonic(), len(sent)
                await until(PEOPLE + 1, pair, TAKEN_OVER + 30)
    assert min(moment for moment in sent[count:] if moment > died + 1) - died < TAKEN_OVER
    assert await accounts(pair) == PEOPLE + 1, "nobody twice"
    assert (await inner.sync()).counts == {}
    await inner.close()


async def test_a_long_cycle_keeps_no_other_application_waiting(own: Installation, rooms: House, pair: Pair) -> None:
    large, small = await Pair.make(own, rooms), await Pair.make(own, rooms)
    async with slow(pair.base, 3.0, []) as address:
        await large.connect(address, pair.token)
        for number in range(PEOPLE):
            await large.user(f"p{number}")
        with own.worker() as process:
            await switched_on(large)
            await until(2, pair, 30)
            await small.user("ada")
            await switched_on(small)
            await until(2, small, 30)
            assert await accounts(pair) < PEOPLE, "it is still at work"
            seen = await standing(large)
            assert seen.alive == 2
            assert ("cycle", "running") in [(job.task, job.state) for job in seen.jobs]
            assert (await standing(small)).others >= 1
            link = await compose.set_up_link(rooms, large.tenant, PROVISOR, "admin@contoso.com")
            text = (await (await signed_in(own.url, link)).get(f"/t/{large.tenant.name}/workers")).text
            assert f'/applications/{large.application}">' in text
            assert "Running" in text
            async with large.edit() as work:
                await control.switch(work, large.application, "Off")
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 10) == 0
    for item in (large, small):
        await item.close()


async def test_without_a_worker_nothing_is_provisioned(own: Installation, rooms: House) -> None:
    inner = await Pair.make(own, rooms)
    await inner.user("ada")
    await switched_on(inner)
    await asyncio.sleep(2)
    assert await accounts(inner) == 1
    seen = await standing(inner)
    assert seen.alive == 0
    assert all(job.state == "waiting" for job in seen.jobs)
    with own.worker():
        await until(2, inner, 10)
    await inner.close()


async def test_an_application_is_asked_only_for_what_concerns_it(own: Installation, rooms: House) -> None:
    """A change of somebody who is not in scope costs the target no request, one of somebody who is costs one."""
    inner = await Pair.make(own, rooms)
    ada = await inner.user("ada")
    ledger = rooms.ledger(inner.tenant, inner.application)
    with own.worker():
        await switched_on(inner)
        await until(2, inner, 10)
        for change, requests in ((inner.user("bob", assigned=False), 0), (inner.set_user(ada, givenName="Augusta"), 1)):
            before = (await ledger.cycles(1))[0]["number"]
            await change
            deadline = time.monotonic() + 10
            while (last := (await ledger.cycles(1))[0])["number"] == before or last["ended"] is None:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            assert (last["kind"], last["status"], last["requests"]) == ("incremental", "done", requests)
    page = bytes((await metrics(rooms.database, TOKEN, f"Bearer {TOKEN}")).body).decode()
    labels = f'{{tenant="{inner.tenant.name}",app="app"'
    assert f"provisor_change_latency_seconds_count{labels}}} 1" in page, "of the one that had to be told"
    assert f'provisor_change_latency_seconds_bucket{labels},le="30"}} 1' in page
    await inner.close()


async def test_a_job_whose_end_could_not_be_written_holds_nobody_up(own: Installation, rooms: House) -> None:
    inner = await Pair.make(own, rooms)
    ada = await inner.user("ada")
    with own.worker():
        await switched_on(inner)
        await until(2, inner, 10)
        made, deadline = None, time.monotonic() + 10
        # The job of the cycle that made the account may still be at its end.
        while made is None:
            assert time.monotonic() < deadline
            async with rooms.database.transaction() as tx:
                made = await tx.fetchval(
                    "insert into procrastinate_jobs (queue_name, task_name, lock, queueing_lock, status, worker_id) "
                    "select 'cycles', 'cycle', $1, $1, 'doing', min(id) from procrastinate_workers "
                    "on conflict do nothing returning id",
                    f"cycle {inner.application}",
                )
        await inner.set_user(ada, accountEnabled=False)
        deadline = time.monotonic() + TAKEN_OVER
        while (await inner.account("ada"))["active"]:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
    await inner.close()


async def test_who_listens_hears_that_the_line_is_lost(house: House) -> None:
    async with house.database.listening("provisor_test") as (heard, lost), house.database.transaction() as tx:
        await tx.execute("select pg_notify('provisor_other', '')")
        assert not heard.is_set() and not lost()
        await tx.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where query = 'LISTEN \"provisor_test\"' "
            "or query = 'LISTEN provisor_test'"
        )
        await asyncio.wait_for(heard.wait(), 5)
        assert lost()


async def test_tasks_are_ended_even_by_one_who_is_ended_meanwhile() -> None:
    heard = 0

    async def stubborn() -> None:
        nonlocal heard
        while heard < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                heard += 1

    inner = asyncio.create_task(stubborn())
    outer = asyncio.create_task(end(inner))
    await asyncio.sleep(0.01)
    await end(outer)
    assert inner.done() and heard == 2
