"""The floor under a cycle: the very requests that the engine sent, sent again by a client that does nothing else: one
that writes bytes to a socket, and one that uses the HTTP library of the engine.

They are read from the file that the target wrote them to, some thousands at a time, so that the largest scale fits into
memory; reading and putting them together is not part of the time. What was sent with another method waits until what
came before is done, as a group must be there before somebody is put into it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

import aiohttp
import orjson

from bench.client import Client

_AT_A_TIME: Final = 10_000
Written = tuple[str, str, bytes]


async def again(url: str, place: Path, at_once: int) -> tuple[int, float]:
    """How many requests were sent again, ``at_once`` in flight, and in how many seconds."""
    client = Client(url, "bench" * 8)
    count, seconds = 0, 0.0
    for part in _parts(place):
        requests = [
            client.request(method, path, orjson.Fragment(body) if body else None) for method, path, body in part
        ]
        seconds += len(requests) / await client.rate(requests, at_once)
        count += len(requests)
    return count, seconds


async def through_library(url: str, place: Path, at_once: int) -> tuple[int, float]:
    """As :func:`again`, by the library that the engine asks with."""
    count, seconds = 0, 0.0
    headers = {"Authorization": "Bearer " + "bench" * 8, "Content-Type": "application/scim+json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=at_once), headers=headers) as session:

        async def work(lane: list[Written]) -> None:
            for method, path, body in lane:
                async with session.request(method, url + path, data=body or None) as response:
                    orjson.loads(await response.read() or b"{}")
                    assert response.status < 300, response.status

        for part in _parts(place):
            started = time.perf_counter()
            await asyncio.gather(*(work(part[lane::at_once]) for lane in range(at_once)))
            seconds += time.perf_counter() - started
            count += len(part)
    return count, seconds


def _parts(place: Path) -> Iterator[list[Written]]:
    for _, same in groupby(_read(place), lambda written: written[0]):
        part: list[Written] = []
        for written in same:
            part.append(written)
            if len(part) == _AT_A_TIME:
                yield part
                part = []
        if part:
            yield part


def _read(place: Path) -> Iterator[Written]:
    with place.open("rb") as file:
        while head := file.readline():
            method, path, length = head.decode().split()
            yield method, path, file.read(int(length))
