"""A group is made with its first members, where the target takes them so; otherwise they are added as others are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pair import Pair, members
from provisor.connectors.base import Target, TargetError
from provisor.directory import groups
from provisor.scim.requests import Request

Write = tuple[str, int]


class Watched:
    """A target, and the writes about groups that it was sent: (method, how many members they name). ``change`` may
    change a request, ``shown`` an answer."""

    def __init__(
        self,
        target: Target,
        sent: list[Write],
        change: Callable[[Request], Request] = lambda request: request,
        shown: Callable[[Any], Any] = lambda answer: answer,
    ) -> None:
        self._target, self._sent, self._change, self._shown = target, sent, change, shown

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    async def send(self, request: Request) -> Any:
        if request.path.startswith("/Groups"):
            self._sent.append((request.method, _named(request)))
        return self._shown(await self._target.send(self._change(request)))


def _named(request: Request) -> int:
    body: Any = request.body or {}
    inside = [body, *body.get("Operations", ())]
    return sum(len(part.get("members", ())) + len(part.get("value", ())) for part in inside)


def without(request: Request) -> Request:
    """As a target reads it that overlooks the members of a new group."""
    if request.method != "POST":
        return request
    return replace(request, body={name: value for name, value in (request.body or {}).items() if name != "members"})


async def cycle(pair: Pair, **more: Any) -> tuple[Any, list[Write]]:
    sent: list[Write] = []
    result = await pair.cycle(lambda target: Watched(target, sent, **more))
    return result, sent


async def inside(pair: Pair, name: str) -> set[str]:
    """The names of whoever is in the workspace's group."""
    _, found = await pair.call("GET", "/Users", params={"count": "500"})
    there = members(await pair.team(name))
    return {row["userName"].partition("@")[0] for row in found["Resources"] if row["id"] in there}


async def people(pair: Pair, count: int) -> list[Any]:
    return [await pair.user(f"p{number}") for number in range(count)]


async def test_a_new_group_and_its_members_are_one_request(pair: Pair) -> None:
    await pair.group("Team", *await people(pair, 3))
    planned = await pair.plan()
    result, sent = await cycle(pair)
    assert sent == [("POST", 3)]
    assert result.counts == {"create": 4, "add members": 1} and result.requests == planned.requests == 4
    assert await inside(pair, "Team") == {f"p{number}" for number in range(3)}
    log = {row["action"]: row["status"] for row in await pair.log() if row["object_type"] == "Group"}
    assert log == {"create": "success", "add members": "success"}
    assert (await pair.sync()).counts == {}


async def test_of_many_members_the_first_hundred_go_with_the_group(pair: Pair) -> None:
    await pair.group("Team", *await people(pair, 130))
    result, sent = await cycle(pair)
    assert sent == [("POST", 100), ("PATCH", 30)] and result.status == "done"
    assert len(await inside(pair, "Team")) == 130
    assert (await pair.sync()).counts == {}


async def test_a_target_that_overlooks_them_gets_them_afterwards(pair: Pair) -> None:
    everybody = await people(pair, 2)
    await pair.group("One", *everybody)
    _, sent = await cycle(pair, change=without)
    assert sent == [("POST", 2), ("PATCH", 2)]
    await pair.group("Two", *everybody)
    _, sent = await cycle(pair, change=without)
    # Known by now: what it overlooks is not sent again.
    assert sent == [("POST", 0), ("PATCH", 2)]
    for name in ("One", "Two"):
        assert await inside(pair, name) == {"p0", "p1"}


async def test_what_an_answer_does_not_show_counts_as_not_done(pair: Pair) -> None:
    await pair.group("Team", *await people(pair, 2))

    def silent(answer: Any) -> Any:
        return {name: value for name, value in answer.items() if name != "members"} if answer else answer

    _, sent = await cycle(pair, shown=silent)
    assert sent == [("POST", 2), ("PATCH", 2)]
    assert await inside(pair, "Team") == {"p0", "p1"}


async def test_one_member_who_is_refused_keeps_neither_the_group_nor_the_others_out(pair: Pair) -> None:
    everybody = await people(pair, 3)
    await pair.sync()
    account = await pair.account("p1")
    # By hand, and unheard of: the workspace refuses whoever it does not have.
    await pair.call("DELETE", f"/Users/{account['id']}")
    await pair.group("Team", *everybody)
    sent: list[Write] = []

    def refusing(request: Request) -> Request:
        if account["id"] in str(request.body):
            raise TargetError("there is no such member", status=404, reached=True)
        return request

    result = await pair.cycle(lambda target: Watched(target, sent, refusing))
    assert sent == [("POST", 3), ("POST", 0), ("PATCH", 3), ("PATCH", 1), ("PATCH", 1), ("PATCH", 1)]
    assert await inside(pair, "Team") == {"p0", "p2"} and result.failures == 1


def _post(request: Request) -> bool:
    return (request.method, request.path) == ("POST", "/Groups")


