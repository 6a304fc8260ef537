"""What a server says in its log of the cycles that it runs, and what it keeps to itself."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import structlog
from aiohttp import web
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from installation import Installation, installation
from pair import Pair
from provisor.compose import House
from provisor.sync import control
from provisor.sync.cycle import Asked
from provisor.sync.telling import MOST, sentence
from serving import serving

PEOPLE = MOST + 5


@pytest.fixture
def own() -> Iterator[Installation]:
    with installation() as made:
        made.run("init", "--domain", "contoso.com")
        made.serve()
        yield made


@asynccontextmanager
async def unwilling(base: str) -> AsyncIterator[str]:
    """The address of a target that takes only Ada, and says of others who they are."""
    async with aiohttp.ClientSession() as session:

        async def forward(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            if request.path.endswith("/Bulk"):
                return web.Response(status=404)
            if request.method == "POST" and b"ada@" not in body:
                name = json.loads(body)["userName"]
                return web.json_response({"detail": f"{name} is known already", "status": "409"}, status=409)
            path = request.path_qs.removeprefix("/scim/v2")
            kept = ("Authorization", "Content-Type")
            headers = {name: request.headers[name] for name in kept if name in request.headers}
            async with session.request(request.method, base + path, data=body, headers=headers) as answer:
                return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)

        async with serving(forward) as address:
            yield f"{address}/scim/v2"


def lines(own: Installation, event: str) -> list[dict[str, Any]]:
    text = (own.folder.parent / "server.log").read_text()
    rows = [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]
    return [row for row in rows if row["event"] == event]


async def test_a_cycle_says_who_it_is_how_it_ended_and_whom_it_failed(
    own: Installation, rooms: House, pair: Pair
) -> None:
    inner = await Pair.make(own, rooms)
    async with unwilling(pair.base) as address:
        await inner.connect(address, pair.token)
        await inner.user("ada")
        people = {str(await inner.user(f"somebody{number}")) for number in range(PEOPLE)}
        async with inner.edit() as work:
            await control.switch(work, inner.application, "On")
        deadline = time.monotonic() + 60
        while not lines(own, "object.failed.more"):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)
        async with inner.edit() as work:
            await control.switch(work, inner.application, "Off")
    began, ended = lines(own, "cycle.started")[0], lines(own, "cycle.ended")[0]
    about = {"tenant": str(inner.tenant.id), "application": str(inner.application), "cycle": 1}
    for line in (began, ended, *lines(own, "object.failed")[:MOST], lines(own, "object.failed.more")[0]):
        assert about.items() <= line.items()
    assert (began["level"], began["kind"]) == ("info", "initial")
    assert (ended["level"], ended["kind"], ended["status"]) == ("warning", "initial", "quarantined")
    assert (ended["counts"]["create"], ended["failures"]) == (PEOPLE + 1, PEOPLE)
    assert ended["requests"] > PEOPLE and ended["seconds"] > 0
    failed = lines(own, "object.failed")[:MOST]
    assert {line["object"] for line in failed} < people and len({line["object"] for line in failed}) == MOST
    for line in failed:
        assert (line["level"], line["type"], line["action"], line["target"]) == ("warning", "User", "create", None)
        assert (line["http_status"], line["error"]) == (409, "POST /Users was answered 409")
    assert lines(own, "object.failed.more")[0]["count"] == PEOPLE - MOST
    text = (own.folder.parent / "server.log").read_text()
    assert "somebody" not in text and pair.token not in text and "contoso.com" not in text
    await inner.close()


async def test_a_cycle_that_goes_well_has_two_lines(own: Installation, rooms: House) -> None:
    inner = await Pair.make(own, rooms)
    await inner.user("ada")
    async with inner.edit() as work:
        await control.switch(work, inner.application, "On")
    deadline = time.monotonic() + 30
    while not lines(own, "cycle.ended"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    ended = lines(own, "cycle.ended")[0]
    assert (ended["level"], ended["status"], ended["counts"], ended["error"]) == ("info", "done", {"create": 1}, None)
    await inner.close()


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """What is logged in this process. Elsewhere nobody has said where its log goes."""
    with capture_logs(processors=[merge_contextvars]) as said:
        yield said
    structlog.reset_defaults()


async def test_a_cycle_that_ends_before_its_time_names_whom_it_failed_before(pair: Pair, logged: list[Any]) -> None:
    await pair.user("bob")
    await pair.user("eve")

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            return web.json_response({"detail": "no"}, status=400 if b"bob@" in await request.read() else 401)
        found = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 0, "Resources": []}
        return web.json_response(found)

    async with serving(answer) as address:
        await pair.connect(f"{address}/scim/v2", "secret", force=True)
        result = await pair.house.cycle(pair.tenant, pair.application, lambda *_: None, Asked())
    assert result.status == "quarantined"
    ended = next(line for line in logged if line["event"] == "cycle.ended")
    assert (ended["status"], ended["error"], ended["cycle"]) == ("quarantined", "POST /Users was answered 401", 1)
    failed = [line for line in logged if line["event"] == "object.failed"]
    assert 400 in {line["http_status"] for line in failed}
    assert {(line["cycle"], line["application"]) for line in failed} == {(1, str(pair.application))}
    assert len(failed) == ended["failures"]


async def test_a_command_prints_what_it_did_and_logs_nothing(pair: Pair, shop: Installation) -> None:
    await pair.user("ada")
    ended = await asyncio.to_thread(shop.command, "sync", "app", "--tenant", pair.tenant.name)
    assert (ended.code, ended.err) == (0, "")
    assert "cycle." not in ended.out


@pytest.mark.parametrize(
    ("message", "values", "said"),
    [
        ("PATCH /Users/4711 was answered 503: Ada is busy", (), "PATCH /Users/4711 was answered 503"),
        ("2 members were not taken: PATCH /Groups/1 was answered 400: eve", (), None),
        ("the target keeps title 'Queen' instead of 'King'", (), "the target keeps title … instead of …"),
        ("it is the account of ada@contoso.com already", (), "it is the account of … already"),
        ("Ada Lovelace has no account yet", ("Ada Lovelace", "Ada"), "… has no account yet"),
        ("its owner, Ada L., is not shown whole accounts", (), "its owner, …, is not shown whole accounts"),
        ("here.example:443 cannot be reached (Connection refused).", (), None),
        ("of 12 members 2 are known", ("12", "2"), None),
    ],
)
def test_a_sentence_without_values(message: str, values: tuple[str, ...], said: str | None) -> None:
    assert sentence(message, values) == (said or message.removesuffix(": eve"))
