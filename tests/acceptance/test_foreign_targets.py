"""Targets that are not ours and do not do what SCIM says: nothing is believed, and nothing is sent to strangers."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from pair import Pair
from provisor.connectors import http
from provisor.connectors.base import Stopped, TargetError
from provisor.connectors.scim import ScimTarget
from provisor.provisioning.schema import compile_schema
from provisor.provisioning.templates import template
from provisor.scim import requests
from provisor.scim.wires import LEAN
from provisor.sync.answers import Answers, Listing
from provisor.sync.connection import test as check_connection

LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
RULES = compile_schema(template("dataBricks"))


class Foreign:
    """A server whose every answer is ``answer(request)``; ``seen`` are the requests that came."""

    def __init__(self) -> None:
        self.answer: Callable[[web.Request], web.StreamResponse] = lambda _: web.Response(status=500)
        self.seen: list[tuple[str, str, str | None]] = []
        self.base = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.path, request.headers.get("Authorization")))
        return self.answer(request)


@pytest_asyncio.fixture
async def foreign() -> AsyncIterator[Foreign]:
    made = Foreign()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest_asyncio.fixture
async def target(foreign: Foreign) -> AsyncIterator[ScimTarget]:
    made = ScimTarget(foreign.base, "secret-token")
    yield made
    await made.close()


def listed(*resources: Any, total: int | None = None) -> web.Response:
    count = len(resources) if total is None else total
    return web.json_response({"schemas": [LIST], "totalResults": count, "Resources": list(resources)})


async def test_a_read_only_target_sends_nothing_but_get(foreign: Foreign) -> None:
    reader = ScimTarget(foreign.base, "secret-token", read_only=True)
    foreign.answer = lambda _: listed()
    for request in (
        requests.create("User", {"userName": "x"}),
        requests.update("User", "1", {"active": (True, False)}),
        requests.delete("User", "1"),
    ):
        with pytest.raises(TargetError, match="it only reads"):
            await reader.send(request)
    await reader.probe("User", "userName", "nobody")
    assert {method for method, _, _ in foreign.seen} == {"GET"}
    await reader.close()


async def test_a_redirect_is_not_followed(foreign: Foreign, target: ScimTarget) -> None:
    foreign.answer = lambda _: web.Response(status=302, headers={"Location": f"{foreign.base}/elsewhere?secret-token"})
    with pytest.raises(
        TargetError, match=r"was answered 302 and sent to .*/elsewhere.*: redirects are not followed"
    ) as raised:
        await target.probe("User", "userName", "nobody")
    assert [path for _, path, _ in foreign.seen] == ["/Users"]
    assert "secret-token" not in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda: web.Response(text="<html>hello</html>", content_type="text/html"), "is not that of a SCIM service"),
        (lambda: web.Response(status=404, text="nothing here"), "is not that of a SCIM service"),
        (lambda: web.json_response([]), "is not that of a SCIM service"),
        (lambda: web.json_response({"Resources": []}), "totalResults, which is a number, is missing"),
        (lambda: web.json_response({"Resources": {"id": "1"}, "totalResults": 1}), "Resources is no list"),
        (lambda: web.Response(status=429, headers={"Retry-After": "60"}), "asks to be left in peace for 60 seconds"),
        (lambda: listed({"userName": "x"}), "a resource has no id"),
        (lambda: listed({"id": "1", "userName": "somebody"}), "does not filter"),
        (lambda: web.Response(status=401), "refuses the secret token"),
        (lambda: web.Response(status=500, text="oops"), "does not answer as a SCIM service should"),
    ],
)
async def test_seed_17_a_target_that_is_no_scim_service_is_told_apart(
    foreign: Foreign, target: ScimTarget, answer: Callable[[], web.Response], why: str
) -> None:
    foreign.answer = lambda _: answer()
    with pytest.raises(TargetError, match=why) as caught:
        await check_connection(target, RULES, LEAN)
    assert "secret-token" not in str(caught.value)


async def test_who_ignores_a_filter_finds_nobody(foreign: Foreign, target: ScimTarget) -> None:
    foreign.answer = lambda _: listed({"id": "1", "userName": "ada@contoso.com"}, {"id": "2", "userName": "bob"})
    with pytest.raises(TargetError, match="does not filter on userName"):
        await target.find("User", "userName", "ada@contoso.com")


async def test_a_page_that_is_not_found_is_not_an_account_that_is_gone(foreign: Foreign, target: ScimTarget) -> None:
    foreign.answer = lambda _: web.Response(status=404, text="<h1>proxy error</h1>", content_type="text/html")
    with pytest.raises(TargetError):
        await target.get("User", "42")
    foreign.answer = lambda _: web.json_response({"status": "404"}, status=404)
    assert await target.get("User", "42") is None


async def test_too_many_requests_are_waited_out(foreign: Foreign, target: ScimTarget) -> None:
    def busy_once(_: web.Request) -> web.Response:
        if len(foreign.seen) == 1:
            return web.Response(status=429, headers={"Retry-After": "0.3"})
        return web.json_response({"id": "1", "userName": "x"}, status=201)

    foreign.answer = busy_once
    started = time.monotonic()
    await target.send(requests.create("User", {"userName": "x"}))
    assert (len(foreign.seen), time.monotonic() - started >= 0.3) == (2, True)
    foreign.answer = lambda _: web.Response(status=503, headers={"Retry-After": "86400"})
    with pytest.raises(TargetError, match="503"):
        await target.send(requests.create("User", {"userName": "x"}))
    assert len(foreign.seen) == 3


async def test_a_write_is_never_repeated_when_it_may_have_been_done(foreign: Foreign, target: ScimTarget) -> None:
    foreign.answer = lambda _: web.Response(status=502)
    with pytest.raises(TargetError) as caught:
        await target.send(requests.create("User", {"userName": "x"}))
    assert (caught.value.unclear, len(foreign.seen)) == (True, 1)

    def cut(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    foreign.answer = cut
    with pytest.raises(TargetError) as caught:
        await target.send(requests.create("User", {"userName": "x"}))
    assert (caught.value.unclear, caught.value.hopeless, len(foreign.seen)) == (True, True, 2)


async def test_an_answer_that_never_ends_is_cut_off(
    foreign: Foreign, target: ScimTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "LARGEST", 1000)
    foreign.answer = lambda _: web.Response(body=b"x" * 5000)
    monkeypatch.setattr(http, "TRIES", 1)
    with pytest.raises(TargetError, match="more than 1000 bytes"):
        await target.probe("User", "userName", "nobody")


async def test_a_list_that_moves_while_it_is_read_is_not_used(foreign: Foreign, target: ScimTarget) -> None:
    """The total changes, or a page repeats somebody: nothing is concluded, everybody is asked for by name."""

    def moving(request: web.Request) -> web.Response:
        if "filter" in request.query:
            return listed()
        start = int(request.query["startIndex"])
        people = [{"id": str(number), "userName": f"u{number}"} for number in range(1, 101)]
        return listed(*people, total=250 + (len(foreign.seen) % 2) * start)

    foreign.answer = moving
    answers = Answers(target, RULES.users, await Listing(target, "User").read(50))
    assert answers.listed is None

    def repeating(request: web.Request) -> web.Response:
        return listed(*({"id": str(number), "userName": f"u{number}"} for number in range(100)), total=300)

    foreign.answer = repeating
    assert await Listing(target, "User").read(50) is None


async def test_a_list_that_is_cut_short_disables_nobody(pair: Pair, foreign: Foreign) -> None:
    """A target that lists only half of its accounts: those with a link are asked for by id."""
    people = {}
    for number in range(6):
        identity = await pair.user(f"p{number}")
        people[identity] = f"p{number}@contoso.com"
    await pair.sync()
    accounts = {item["id"]: item for item in (await pair.everything())[0]}

    def half(request: web.Request) -> web.Response:
        identity = request.path.rpartition("/")[2]
        if identity in accounts:
            return web.json_response(accounts[identity])
        if request.path.endswith("/Users") and "filter" not in request.query:
            return listed(*list(accounts.values())[:3])
        return listed()

    foreign.answer = half
    await pair.restart()
    await pair.connect(foreign.base, "x", force=True)
    result = await pair.sync()
    assert (result.status, result.counts) == ("done", {})
    assert {method for method, _, _ in foreign.seen} == {"GET"}


async def test_a_target_that_is_away_quarantines_and_changes_nothing(pair: Pair, foreign: Foreign) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    before = await pair.known(ada)
    foreign.answer = lambda _: web.Response(status=503, headers={"Retry-After": "86400"})
    await pair.connect(foreign.base, "x", force=True)
    await pair.unassign(ada)
    result = await pair.sync()
    assert result.status == "failed"
    assert await pair.known(ada) == before
    await pair.connect(pair.base, pair.token, force=True)
    assert (await pair.sync()).counts == {"disable": 1}


async def test_a_disable_that_is_answered_but_not_done_is_a_failure(pair: Pair, foreign: Foreign) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    account = await pair.account("ada")
    await pair.unassign(ada)

    def lying(request: web.Request) -> web.Response:
        if request.path.endswith(f"/Users/{account['id']}"):
            return web.json_response(account)
        return listed()

    foreign.answer = lying
    await pair.connect(foreign.base, "x", force=True)
    result = await pair.sync()
    assert (result.status, result.failures) == ("done", 1)
    row = (await pair.log(ada))[0]
    assert "the target answered with success, but the target keeps active True instead of False" in row["message"]
    assert (await pair.known(ada)).state == "linked"


async def test_a_stop_does_not_cut_short_what_may_have_been_done_already(foreign: Foreign, target: ScimTarget) -> None:
    answers = [
        web.json_response({}, status=503, headers={"Retry-After": "0"}),
        web.json_response({"id": "7"}, status=201),
    ]
    foreign.answer = lambda _: answers.pop(0)

    async def stop_after_the_first(doubtful: bool) -> None:
        if foreign.seen and not doubtful:
            raise Stopped

    target.before_each(stop_after_the_first)
    made = await target.send(requests.create("User", {"userName": "ada"}))
    assert made is not None and made["id"] == "7", "nobody would know of an account whose answer was not waited for"
    with pytest.raises(Stopped):
        await target.send(requests.delete("User", "7"))
