"""Many writes in one request, where the target takes them so; and targets that answer oddly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import web

from pair import Pair
from provisor.connectors.base import Resource, Stopped, TargetError
from provisor.connectors.governor import Governor
from provisor.connectors.scim import ScimTarget
from provisor.provisioning import capabilities
from provisor.provisioning.capabilities import Bulk
from provisor.scim import requests
from serving import serving

_USER = {"schemas": [requests.USER], "id": "7", "userName": "x"}
Say = Callable[[list[dict[str, Any]]], Any]


class Service:
    """Answers /Bulk with ``say`` (of the operations), and everything else as a service that has no bulk."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.seen: list[str] = []
        self.sizes: list[int] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(f"{request.method} {request.path}")
        if request.path == "/Bulk":
            raw = await request.read()
            operations = orjson.loads(raw)["Operations"]
            self.sizes.append(len(operations))
            said = self.say(operations)
            return said if isinstance(said, web.StreamResponse) else web.json_response({"Operations": said})
        if request.method == "GET":
            return web.json_response({**_USER, "id": request.path.rpartition("/")[2]})
        return web.json_response(_USER, status=201) if request.method == "POST" else web.Response(status=204)


@asynccontextmanager
async def served(say: Say, *, operations: int = 100, size: int = 1 << 20) -> AsyncIterator[tuple[Service, ScimTarget]]:
    service = Service(say)
    async with serving(service.answer) as base:
        target = ScimTarget(base, "secret-token", bulk=Bulk(operations, size))
        try:
            yield service, target
        finally:
            await target.close()


def create(name: str) -> requests.Request:
    return requests.create("User", {"userName": name})


async def outcomes(target: ScimTarget, *asked: requests.Request) -> list[Any]:
    return await asyncio.gather(*(target.send(request) for request in asked), return_exceptions=True)


def done(operations: list[dict[str, Any]], status: Any = "201", **more: Any) -> list[Mapping[str, Any]]:
    return [{"method": item["method"], "bulkId": item["bulkId"], "status": status, **more} for item in operations]


async def test_a_first_cycle_takes_a_tenth_of_the_requests(standard: Pair) -> None:
    """A workspace says that it has bulk, and shows what it made."""
    people = [await standard.user(f"person{number}", department="Sales") for number in range(60)]
    for number in range(4):
        await standard.group(f"Team {number}", *people[30 + number :: 4])
    result = await standard.sync()
    assert (result.status, result.failures) == ("done", 0)
    assert result.counts == {"create": 64, "add members": 4}
    # Two lists, /Me, one bulk request each for the users, the groups and their members.
    assert result.sent <= 8
    account = await standard.account("person7")
    assert account["active"] is True
    assert (await standard.sync()).empty
    for person in people[:5]:
        await standard.unassign(person)
    closed = await standard.sync()
    assert (closed.status, closed.failures) == ("done", 0)
    assert not (await standard.account("person3"))["active"]
    assert (await standard.account("person31"))["active"]


async def test_each_hears_of_its_own(standard: Pair) -> None:
    target = ScimTarget(standard.base, standard.token, bulk=Bulk(100, 1 << 20))
    first = await target.send(create("taken@contoso.com"))
    assert first is not None
    made, twice, gone, closed = await outcomes(
        target,
        create("new@contoso.com"),
        create("taken@contoso.com"),
        requests.update("User", "4711", {"active": (True, False)}),
        requests.update("User", str(first["id"]), {"active": (True, False)}),
    )
    assert isinstance(twice, TargetError) and isinstance(gone, TargetError)
    assert (twice.status, twice.unclear, gone.status, gone.unclear) == (409, False, 404, False)
    assert "was answered 409: " in str(twice)
    assert closed["active"] is False
    shown = await target.get("User", str(first["id"]))
    new = await target.get("User", made["id"])
    assert shown is not None and new is not None
    assert (shown["active"], new["userName"]) == (False, "new@contoso.com")
    await target.close()


async def test_one_alone_goes_alone() -> None:
    async with served(done) as (service, target):
        await target.send(create("x"))
    assert service.seen == ["POST /Users"]


