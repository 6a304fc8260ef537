"""The governor of a target, in counted time: it finds what the target takes, and stays there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from provisor.connectors.governor import Governor
from simulation.loop import run


@dataclass
class Server:
    """Takes ``capacity`` requests at a time, or refuses; works ``slots`` of them at a time, ``seconds`` each."""

    capacity: int = 1000
    slots: int = 1000
    seconds: float = 0.1
    now: int = 0
    served: int = 0
    refused: int = 0
    most: int = 0
    turns: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self.turns = asyncio.Semaphore(self.slots)

    async def ask(self, governor: Governor, rest: float | None = None, kind: str = "GET") -> None:
        while True:
            async with governor.turn(kind) as asked:
                self.now += 1
                self.most = max(self.most, self.now)
                try:
                    busy = self.now > self.capacity
                    if busy:
                        self.refused += 1
                        await asyncio.sleep(0.01)
                    else:
                        async with self.turns:
                            await asyncio.sleep(self.seconds)
                        self.served += 1
                finally:
                    self.now -= 1
                governor.answered(asked, busy=busy, rest=rest if busy else None)
                if not busy:
                    return


def test_it_goes_up_to_the_limit_that_somebody_set() -> None:
    server, governor = Server(), Governor(16)

    async def work() -> None:
        await asyncio.gather(*(server.ask(governor) for _ in range(500)))
        # Sixteen at a time from soon after the start on, a tenth of a second each.
        assert asyncio.get_running_loop().time() < 500 / 16 * 0.1 + 0.5

    run(work())
    assert (server.served, server.most, governor.limit, governor.slowed) == (500, 16, 16, None)


@pytest.mark.parametrize("capacity", [1, 3, 10])
def test_it_finds_what_the_target_takes(capacity: int) -> None:
    server, governor = Server(capacity=capacity), Governor(64)

    async def work() -> None:
        await asyncio.gather(*(server.ask(governor) for _ in range(1000)))
        # At least half of what could be done at all was done.
        assert asyncio.get_running_loop().time() < 2 * 1000 / capacity * 0.1

    run(work())
    assert server.served == 1000
    assert server.refused < 150
    assert governor.why == "the target said that it is too much"


def test_it_notices_that_answers_become_slow() -> None:
    server, governor = Server(slots=4, seconds=0.5), Governor(64)

    async def work() -> None:
        await asyncio.gather(*(server.ask(governor) for _ in range(400)))

    run(work())
    assert governor.why == "answers became slow"
    assert governor.limit < 32


def test_writes_that_take_longer_than_reads_are_not_slow() -> None:
    reads, writes, governor = Server(seconds=0.05), Server(seconds=1.2), Governor(16)

    async def work() -> None:
        await reads.ask(governor)
        await asyncio.gather(*(writes.ask(governor, kind="POST") for _ in range(150)))

    run(work())
    assert (governor.why, governor.limit) == ("", 16)


def test_nobody_is_asked_while_the_target_wants_a_pause() -> None:
    governor, times = Governor(8), list[float]()

    async def one(number: int) -> None:
        async with governor.turn() as asked:
            times.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.1)
            governor.answered(asked, busy=number == 0, rest=20.0 if number == 0 else None)

    async def work() -> None:
        await asyncio.gather(*(one(number) for number in range(12)))

    run(work())
    assert len(times) == 12
    assert [time < 1 or time >= 20 for time in times] == [True] * 12
    assert sum(time >= 20 for time in times) == 8, "four were under way"


def test_whoever_gives_up_in_the_line_keeps_nobody_else_waiting() -> None:
    server, governor = Server(), Governor(1)

    async def work() -> None:
        tasks = [asyncio.create_task(server.ask(governor)) for _ in range(10)]
        await asyncio.sleep(0.15)
        for task in tasks[1:8]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(work())
    assert (server.served >= 3, governor.under_way) == (True, 0)


@dataclass
class Limited:
    """Takes ``rate`` requests a second evenly, ``burst`` at once, and answers others 429 with a pause of a second."""

    rate: float
    burst: float
    tokens: float = 0.0
    at: float = 0.0
    served: int = 0
    refused: int = 0

    async def ask(self, governor: Governor, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        while True:
            async with governor.turn() as asked:
                await asyncio.sleep(seconds)
                now = loop.time()
                self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
                self.at = now
                taken = self.tokens >= 1
                self.tokens -= taken
                self.served += taken
                self.refused += not taken
                governor.answered(asked, busy=not taken, rest=None if taken else 1.0)
                if taken:
                    return


@pytest.mark.parametrize(("rate", "burst"), [(5, 5), (50, 10), (200, 20), (200, 200), (500, 100)])
def test_it_finds_how_many_requests_a_second_a_target_takes(rate: float, burst: float) -> None:
    server, governor = Limited(rate, burst, tokens=burst), Governor(64)
    seconds = 120
    left = iter(range(int(rate * seconds)))

    async def client() -> None:
        for _ in left:
            await server.ask(governor, 0.005)

    async def work() -> None:
        await asyncio.gather(*(client() for _ in range(64)))
        # Of what could be had at all it has had nine tenths.
        assert asyncio.get_running_loop().time() < seconds / 0.9

    run(work())
    assert server.served == rate * seconds
    assert server.refused < server.served / 20 + 20
