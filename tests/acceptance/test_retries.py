"""Errors by kind: waited for, set aside on a schedule of their own, stopping a cycle, putting in quarantine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from installation import Installation
from moved import Moved
from pair import Pair
from provisor.connectors.base import Target, TargetError
from provisor.connectors.http import Http
from provisor.directory import applications, groups
from provisor.provisioning import edit
from provisor.provisioning.change import Change, Known
from provisor.provisioning.policies import changed
from provisor.provisioning.retries import LEAVERS_EVERY, POLICIES, Retries
from provisor.scim.requests import Request
from provisor.storage.queries import queries
from provisor.sync.outcomes import without_request
from provisor.sync.records import Planned
from provisor.sync.schedule import due
from serving import serving

HOUR = timedelta(hours=1)
_ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_MANAGER = f"{_ENTERPRISE}:manager"


class Refusing:
    """A target that answers every write which ``refuses`` names with ``error``."""

    def __init__(self, target: Target, error: TargetError, refuses: Callable[[Request], bool] = lambda _: True) -> None:
        self._target, self._error, self._refuses = target, error, refuses
        self.tried = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    async def send(self, request: Request) -> Any:
        if self._refuses(request):
            self.tried += 1
            raise self._error
        return await self._target.send(request)


def refused(text: str = "the value is not taken") -> TargetError:
    return TargetError(text, status=400)


@pytest.fixture
def clock(pair: Pair) -> Moved:
    moved = Moved(pair.house.database)
    pair.house = replace(pair.house, database=moved)
    return moved


async def is_due(pair: Pair) -> bool:
    """As the scheduler's query says, without switching the application on (the shared server would run it)."""
    text = str(queries("applications").running).replace("a.provisioning = 'On' and ", "")
    async with pair.house.database.reading() as tx:
        row = await tx.fetchrow(text, pair.application)
    return due(row, timedelta(days=365)) is not None


async def tried(pair: Pair, identity: UUID) -> int:
    return len([row for row in await pair.log(identity) if row["status"] == "failure"])


@pytest.mark.parametrize(
    ("policy", "hours"), [("provisor", [1 / 60, 5 / 60, 0.5, 2, 6, 24]), ("entra", [6, 12, 24, 24])]
)
async def test_an_object_that_fails_comes_back_on_its_own_schedule(
    pair: Pair, clock: Moved, shop: Installation, policy: str, hours: list[float]
) -> None:
    name = (await pair.app()).name
    await asyncio.to_thread(shop.run, "app", "set", name, "--retry-policy", policy, "--tenant", pair.tenant.name)
    ada, bob = await pair.user("ada"), await pair.user("bob")
    fails = Refusing(None, refused(), lambda request: (request.body or {}).get("userName", "").startswith("ada"))  # type: ignore[arg-type]

    def wrap(target: Target) -> Any:
        fails._target = target
        return fails

    await pair.cycle(wrap)
    assert (await pair.known(bob)).linked
    for number, wait in enumerate(hours, 1):
        clock.ahead += wait * HOUR - timedelta(seconds=1)
        assert not await is_due(pair)
        assert (await pair.cycle(wrap, backed_off=False)).counts == {}
        # Chance adds a fifth at most.
        clock.ahead += 0.2 * wait * HOUR + timedelta(seconds=2)
        assert await is_due(pair)
        assert (await pair.cycle(wrap, backed_off=False)).counts == {"create": 1}
        assert await tried(pair, ada) == number + 1
    clock.ahead += 1.2 * hours[-1] * HOUR + timedelta(seconds=2)
    assert (await pair.sync(backed_off=False)).counts == {"create": 1}
    assert (await pair.known(ada)).failures == 0


async def test_when_too_many_fail_the_application_is_in_quarantine_until_fewer_do(
    pair: Pair, shop: Installation
) -> None:
    for number in range(20):
        await pair.user(f"user{number:02}")
    bad = {f"user{number:02}@" for number in range(9)}

    def wrap(target: Target) -> Any:
        return Refusing(target, refused(), lambda request: request.method == "POST" and _name(request) in bad)

    result = await pair.cycle(wrap)
    assert (result.status, result.failures) == ("quarantined", 9)
    assert result.error is not None and result.error.startswith("9 of 20 objects fail, more than 40 %.")
    ledger = pair.house.ledger(pair.tenant, pair.application)
    state = await ledger.job()
    # Everything else was done, and is not done again.
    assert (state.quarantine, state.initial) == (result.error, False)
    # Who tests the connection learns that it is not what keeps the application in quarantine.
    tested = await asyncio.to_thread(shop.run, "--tenant", pair.tenant.name, "app", "test", "app")
    assert "Quarantine ends when a cycle goes through, which `provisor sync app` tries now: 9 of 20" in tested
    bad.discard("user00@")
    result = await pair.cycle(wrap)
    assert (result.status, result.failures, result.counts) == ("done", 8, {"create": 9})
    assert (await ledger.job()).quarantine is None


