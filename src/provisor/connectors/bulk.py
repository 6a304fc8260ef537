"""Many writes in one request (RFC 7644 §3.7), for a target that says that it takes them so.

Whatever is to be sent at the same moment goes together, and whoever sends one hears of that one only, as if it had gone
alone: with its own status, and in doubt when the answer does not say what became of it. So nobody who sends knows of
this. A target that refuses the whole is asked for each by itself from then on, and so is one that does not show what it
created: it is not believed unseen, and looking afterwards costs more than bulk saves. What was found out of a target
is kept with its governor.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import orjson

from provisor.connectors.base import TargetError
from provisor.connectors.governor import Governor
from provisor.connectors.http import Answer, Http
from provisor.provisioning.capabilities import Bulk
from provisor.scim.messages import BULK_REQUEST
from provisor.scim.requests import Request

_WRITES: Final = frozenset({"POST", "PATCH", "DELETE"})
#: Answers of a target that did nothing of a bulk request: it has none after all, or does not take this one, or not from
#: whoever asks.
_NOT_HERE: Final = frozenset({400, 403, 404, 405, 413, 501})
_TOO_LARGE: Final = 413
#: Answers that say of each operation what became of it.
_SAID: Final = frozenset({200, 207})
#: Bytes around the operations.
_FRAME: Final = 200


@dataclass(eq=False, slots=True)
class _Waiting:
    """A request that goes with others; ``operation`` are its bytes among theirs."""

    request: Request
    name: str
    operation: bytes
    answer: asyncio.Future[Answer]


class Together:
    """Sends requests over ``http``, as many at a time as ``bulk`` says, and as ``governor`` has found to work."""

    def __init__(self, http: Http, bulk: Bulk, governor: Governor) -> None:
        self._http = http
        self._bulk = bulk
        self._governor = governor
        self._waiting: list[_Waiting] = []
        self._running: set[asyncio.Task[None]] = set()
        self._count = 0

    @property
    def _most(self) -> int:
        found = self._governor.operations
        return self._bulk.operations if found is None else min(found, self._bulk.operations)

    async def ask(self, request: Request) -> Answer:
        """Send ``request`` with all others that are sent now. Raises what :meth:`Http.ask` does."""
        goes = request.method in _WRITES - self._governor.alone and not request.query
        if not goes or self._most < 2:
            return await alone(self._http, request)
        loop = asyncio.get_running_loop()
        if not self._waiting:
            # Those that are about to ask have done so when this is called.
            loop.call_soon(self._go)
        self._count += 1
        name = str(self._count)
        operation: dict[str, Any] = {"method": request.method, "path": request.path, "bulkId": name}
        if request.body is not None:
            operation["data"] = request.body
        waiting = _Waiting(request, name, orjson.dumps(operation), loop.create_future())
        self._waiting.append(waiting)
        return await waiting.answer

    async def close(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _go(self) -> None:
        waiting, self._waiting = self._waiting, []
        for part in self._parts([item for item in waiting if not item.answer.done()]):
            task = asyncio.create_task(self._send(part))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            ended = partial(_end, part, task)
            for item in part:
                item.answer.add_done_callback(ended)

    def _parts(self, waiting: list[_Waiting]) -> Iterator[list[_Waiting]]:
        part: list[_Waiting] = []
        size = _FRAME
        for item in waiting:
            more = len(item.operation) + 1
            if part and (len(part) >= self._most or size + more > self._bulk.bytes):
                yield part
                part, size = [], _FRAME
            part.append(item)
            size += more
        if part:
            yield part

    async def _send(self, part: list[_Waiting]) -> None:
        try:
            answers = await self._answers(part)
        except asyncio.CancelledError:
            for item in part:
                item.answer.cancel()
            raise
        except BaseException as error:
            # That somebody said stop is for each of them, too.
            for item in part:
                if not item.answer.done():
                    item.answer.set_exception(error)
            return
        for item, answer in zip(part, answers, strict=True):
            if not item.answer.done():
                if isinstance(answer, Answer):
                    item.answer.set_result(answer)
                else:
                    item.answer.set_exception(answer)

    async def _answers(self, part: list[_Waiting]) -> list[Answer | BaseException]:
        if len(part) == 1:
            return [await alone(self._http, part[0].request)]
        operations = [orjson.Fragment(item.operation) for item in part]
        body = orjson.dumps({"schemas": [BULK_REQUEST], "Operations": operations})
        try:
            answer = await self._http.ask("POST", "/Bulk", None, body)
        except TargetError as error:
            # One that is not there says nothing of how it takes them.
            if error.unclear:
                self._leave(0)
            raise
        if answer.status in _NOT_HERE and not answer.doubtful:
            self._leave(len(part) // 2 if answer.status == _TOO_LARGE else 0)
            return await asyncio.gather(*(alone(self._http, item.request) for item in part), return_exceptions=True)
        if answer.status not in _SAID and not 200 <= answer.status < 300 and answer.status not in _NOT_HERE:
            # It is busy, refuses whoever asks, or broke: that is so of each of them.
            if answer.status >= 500:
                self._leave(0)
            return [answer for _ in part]
        found = _by_name(answer.data) if answer.status in _SAID else {}
        own = [_own(answer, item, found.get(item.name)) for item in part]
        if any(isinstance(what, TargetError) for what in own):
            self._leave(0)
        return await asyncio.gather(*(self._seen(item, what) for item, what in zip(part, own, strict=True)))

    def _leave(self, operations: int) -> None:
        """Send fewer at a time from now on, or (0) each by itself."""
        self._governor.operations = min(self._most, operations)

    async def _seen(self, item: _Waiting, answer: Answer | BaseException) -> Answer | BaseException:
        """The answer; with what was created where it does not say so."""
        if not isinstance(answer, Answer) or item.request.method != "POST" or not 200 <= answer.status < 300:
            return answer
        if answer.data is not None and answer.data.keys() - {"id"}:
            return answer
        self._governor.alone |= {"POST"}
        if answer.data is None:
            return answer
        path = f"{item.request.path}/{answer.data['id']}"
        try:
            shown = await self._http.ask("GET", path)
        except Exception as error:
            # Whatever keeps it from being looked at, Stop too: it was created.
            return TargetError(f"GET {path}, which a bulk request created: {error or 'was stopped'}", unclear=True)
        if shown.status != 200:
            why = f"GET {path}, which a bulk request created, was answered {shown.status}"
            return TargetError(why, status=shown.status, unclear=True, exchange=shown.exchange)
        return replace(shown, status=answer.status)


async def alone(http: Http, request: Request) -> Answer:
    body = orjson.dumps(request.body) if request.body is not None else None
    return await http.ask(request.method, request.path, request.query, body)


def _end(part: list[_Waiting], task: asyncio.Task[None], _: asyncio.Future[Answer]) -> None:
    """Nobody waits any more: whoever was told to stop does not go on sending."""
    if all(item.answer.cancelled() for item in part):
        task.cancel()


def _by_name(data: Any) -> dict[str, Mapping[str, Any]]:
    operations = data.get("Operations") if isinstance(data, Mapping) else None
    if not isinstance(operations, list):
        return {}
    return {str(item["bulkId"]): item for item in operations if isinstance(item, Mapping) and item.get("bulkId")}


def _own(answer: Answer, item: _Waiting, said: Mapping[str, Any] | None) -> Answer | BaseException:
    """What the answer says of one operation."""
    code = said.get("status") if said is not None else None
    # Drafts of SCIM 2.0 have {"code": "201"}.
    code = code.get("code") if isinstance(code, Mapping) else code
    if said is None or not re.fullmatch("[1-5][0-9]{2}", str(code), re.ASCII):
        what = f"{item.request.method} {item.request.path}"
        return TargetError(
            f"{what}: the answer to a bulk request ({answer.status}) does not say what became of it.",
            unclear=True,
            exchange=answer.exchange,
        )
    response, location, status = said.get("response"), said.get("location"), int(str(code))
    data = response if isinstance(response, Mapping) and response else None
    if data is None and item.request.method == "POST" and 200 <= status < 300 and isinstance(location, str):
        # RFC 7644 §3.7.3: what was created need not be said again. Its id is.
        data = {"id": location.rstrip("/").rpartition("/")[2]}
    return replace(answer, status=status, data=data)
