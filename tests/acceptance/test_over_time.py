"""What happened over time: the figures of the charts are what the logs show for them, and they cost little to count."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from bench import large_tenant
from browser_like import Client, signed_in
from installation import Installation, installation
from pair import Pair
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.compose import House
from provisor.config import Settings
from provisor.console import figures, provisioning_log
from provisor.directory import sign_in_log, users
from provisor.directory.admission import PORTAL
from provisor.directory.sign_in_log import OUTCOMES, Attempt
from provisor.scim.requests import Request
from provisor.storage import embedded
from provisor.storage.migrate import upgrade
from provisor.sync import control

#: A tenant with an application, and a cycle that has created seven people.
_OLD = """
    insert into tenant (id, name, domain) values ('00000000-0000-0000-0000-000000000001', 'old', 'contoso.com');
    insert into application (tenant, id, name, name_key, template, schema)
    select id, '00000000-0000-0000-0000-000000000002', 'app', 'app', 'scim', '{}' from tenant;
    insert into sync_job (tenant, application) select tenant, id from application;
    insert into sync_cycle (tenant, application, id, number, kind, mode, status, started, ended)
    select tenant, id, id, 1, 'initial', 'cycle', 'done', now() - interval '5 minutes', now() from application;
    insert into sync_change (tenant, application, cycle, ordinal, phase, action, object_type, source_id, source_name,
                             reason, seq, detail, status, at)
    select tenant, id, id, n, 1, 'create', 'User', gen_random_uuid(), 'ada', 'is new', n, '{}', 'success',
           now() - interval '1 minute'
    from application, generate_series(1, 7) n"""
_ROW = re.compile(r"<tr>\s*<td><a href=\"[^\"]*\"><time")
_CELL = re.compile(r'<td class="number"><a href="([^"]+)">([\d,]+)</a></td>')


class Held:
    """A target as it is, but for what it sends."""

    def __init__(self, target: Any) -> None:
        self.target = target

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)


async def _counted(pair: Pair, span: str = "24h") -> dict[str, int]:
    found = figures.within(span, UTC)
    async with pair.house.database.reading() as tx:
        counts = await provisioning_log.counts(tx, pair.tenant.id, pair.application, found)
    return {result: sum(numbers) for result, numbers in counts.items() if any(numbers)}


async def _planned(pair: Pair) -> int:
    """How many rows there are of a cycle, done or not."""
    async with pair.house.database.reading() as tx:
        return int(await tx.fetchval("select count(*) from sync_change where tenant = $1", pair.tenant.id))


async def _administrator(shop: Installation, pair: Pair) -> Client:
    link = await compose.set_up_link(pair.house, pair.tenant, PROVISOR, "admin@contoso.com")
    return await signed_in(shop.url, link)


def _cells(page: str) -> list[tuple[str, int]]:
    """The links of the table of figures, and the number that each says."""
    return [
        (unescape(href).removesuffix("#list"), int(number.replace(",", ""))) for href, number in _CELL.findall(page)
    ]


async def _eventful(pair: Pair) -> None:
    """A cycle that creates, one that updates, disables, deletes, fails and refuses."""
    ada, bob, eve = [await pair.user(name) for name in ("ada", "bob", "eve")]
    await pair.sync()
    await pair.set_user(ada, surname="King")
    await pair.unassign(bob)
    async with pair.edit() as work:
        await users.recycle(work, eve)
        await users.purge(work, eve)
    await pair.group("admins")
    await pair.user("mary")

    def fails(request: Request) -> str | None:
        return "lost" if request.method == "POST" else None

    await pair.sync(fails)


async def test_every_figure_leads_to_as_many_rows_of_the_log(shop: Installation, pair: Pair) -> None:
    await _eventful(pair)
    client = await _administrator(shop, pair)
    log = f"/t/{pair.tenant.name}/applications/{pair.application}/logs"
    assert await _counted(pair) == {"created": 3, "updated": 1, "disabled": 1, "deleted": 1, "failed": 2}
    for page in (log, log.removesuffix("/logs"), f"{log}?span=7d", f"{log}?span=30d&q=nobody"):
        cells = _cells((await client.get(page)).text)
        assert sum(number for _, number in cells) == 8 and len(cells) >= 5, page
        for href, number in cells:
            assert len(_ROW.findall((await client.get(href)).text)) == number, href


async def test_a_cycle_that_runs_is_counted_as_it_goes_and_forgotten_with_its_rows(pair: Pair) -> None:
    for number in range(5):
        await pair.user(f"p{number}")
    going = asyncio.Event()

    class Slow(Held):
        async def send(self, request: Request) -> Any:
            await going.wait()
            return await self.target.send(request)

    running = asyncio.create_task(pair.cycle(lambda target: Slow(target)))
    async with asyncio.timeout(60):
        while not await _planned(pair):  # noqa: ASYNC110 (the database has no event for it)
            await asyncio.sleep(0.05)
    async with pair.house.database.transaction() as tx:
        # As the cycle does it, page by page.
        await tx.execute(
            "update sync_change set status = 'success' where tenant = $1 and ordinal = "
            "(select min(ordinal) from sync_change where tenant = $1 and action = 'create')",
            pair.tenant.id,
        )
    assert await _counted(pair) == {"created": 1}
    going.set()
    await running
    assert await _counted(pair) == {"created": 5}
    async with pair.house.database.transaction() as tx:
        await tx.execute("delete from sync_cycle where tenant = $1", pair.tenant.id)
        assert await tx.fetchval("select count(*) from sync_tally where tenant = $1", pair.tenant.id) == 0
    assert await _counted(pair) == {}


async def test_a_cycle_during_which_the_clock_was_set_back_is_listed_where_it_is_counted(pair: Pair) -> None:
    await pair.user("ada")
    await pair.sync()
    async with pair.house.database.transaction() as tx:
        await tx.execute(
            "update sync_cycle set started = started - interval '3 hours', ended = ended - interval '2 hours'"
            " where tenant = $1",
            pair.tenant.id,
        )
    found = figures.within("24h", UTC)
    async with pair.house.database.reading() as tx:
        counts = await provisioning_log.counts(tx, pair.tenant.id, pair.application, found)
        place = counts["created"].index(1)
        chosen = provisioning_log.Filter(result="created", since=found[place].begin, until=found[place].end)
        rows = await provisioning_log.page(tx, pair.tenant.id, pair.application, chosen, None, 50)
        chosen = provisioning_log.Filter(since=found[place].end)
        later = await provisioning_log.page(tx, pair.tenant.id, pair.application, chosen, None, 50)
    assert [row["source_name"] for row in rows] == ["ada@contoso.com"] and later == []


async def test_a_cycle_that_was_cut_off_is_not_read_for_ever(pair: Pair) -> None:
    await pair.user("ada")
    await pair.sync()
    async with pair.house.database.transaction() as tx:
        # As a crash in the midst of an initial cycle leaves it: never ended, and others came after it.
        await tx.execute(
            "insert into sync_cycle (tenant, application, id, number, kind, mode, status, started, ended)"
            " select tenant, application, gen_random_uuid(), before.number, kind, mode, 'running', at, before.ended"
            " from sync_cycle cross join (values (-1, now() - interval '9 days', null::timestamptz),"
            " (0, now() - interval '8 days', now() - interval '8 days')) as before (number, at, ended)"
            " where tenant = $1 and sync_cycle.number = 1",
            pair.tenant.id,
        )
        await tx.execute(
            "insert into sync_change (tenant, application, cycle, ordinal, phase, action, object_type, source_id,"
            " source_name, reason, seq, detail, status, at)"
            " select tenant, application, id, n, 1, 'create', 'User', gen_random_uuid(), 'eve', 'is new', n, '{}',"
            " 'success', started from sync_cycle, generate_series(1, 20000) n where tenant = $1 and number = -1",
            pair.tenant.id,
        )
        await tx.execute("analyze sync_cycle, sync_change")
    assert await _counted(pair, "30d") == {"created": 20_001}
    assert await _counted(pair) == {"created": 1}
    found = figures.within("24h", UTC)
    bounds = [*(item.begin for item in found), found[-1].end]
    values = pair.tenant.id, pair.application, bounds, bounds[0], bounds[-1]
    async with pair.house.database.reading() as tx:
        said = await tx.fetchval("explain (analyze, buffers, format json) " + provisioning_log.QUERIES.counts, *values)
    plan = json.loads(said)[0]["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 200


async def test_what_a_cycle_did_not_come_to_is_counted_as_skipped(pair: Pair) -> None:
    """It is written after the cycle has ended, in the same transaction."""
    for number in range(90):
        await pair.user(f"p{number}")
    began = asyncio.Event()

    class Slow(Held):
        async def send(self, request: Request) -> Any:
            answer = await self.target.send(request)
            began.set()
            await asyncio.sleep(0.2)
            return answer

    cycle = asyncio.create_task(pair.cycle(lambda target: Slow(target)))
    await began.wait()
    async with pair.edit() as work:
        await control.switch(work, pair.application, "Off")
    assert (await cycle).status == "stopped"
    found = Counter(row["status"] for row in await pair.log())
    assert found["skipped"] > 0 and found["success"] > 0
    assert await _counted(pair) == {"created": found["success"], "skipped": found["skipped"]}


async def test_a_month_of_a_long_log_is_counted_without_reading_it(pair: Pair) -> None:
    size = large_tenant.Size(people=100, groups=20, large=50, cycles=100, changes=1000, sign_ins=100, audited=10)
    await large_tenant.fill(pair, size)
    assert sum((await _counted(pair, "30d")).values()) == 100_000
    found = figures.within("30d", UTC)
    bounds = [*(item.begin for item in found), found[-1].end]
    values = pair.tenant.id, pair.application, bounds, bounds[0], bounds[-1]
    async with pair.house.database.reading() as tx:
        said = await tx.fetchval("explain (analyze, buffers, format json) " + provisioning_log.QUERIES.counts, *values)
        pages = await tx.fetchval("select pg_relation_size('sync_change') / 8192")
    plan = json.loads(said)[0]["Plan"]
    assert pages > 2000 and plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 200


async def test_rows_that_an_older_provisor_wrote_are_counted_when_it_is_upgraded() -> None:
    with installation() as own:
        held = await asyncio.to_thread(embedded.hold, own.folder)
        try:
            await asyncio.to_thread(upgrade, held.dsn, "0028")
            connection = await asyncpg.connect(**held.arguments)
            await connection.execute(_OLD)
            await connection.close()
        finally:
            await asyncio.to_thread(held.release)
        async with compose.opened(Settings(data=own.folder)) as house, house.database.reading() as tx:
            counts = await provisioning_log.counts(tx, UUID(int=1), UUID(int=2), figures.within("24h", UTC))
    assert sum(counts["created"]) == 7


async def test_sign_ins_are_counted_by_what_came_of_them_in_the_viewers_zone(
    shop: Installation, house: House, pair: Pair
) -> None:
    client = await _administrator(shop, pair)
    async with house.database.transaction() as tx:
        await tx.execute("delete from sign_in where tenant = $1", pair.tenant.id)
        admin = await users.find(tx, pair.tenant, "admin@contoso.com")
        for count, outcome in enumerate(OUTCOMES, 1):
            for _ in range(count):
                await sign_in_log.record(tx, pair.tenant, Attempt(admin, PORTAL, "192.0.2.1", frozenset(), outcome))
    start = f"/t/{pair.tenant.name}"
    client.cookies["provisor-zone"] = "Asia/Kathmandu"
    for span, intervals in (("24h", 24), ("7d", 28), ("30d", 30)):
        page = (await client.get(f"{start}/sign-ins?span={span}")).text
        assert "times in Asia/Kathmandu" in page
        assert f'viewBox="0 0 {intervals * 20} 120"' in page
        cells = _cells(page)
        assert sorted(number for _, number in cells) == [1, 2, 3]
        for href, number in cells:
            listed = (await client.get(href)).text
            assert len(_ROW.findall(listed)) == number and "(Asia/Kathmandu)" in listed
    # Nobody's hour begins at a quarter past, but there.
    since = re.search(r"since=[^&]*T\d\d:(\d\d)Z", (await client.get(f"{start}/sign-ins")).text)
    assert since is not None and since[1] == "15"


@pytest.mark.parametrize("zone", ["Nowhere/Atall", "../../etc/passwd", "x" * 5000, "Europe", "\u00e4", "UTC/UTC/UTC"])
async def test_a_zone_that_there_is_not_is_utc(shop: Installation, pair: Pair, zone: str) -> None:
    client = await _administrator(shop, pair)
    client.cookies["provisor-zone"] = zone
    answered = await client.get(f"/t/{pair.tenant.name}/sign-ins")
    assert answered.status == 200 and "times in UTC" in answered.text


async def test_moments_of_an_address_that_are_none_choose_nothing(shop: Installation, pair: Pair) -> None:
    await pair.user("ada")
    await pair.sync()
    client = await _administrator(shop, pair)
    log = f"/t/{pair.tenant.name}/applications/{pair.application}/logs"
    for query in (
        "since=yesterday",
        "since=0001-01-01T00:00%2B14:00",
        "until=9999-12-31T23:59-14:00",
        "since=0001-01-01T00:00Z",
        "until=9999-12-31T23:59Z",
        "result=nothing",
    ):
        for zone in ("UTC", "America/New_York", "Asia/Kathmandu"):
            client.cookies["provisor-zone"] = zone
            answered = await client.get(f"{log}?{query}")
            assert answered.status == 200 and len(_ROW.findall(answered.text)) == 1, (query, zone)
        assert (await client.get(f"/t/{pair.tenant.name}/sign-ins?{query}")).status == 200, query
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%MZ")
    assert "No entry is like that." in (await client.get(f"{log}?since={later}")).text