@pytest.mark.parametrize(("operations", "size", "sizes"), [(3, 1 << 20, [3, 3, 1]), (100, 700, [2, 2, 2, 1])])
async def test_no_request_is_larger_than_the_target_takes(operations: int, size: int, sizes: list[int]) -> None:
    def made(items: list[dict[str, Any]]) -> Any:
        return done(items, response=_USER)

    async with served(made, operations=operations, size=size) as (service, target):
        found: list[Resource | None] = await outcomes(target, *(create(f"{number:0120}") for number in range(7)))
    # The last one, left alone, goes alone.
    assert sorted(service.sizes, reverse=True) == [item for item in sizes if item > 1]
    assert service.seen.count("POST /Users") == sizes.count(1)
    assert [item["id"] for item in found if item] == ["7"] * 7


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 501])
async def test_a_target_that_refuses_the_whole_is_asked_for_each(status: int) -> None:
    async with served(lambda _: web.Response(status=status)) as (service, target):
        assert [item["id"] for item in await outcomes(target, create("a"), create("b"))] == ["7", "7"]
        assert service.seen == ["POST /Bulk", "POST /Users", "POST /Users"]
        await outcomes(target, create("c"), create("d"))
        assert service.seen[3:] == ["POST /Users", "POST /Users"]


async def test_too_large_is_made_smaller() -> None:
    def most(operations: list[dict[str, Any]]) -> Any:
        return web.Response(status=413) if len(operations) > 2 else done(operations, response=_USER)

    async with served(most) as (service, target):
        await outcomes(target, *(create(str(number)) for number in range(4)))
        await outcomes(target, *(create(str(number)) for number in range(4)))
    assert service.sizes == [4, 2, 2]


def _all_but_the_last(operations: list[dict[str, Any]]) -> Any:
    return done(operations[:-1], response=_USER)


def _nothing(_: list[dict[str, Any]]) -> Any:
    return {"detail": "what?"}


@pytest.mark.parametrize(
    ("say", "status"),
    [
        (_all_but_the_last, 200),
        (lambda o: done(o, "done"), 200),
        (lambda o: done(o, "²⁰¹"), 200),
        (_nothing, 200),
        (lambda _: ["what?"], 200),
        (lambda _: web.json_response({"Operations": 5}), 200),
        (lambda _: web.Response(status=204), 204),
        (lambda _: web.json_response({}, status=202), 202),
    ],
)
async def test_what_is_not_said_is_in_doubt_and_the_next_go_alone(say: Say, status: int) -> None:
    async with served(say) as (service, target):
        *_, last = await outcomes(target, create("a"), create("b"), requests.delete("User", "7"))
        await outcomes(target, create("c"), requests.delete("User", "8"))
    assert isinstance(last, TargetError)
    assert (last.unclear, last.hopeless, last.status) == (True, False, None)
    assert str(last) == f"DELETE /Users/7: the answer to a bulk request ({status}) does not say what became of it."
    assert sorted(service.seen[1:]) == ["DELETE /Users/8", "POST /Users"]


async def test_a_target_that_is_away_is_asked_together_again_when_it_is_back() -> None:
    governor = Governor()
    away = ScimTarget("http://127.0.0.1:9", "secret-token", bulk=Bulk(100, 1 << 20), governor=governor)
    for found in await outcomes(away, create("a"), requests.delete("User", "7")):
        assert isinstance(found, TargetError)
        assert (found.reached, found.unclear) == (False, False)
    await away.close()
    assert governor.operations is None


async def test_an_answer_of_many_statuses_is_read() -> None:
    def many(operations: list[dict[str, Any]]) -> Any:
        return web.json_response({"Operations": done(operations, "500", response={"detail": "broken"})}, status=207)

    async with served(many) as (_, target):
        first, _ = await outcomes(target, requests.delete("User", "7"), create("a"))
    assert isinstance(first, TargetError)
    assert (first.status, first.unclear) == (500, True)