async def leaves(pair: Pair, team: Any, person: Any) -> None:
    async with pair.edit() as work:
        await groups.remove_members(work, [(team, person, "User")])


async def test_a_group_whose_answer_was_lost_is_found_and_whoever_left_meanwhile_is_taken_out(pair: Pair) -> None:
    ada, bob = await people(pair, 2)
    team = await pair.group("Team", ada, bob)
    await pair.sync(lambda request: "unheard" if _post(request) else None)
    assert await inside(pair, "Team") == {"p0", "p1"}
    await leaves(pair, team, bob)
    result, sent = await cycle(pair)
    assert "POST" not in [method for method, _ in sent] and result.status == "done"
    assert await inside(pair, "Team") == {"p0"}
    assert (await pair.sync()).counts == {}


async def test_whoever_left_is_taken_out_although_the_group_was_tried_twice_before_it_was_found(pair: Pair) -> None:
    ada, bob = await people(pair, 2)
    team = await pair.group("Team", ada, bob)

    class Dying(Watched):
        async def send(self, request: Request) -> Any:
            answer = await self._target.send(request)
            if _post(request):
                raise RuntimeError("killed")
            return answer

    class Blind(Watched):
        async def find(self, kind: Any, path: str, value: str) -> Any:
            return [] if kind == "Group" else await self._target.find(kind, path, value)

    with pytest.raises(RuntimeError, match="killed"):
        await pair.cycle(lambda target: Dying(target, []))
    # A search that lags: it is made again, and is in its own way.
    await pair.cycle(lambda target: Blind(target, []))
    await leaves(pair, team, bob)
    await pair.sync()
    await pair.sync()
    assert await inside(pair, "Team") == {"p0"}


async def test_a_refusal_that_says_nothing_is_not_taken_for_one(pair: Pair) -> None:
    ada, bob = await people(pair, 2)
    team = await pair.group("Team", ada, bob)

    class Gateway(Watched):
        """Answers the first POST, which the target took, as the repetition of it was answered."""

        async def send(self, request: Request) -> Any:
            answer = await super().send(request)
            if _post(request):
                raise TargetError("POST answered 409", status=409, unclear=True)
            return answer

    sent: list[Write] = []
    await pair.cycle(lambda target: Gateway(target, sent))
    assert sent[0] == ("POST", 2) and [method for method, _ in sent].count("POST") == 1
    await leaves(pair, team, bob)
    await pair.sync()
    assert await inside(pair, "Team") == {"p0"} and not (await pair.known(team)).adopted


async def test_a_group_that_was_made_and_refused_for_a_members_sake_is_ours(pair: Pair) -> None:
    ada, bob = await people(pair, 2)
    team = await pair.group("Team", ada, bob)

    class Halfway(Watched):
        async def send(self, request: Request) -> Any:
            answer = await super().send(request)
            if _post(request) and _named(request):
                raise TargetError("no such member", status=400)
            return answer

    await pair.cycle(lambda target: Halfway(target, []))
    await leaves(pair, team, bob)
    await pair.sync()
    assert await inside(pair, "Team") == {"p0"} and not (await pair.known(team)).adopted


async def test_a_target_that_breaks_on_members_gets_the_group_without_them(pair: Pair) -> None:
    await pair.group("Team", *await people(pair, 2))

    def broken(request: Request) -> Request:
        if _post(request) and _named(request):
            raise TargetError("Internal Server Error", status=500, unclear=True)
        return request

    _, first = await cycle(pair, change=broken)
    assert first == [("POST", 2)]
    _, second = await cycle(pair, change=broken)
    assert second == [("POST", 0), ("PATCH", 2)] and await inside(pair, "Team") == {"p0", "p1"}


async def test_an_answer_in_which_members_are_something_else_shows_nobody(pair: Pair) -> None:
    await pair.group("Team", *await people(pair, 2))

    def odd(answer: Any) -> Any:
        return {**answer, "members": [{"value": {"id": 7}}, "p1", None]} if answer and "members" in answer else answer

    result, sent = await cycle(pair, shown=odd)
    assert result.status == "done" and sent == [("POST", 2), ("PATCH", 2)]


async def test_whoever_leaves_before_the_group_could_be_made_is_not_in_it(pair: Pair) -> None:
    ada, bob = await people(pair, 2)
    team = await pair.group("Team", ada, bob)
    await pair.sync(lambda request: "lost" if _post(request) else None)
    assert await pair.team("Team") is None
    await leaves(pair, team, bob)
    result, _ = await cycle(pair)
    assert result.failures == 0 and await inside(pair, "Team") == {"p0"}
    assert (await pair.sync()).counts == {}


async def test_as_entra_does_it_a_group_is_made_empty(pair: Pair) -> None:
    await pair.policies(wire="entra")
    await pair.group("Team", *await people(pair, 2))
    _, sent = await cycle(pair)
    assert sent[0] == ("POST", 0) and await inside(pair, "Team") == {"p0", "p1"}
