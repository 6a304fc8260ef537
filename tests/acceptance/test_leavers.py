"""The access-debt list: on it from the moment somebody leaves until an answer shows that their account is closed."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from installation import Installation
from moved import Moved
from pair import Pair
from provisor.api.metrics import metrics
from provisor.connectors.base import Target, TargetError
from provisor.directory import groups, users
from provisor.provisioning import edit_object, filters
from provisor.sync.leavers import Leaver, notice, open_leavers
from provisor.sync.schedule import due

TOKEN = "a-token-of-at-least-32-characters-yes"


async def listed(pair: Pair) -> list[Leaver]:
    """The list, brought up to the directory as the server does it every second."""
    await pair.house.notice_leavers(pair.tenant, pair.application)
    return await open_leavers(pair.house.database, pair.tenant.id, [pair.application])


async def names(pair: Pair) -> list[str]:
    return [item.name for item in await listed(pair)]


class Deaf:
    """A target that takes no PATCH."""

    def __init__(self, target: Target, *, does: bool = False) -> None:
        self._target, self._does = target, does

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    async def send(self, request: Any) -> Any:
        if request.method == "PATCH":
            if self._does:
                await self._target.send(request)
            raise TargetError("PATCH was answered 503", status=503, unclear=True)
        return await self._target.send(request)


async def test_on_the_list_until_an_answer_shows_that_the_account_is_closed(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.user("bob")
    await pair.sync()
    assert await listed(pair) == []
    await pair.unassign(ada)
    (leaver,) = await listed(pair)
    account = (await pair.account("ada"))["id"]
    assert (leaver.name, leaver.account, leaver.why) == ("ada@contoso.com", account, "provisioning is Off")
    assert leaver.age < timedelta(seconds=60)
    await pair.cycle(Deaf)
    (again,) = await listed(pair)
    assert (again.since, again.why) == (leaver.since, "PATCH was answered 503; provisioning is Off")
    # Done, but nobody heard it: the list does not believe it before somebody has looked.
    await pair.cycle(lambda target: Deaf(target, does=True))
    assert not (await pair.account("ada"))["active"]
    assert await names(pair) == ["ada@contoso.com"]
    assert (await pair.sync()).status == "done"
    assert await listed(pair) == []


@pytest.mark.parametrize("way", ["disabled", "recycled", "purged", "unassigned", "out of scope", "out of the group"])
async def test_every_way_to_leave(pair: Pair, way: str) -> None:
    through = way == "out of the group"
    ada = await pair.user("ada", assigned=not through, department="Sales")
    team = await pair.group("Team", ada) if through else None
    await pair.sync()
    assert (await pair.account("ada"))["active"]
    async with pair.edit() as work:
        if way == "disabled":
            await users.change(work, ada, {"accountEnabled": False})
        if way in ("recycled", "purged"):
            await users.recycle(work, ada)
        if way == "purged":
            await users.purge(work, ada)
        if team is not None:
            await groups.remove_members(work, [(team, ada, "User")])
    if way == "unassigned":
        await pair.unassign(ada)
    if way == "out of scope":
        only = filters.parse_clause("department EQUALS Research", "User")
        await pair.mapping(lambda d: edit_object.add_filter(d, "User", "Research", [only]))
    assert len(await listed(pair)) == 1
    await pair.sync()
    assert await listed(pair) == []


async def test_whoever_comes_back_is_not_on_it(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    await pair.unassign(ada)
    assert await names(pair) == ["ada@contoso.com"]
    await pair.assign(ada)
    assert await listed(pair) == []


async def test_an_account_that_may_have_been_made_is_on_it(pair: Pair) -> None:
    ada = await pair.user("ada")

    class Lost(Deaf):
        async def send(self, request: Any) -> Any:
            await self._target.send(request)
            raise TargetError("the line was cut", unclear=True)

    await pair.cycle(Lost)
    await pair.unassign(ada)
    (leaver,) = await listed(pair)
    assert (leaver.name, leaver.account) == ("ada@contoso.com", None)
    await pair.sync()
    assert await listed(pair) == []
    assert not (await pair.account("ada"))["active"]


async def test_leavers_of_an_application_in_quarantine_are_tried_every_five_minutes(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    await pair.unassign(ada)
    await pair.connect(pair.base, "not-the-token", force=True)
    assert (await pair.sync()).status == "quarantined"
    (leaver,) = await listed(pair)
    assert leaver.why.startswith("provisioning is Off; the application is in quarantine: ")
    moved = Moved(pair.house.database)
    row = {"now": timedelta(), "last_cycle": timedelta(), "quarantine": "x", "resting": False}
    moved.ahead = timedelta(seconds=299)
    assert due({**row, "now": moved.ahead, "leavers": True, "refused": 9}, timedelta(minutes=30)) is None
    moved.ahead = timedelta(seconds=301)
    assert due({**row, "now": moved.ahead, "leavers": True, "refused": 9}, timedelta(minutes=30)) == "time"
    assert due({**row, "now": moved.ahead, "leavers": False, "refused": 9}, timedelta(minutes=30)) is None


async def test_whoever_was_let_in_again_by_hand_is_on_it_when_a_cycle_sees_it(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    await pair.unassign(ada)
    await pair.sync()
    assert await listed(pair) == []
    account = await pair.account("ada")
    operations = [{"op": "replace", "path": "active", "value": True}]
    await pair.call("PATCH", f"/Users/{account['id']}", {"Operations": operations})
    await pair.cycle(Deaf, full=True)
    assert await names(pair) == ["ada@contoso.com"]
    await pair.sync()
    assert await listed(pair) == []


async def test_of_two_who_look_at_once_the_second_changes_nothing(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    assert await listed(pair) == []
    await pair.unassign(ada)
    async with pair.house.job(pair.tenant, pair.application, read_only=True) as old:
        read = old.source.read

        class Late:
            def __getattr__(self, name: str) -> Any:
                return getattr(old.source, name)

            async def read(self, *arguments: Any) -> Any:
                found = await read(*arguments)
                # Meanwhile she is back, and somebody else has seen that.
                await pair.assign(ada)
                await pair.house.notice_leavers(pair.tenant, pair.application)
                return found

        await notice(pair.house.database, pair.tenant.id, replace(old, source=Late()))  # type: ignore[arg-type]
    assert await listed(pair) == []


async def test_whoever_is_overtaken_by_an_older_look_goes_on_from_there(pair: Pair) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    assert await listed(pair) == []
    await pair.user("bob")
    async with pair.house.job(pair.tenant, pair.application, read_only=True) as old:
        await pair.unassign(ada)
        async with pair.house.job(pair.tenant, pair.application, read_only=True) as new:
            read = new.source.read

            class Slow:
                def __getattr__(self, name: str) -> Any:
                    return getattr(new.source, name)

                async def read(self, *arguments: Any) -> Any:
                    await notice(pair.house.database, pair.tenant.id, old)
                    return await read(*arguments)

            await notice(pair.house.database, pair.tenant.id, replace(new, source=Slow()))  # type: ignore[arg-type]
    assert [leaver.name for leaver in await open_leavers(pair.house.database, pair.tenant.id, [pair.application])] == [
        "ada@contoso.com"
    ]


async def test_since_when_is_when_the_directory_knew(pair: Pair) -> None:
    moved = Moved(pair.house.database)
    ada = await pair.user("ada")
    await pair.sync()
    await pair.unassign(ada)
    pair.house = replace(pair.house, database=moved)
    moved.ahead = timedelta(hours=3)
    (leaver,) = await listed(pair)
    assert timedelta(hours=3) <= leaver.age < timedelta(hours=3, minutes=1)


async def test_the_command_and_the_metrics(pair: Pair, shop: Installation) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    name = (await pair.app()).name
    where = ("--tenant", pair.tenant.name)
    said = await asyncio.to_thread(shop.run, "leavers", name, *where)
    assert said == "Nobody who left is active anywhere, as far as any target has answered."
    await pair.unassign(ada)
    account = (await pair.account("ada"))["id"]
    ended = await asyncio.to_thread(shop.command, "leavers", *where)
    assert ended.code == 2
    assert re.fullmatch(
        rf"ada@contoso.com left \d{{4}}-\d\d-\d\d \d\d:\d\d UTC \(\d+ s\), may be active in {name} as {account}: "
        "provisioning is Off\n",
        ended.out,
    )
    found = json.loads((await asyncio.to_thread(shop.command, "leavers", *where, "--json")).out)
    assert [(row["name"], row["app"], row["account"]) for row in found] == [("ada@contoso.com", name, account)]
    answered = await metrics(pair.house.database, TOKEN, f"Bearer {TOKEN}")
    lines = bytes(answered.body).decode().splitlines()
    label = f'{{tenant="{pair.tenant.name}",app="{name}"}}'
    assert f"provisor_leavers_open{label} 1" in lines
    (age,) = [line for line in lines if line.startswith(f"provisor_leaver_age_seconds_max{label} ")]
    assert 0 < float(age.split()[-1]) < 60
    await pair.sync()
    lines = bytes((await metrics(pair.house.database, TOKEN, f"Bearer {TOKEN}")).body).decode().splitlines()
    assert f"provisor_leavers_open{label} 0" in lines
    assert (await metrics(pair.house.database, TOKEN, "Bearer another")).status_code == 401
    assert (await metrics(pair.house.database, TOKEN, None)).status_code == 401


async def test_the_server_notices_leavers_of_applications_that_are_off(pair: Pair, shop: Installation) -> None:
    ada = await pair.user("ada")
    await pair.sync()
    await pair.unassign(ada)
    for _ in range(100):
        if found := await open_leavers(pair.house.database, pair.tenant.id, [pair.application]):
            break
        await asyncio.sleep(0.1)
    assert [item.why for item in found] == ["provisioning is Off"]
    async with pair.session.get(f"{shop.url}/metrics") as answer:
        assert answer.status == 404, "there are none unless somebody set a token"