async def test_refused_when_it_came_again_it_may_have_been_done() -> None:
    answers = iter([web.Response(status=503, headers={"Retry-After": "0"}), web.Response(status=404)])
    async with served(lambda _: next(answers)) as (_, target):
        found, _ = await outcomes(target, requests.delete("User", "7"), create("a"))
    assert isinstance(found, TargetError)
    assert (found.status, found.unclear) == (None, True)


@pytest.mark.parametrize("status", ["200", "201"])
@pytest.mark.parametrize("response", ["created", [], {}])
async def test_stop_while_it_is_looked_at_what_was_created(status: str, response: Any) -> None:
    """What was created is in doubt then, so that it is looked for; what was answered is answered."""

    async def stop(_: bool) -> None:
        if "POST /Bulk" in service.seen:
            raise Stopped

    async with served(lambda o: done(o, status, location="/Users/9", response=response)) as (service, target):
        target.before_each(stop)
        found, closed = await outcomes(target, create("a"), requests.update("User", "7", {"active": (True, False)}))
    assert isinstance(found, TargetError)
    assert (found.unclear, found.status) == (True, None)
    assert closed is None
    assert service.seen == ["POST /Bulk"]


@pytest.mark.parametrize("status", [500, 502])
async def test_a_whole_that_breaks_leaves_all_in_doubt(status: int) -> None:
    async with served(lambda _: web.Response(status=status, text="broken")) as (_, target):
        for found in await outcomes(target, create("a"), create("b")):
            assert isinstance(found, TargetError)
            assert (found.status, found.unclear) == (status, True)


async def test_what_was_created_unseen_is_looked_at_and_the_next_goes_alone() -> None:
    """RFC 7644 §3.7.3: a target need not show what it created."""
    async with served(lambda items: done(items, location="https://target.example/Users/9")) as (service, target):
        found = await outcomes(target, create("a"), create("b"))
        assert [item["userName"] for item in found] == ["x", "x"]
        assert service.seen == ["POST /Bulk", "GET /Users/9", "GET /Users/9"]
        await outcomes(target, create("c"), create("d"), requests.delete("User", "8"), requests.delete("User", "7"))
    assert sorted(service.seen[3:]) == ["POST /Bulk", "POST /Users", "POST /Users"]


async def test_numbers_and_codes_are_statuses_too() -> None:
    statuses: Iterator[Any] = iter([201, {"code": "201"}])

    def made(operations: list[dict[str, Any]]) -> Any:
        return [item for operation in operations for item in done([operation], next(statuses), response=_USER)]

    async with served(made) as (_, target):
        assert await outcomes(target, create("a"), create("b")) == [_USER, _USER]


async def test_whoever_is_told_to_stop_sends_nothing() -> None:
    async def stop(_: bool) -> None:
        raise Stopped

    async with served(done) as (service, target):
        target.before_each(stop)
        found = await outcomes(target, create("a"), create("b"))
    assert [type(item) for item in found] == [Stopped, Stopped]
    assert service.seen == []


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ({"supported": True, "maxOperations": 10, "maxPayloadSize": 1000}, Bulk(10, 1000)),
        ({"supported": True}, Bulk(100, 1 << 20)),
        ({"supported": True, "maxOperations": 0, "maxPayloadSize": "much"}, Bulk(100, 1 << 20)),
        ({"supported": False, "maxOperations": 10}, None),
        ({"supported": "yes"}, None),
        ("yes", None),
    ],
)
def test_what_a_target_says_of_it(said: Any, known: Bulk | None) -> None:
    found = capabilities.read([], None, {"bulk": said})
    assert found.bulk == known
    assert capabilities.from_json(orjson.loads(orjson.dumps(found.to_json()))) == found
    assert capabilities.read([], None, {}).bulk is None
    assert capabilities.read([], None, None).bulk is None


async def test_entra_sends_none(pair: Pair) -> None:
    await pair.policies(wire="entra")
    for number in range(5):
        await pair.user(f"person{number}")
    assert (await pair.app()).target_capabilities.bulk is not None
    assert (await pair.sync()).sent >= 10