def _name(request: Request) -> str:
    return str((request.body or {}).get("userName", "")).partition("@")[0] + "@"


async def test_a_target_that_asks_for_an_hour_gets_it(pair: Pair, clock: Moved) -> None:
    for name in ("ada", "bob", "cleo"):
        await pair.user(name)
    asked = TargetError("POST /Users was answered 429", status=429, rest=1800.0)
    targets: list[Refusing] = []

    def wrap(target: Target) -> Any:
        targets.append(Refusing(target, asked))
        return targets[-1]

    result = await pair.cycle(wrap)
    assert (result.status, result.error) == ("failed", "POST /Users was answered 429")
    assert (await pair.house.ledger(pair.tenant, pair.application).job()).quarantine is None
    clock.ahead += timedelta(seconds=1795)
    assert not await is_due(pair)
    clock.ahead += timedelta(seconds=10)
    assert await is_due(pair)
    assert (await pair.sync(backed_off=False)).counts["create"] >= 1


async def test_what_a_mended_connection_waits_for_is_forgotten(pair: Pair) -> None:
    await pair.user("ada")
    asked = TargetError("POST /Users was answered 429", status=429, rest=1800.0)
    await pair.cycle(lambda target: Refusing(target, asked))
    assert not await is_due(pair)
    await pair.restart()
    assert await is_due(pair)


@pytest.mark.parametrize("spelling", ["seconds", "date"])
async def test_retry_after_is_a_number_or_a_date_by_the_answers_own_clock(spelling: str) -> None:
    seen: list[float] = []
    then = datetime(2020, 2, 2, tzinfo=UTC)

    async def answer(_: web.Request) -> web.Response:
        seen.append(asyncio.get_running_loop().time())
        if len(seen) > 1:
            return web.json_response({})
        after = "1" if spelling == "seconds" else format_datetime(then + timedelta(seconds=1), usegmt=True)
        return web.Response(status=429, headers={"Retry-After": after, "Date": format_datetime(then, usegmt=True)})

    async with serving(answer) as base:
        http = Http(base, "token")
        assert (await http.ask("GET", "/Users")).status == 200
        await http.close()
    assert 1 <= seen[1] - seen[0] < 2


@pytest.mark.parametrize("garbage", ["soon", "Tue, 35 Foo 2020", "nan", "inf", "1e999", ""])
async def test_a_retry_after_that_says_nothing_is_as_none(garbage: str) -> None:
    count = 0

    async def answer(_: web.Request) -> web.Response:
        nonlocal count
        count += 1
        return web.Response(status=429, headers={"Retry-After": garbage})

    async with serving(answer) as base:
        http = Http(base, "token", draw=lambda: -0.99)
        found = await http.ask("GET", "/Users")
        await http.close()
    assert (found.status, found.rest, count) == (429, None, 4)


async def test_a_member_who_cannot_be_added_is_tried_less_and_less_often(pair: Pair, clock: Moved) -> None:
    ada, team = await pair.user("ada"), await pair.group("Engineering")
    await pair.sync()
    async with pair.edit() as work:
        await groups.add_members(work, [(team, ada, "User")])
    error = TargetError("no such member", status=500)

    def wrap(target: Target) -> Any:
        return Refusing(target, error, lambda request: request.path.startswith("/Groups/"))

    waits = []
    for _ in range(4):
        assert (await pair.cycle(wrap, backed_off=True)).failures == 1
        async with pair.house.database.reading() as tx:
            question = "select extract(epoch from next_try - moment())::float from sync_object where source_id = $1"
            waits.append(await tx.fetchval(question, team))
    assert [
        least <= wait <= 1.2 * least for least, wait in zip((60, 300, 1800, 7200), map(round, waits), strict=True)
    ] == [True] * 4, waits
    assert (await pair.sync()).counts == {"add members": 1}
    assert (await pair.known(team)).failures == 0


