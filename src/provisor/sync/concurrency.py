"""Doing several things at a time, and ending all of them when one of them fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Any, TypeVar

#: What is asked or sent at a time before the target's governor lets a part of it through.
CONCURRENT = 64
T = TypeVar("T")


async def gather(tasks: Iterable[Any]) -> list[Any]:
    """Run coroutines, :data:`CONCURRENT` at a time, and return their results in order."""
    waiting = list(tasks)
    limit = asyncio.Semaphore(CONCURRENT)

    async def one(task: Any) -> Any:
        async with limit:
            return await task

    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(one(task)) for task in waiting]
    except BaseExceptionGroup as several:
        # They are the same failure many times over; the first says why.
        raise several.exceptions[0] from None
    finally:
        for task in waiting:
            # Those that had no turn.
            task.close()
    return [task.result() for task in running]


async def ahead(pages: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """``pages``, of which the next is made while whoever asks works on one. To be closed by whoever asks."""
    following = asyncio.ensure_future(anext(pages, None))
    try:
        while (page := await following) is not None:
            following = asyncio.ensure_future(anext(pages, None))
            yield page
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