async def test_a_manager_that_was_not_heard_is_said_again_whatever_comes_between(standard: Pair) -> None:
    pair = standard
    await pair.mapping(lambda d: edit.add_mapping(d, "User", _MANAGER, attribute="manager"))
    boss = await pair.user("boss")
    bob = await pair.user("bob", manager="boss@contoso.com")
    lost = TargetError("the line was cut", unclear=True)
    await pair.cycle(lambda target: Refusing(target, lost, lambda request: request.method == "PATCH"))
    # The next cycle settles Bob himself and ends before it comes to his manager.
    tired = TargetError("PATCH was answered 429", status=429, rest=600.0)
    await pair.cycle(lambda target: Refusing(target, tired, lambda request: request.method == "PATCH"))
    assert (await pair.sync()).counts == {"update references": 1}
    assert (await pair.account("bob"))[_ENTERPRISE]["manager"]["value"] == (await pair.account("boss"))["id"]
    assert (await pair.sync()).counts == {}
    assert (await pair.known(bob)).unsettled is False and boss != bob


async def test_who_waits_for_an_approval_is_no_failure(pair: Pair) -> None:
    for number in range(20):
        await pair.call("POST", "/Users", {"userName": f"user{number:02}@contoso.com"})
        await pair.user(f"user{number:02}")
    async with pair.edit() as work:
        before = await applications.locked(work, pair.application)
        after = replace(before, policies=changed(before.policies, adoption="hold"))
        await applications.save(work, before, after, "set policies")
    result = await pair.sync()
    assert (result.status, result.counts) == ("done", {"refuse": 20})


async def test_a_rest_neither_ends_a_quarantine_nor_slows_what_follows(pair: Pair) -> None:
    await pair.user("ada")
    await pair.connect(pair.base, "not-the-token", force=True)
    assert (await pair.sync()).status == "quarantined"
    ledger = pair.house.ledger(pair.tenant, pair.application)
    before = (await ledger.job()).quarantine

    class Tired(Refusing):
        async def page(self, *_: Any) -> Any:
            raise self._error

        probe = find = page

    tired = TargetError("GET was answered 429", status=429, rest=600.0)
    result = await pair.cycle(lambda target: Tired(target, tired))
    assert (result.status, result.rest) == ("failed", 600.0)
    assert (await ledger.job()).quarantine == before


async def test_one_lost_answer_does_not_end_the_cycle(pair: Pair) -> None:
    for name in ("ada", "bob", "cleo"):
        await pair.user(name)
    lost = TargetError("broke the connection", unclear=True, reached=False)
    result = await pair.cycle(lambda target: Refusing(target, lost, lambda request: _name(request) == "bob@"))
    assert (result.status, result.failures) == ("done", 1)
    assert (await pair.account("cleo"))["active"]


@pytest.mark.parametrize(
    ("wanted", "known", "most"),
    [
        # Somebody who is to have an account: the answer of a create was lost, and the account there is a stranger's.
        ({"userName": "ada"}, Known("1", "User", intent={"userName": "ada"}, failures=9), 1.2 * 24 * 3600),
        # Somebody who left: of the same create nobody knows, and of an account it is known that it is open.
        ({}, Known("1", "User", intent={"userName": "ada"}, failures=9), LEAVERS_EVERY),
        ({}, Known("1", "User", state="linked", target_id="7", failures=9), LEAVERS_EVERY),
    ],
)
def test_who_is_refused_is_looked_at_again_soon_only_when_they_may_have_to_go(
    wanted: dict[str, Any], known: Known, most: float
) -> None:
    change = Change("refuse", "User", "1", "ada", "somebody else's", 3, 1, wanted=wanted, retry=True)
    outcome = without_request(Planned(0, change), known, Retries(POLICIES["provisor"], lambda: 1.0), exists=True)
    assert outcome.retry_seconds == pytest.approx(most)


def test_a_link_to_an_account_of_somebody_who_is_deleted_meanwhile_is_kept() -> None:
    """Or nobody would know whose it is when the deletion is looked at."""
    change = Change("link", "Group", "1", "Team", "is there", 3, 1, target_id="7", wanted={"displayName": "Team"})
    known = Known("1", "Group", intent={"displayName": "Team"})
    after = without_request(Planned(0, change), known, Retries(POLICIES["provisor"], lambda: 1.0), exists=False).after
    assert after is not None and after.linked and after.target_id == "7"
