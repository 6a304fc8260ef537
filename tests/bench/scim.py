"""The SCIM server against the least that could do the same, and against ``scim2-server``, in one run.

The floor is ``bench.floor``: the same server and driver, one statement, the same bytes. The peer keeps everything in
memory and looks at every resource in turn; it is asked over as many users as fit its patience.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psutil

from bench.client import Client
from installation import PROGRAM, Installation
from pair import Pair

SIZES = {"quick": 20_000, "normal": 200_000, "full": 1_000_000}
LARGE = 100_000
PEER_USERS, PEER_REQUESTS = 200, 50
LANES = (1, 16)
ADA = "ada@contoso.com"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
_PEER = str(Path(sys.executable).parent / "scim2-server")
_TABLES = """
create table if not exists bench_floor (key text primary key, body bytea not null);
drop table if exists bench_user;
create table bench_user (like workspace_user including all);
"""
_PEOPLE = """
with made as (
    insert into workspace_user (workspace, id, user_name, name_key, external_id, display_key, active, doc, idx)
    select $1, (2000000000000000 + n)::text, 'p' || n || '@contoso.com', 'p' || n || '@contoso.com', 'x' || n,
           'person ' || n, true,
           jsonb_build_object('userName', 'p' || n || '@contoso.com', 'externalId', 'x' || n, 'active', true,
                              'displayName', 'Person ' || n, 'title', 'Title ' || n % 100,
                              'emails', jsonb_build_array(jsonb_build_object(
                                  'value', 'p' || n || '@contoso.com', 'type', 'work', 'primary', true))),
           jsonb_build_object('title', 'title ' || n % 100, 'emails', jsonb_build_array(jsonb_build_object(
                                  'value', 'p' || n || '@contoso.com', 'type', 'work', 'primary', true)))
    from generate_series(1, $2::int) n
    returning id
)
insert into workspace_member (workspace, group_id, member_id, member_type)
select $1, $3, id, 'User' from made
"""
_INTO = """
insert into workspace_member (workspace, group_id, member_id, member_type)
select $1, $2, (2000000000000000 + n)::text, 'User' from generate_series(1, $3::int) n
"""
_UNNEST = """
insert into bench_user (workspace, id, user_name, name_key, external_id, display_key, active, doc, idx)
select 1, id, id, id, id, id, true, doc, doc from unnest($1::text[], $2::jsonb[]) as row (id, doc)
"""


_WAITING = """
select count(*) filter (where state <> 'idle') as working, count(*) filter (where wait_event_type = 'Lock') as blocked
from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()
"""


def line(what: str, *shown: str) -> None:
    print(f"{what:44} " + "  ".join(f"{item:>16}" for item in shown), flush=True)


def per_second(rate: float) -> str:
    return f"{rate:,.0f}/s"


def person(name: str) -> dict[str, Any]:
    return {
        "schemas": [USER],
        "userName": name,
        "externalId": name,
        "displayName": "Ada Lovelace",
        "active": True,
        "name": {"givenName": "Ada", "familyName": "Lovelace"},
        "emails": [{"value": name, "type": "work", "primary": True}],
    }


class Bench:
    """Everything that is measured against: ours, the floor, the peer, and the place where ours runs."""

    def __init__(self, pair: Pair, shop: Installation, floor: Client, peer: Client) -> None:
        self.pair, self.shop = pair, shop
        self.waiting = 0.0
        self.ours, self.floor, self.peer = Client(pair.base, pair.token), floor, peer

    async def run(self, size: int) -> None:
        await self._single()
        await self._crowd(size)
        await self._bulk()
        await self._two()

    async def _single(self) -> None:
        """One resource at a time, alone and with sixteen at once."""
        line("", "ours", "floor", "of the floor", "peer", "of the peer")
        made = (await self.ours.ask("POST", "/Users", person(ADA))).json()
        for number in range(PEER_USERS):
            other = (await self.peer.ask("POST", "/Users", person(f"p{number}@contoso.com"))).json()
        for what, path, peer_path in (
            ("GET a user", f"/Users/{made['id']}", f"/Users/{other['id']}"),
            ("filter userName eq", _filter("userName", ADA), _filter("userName", other["userName"])),
            ("filter externalId eq", _filter("externalId", ADA), _filter("externalId", other["externalId"])),
        ):
            key = what.replace(" ", "-")
            body = (await self.ours.ask("GET", path)).body
            async with self.pair.house.database.transaction() as tx:
                await tx.execute("insert into bench_floor values ($1, $2)", key, body)
            ours, floor = self.ours.request("GET", path), self.floor.request("GET", f"/{key}")
            for lanes in LANES:
                await self._against(f"{what}, {lanes} at once", [ours] * 1000, [floor] * 1000, lanes, peer_path)
        for lanes in LANES:
            ours_, floor_ = (
                [client.request("POST", path, person(f"{uuid4()}@contoso.com")) for _ in range(1500)]
                for client, path in ((self.ours, "/Users"), (self.floor, "/"))
            )
            await self._against(f"POST a user, {lanes} at once", ours_, floor_, lanes)

    async def _against(
        self, what: str, ours: list[bytes], floor: list[bytes], lanes: int, peer_path: str | None = None
    ) -> None:
        """Five rounds in turns, so that what else the machine does meets both; the best counts."""
        mine, least = [], []
        for round_ in range(5):
            step = slice(round_, None, 5) if peer_path is None else slice(None)
            mine.append(await self.ours.rate(ours[step], lanes))
            least.append(await self.floor.rate(floor[step], lanes))
        started = time.perf_counter()
        for _ in range(PEER_REQUESTS):
            # It keeps no connection and answers one at a time.
            if peer_path is None:
                await self.peer.ask("POST", "/Users", person(f"{uuid4()}@contoso.com"))
            else:
                await self.peer.ask("GET", peer_path)
        other = PEER_REQUESTS / (time.perf_counter() - started)
        best, floor_best = max(mine), max(least)
        shown = (per_second(best), per_second(floor_best), f"{best / floor_best:.0%}")
        line(what, *shown, per_second(other), f"{best / other:,.1f} ×")

    async def _crowd(self, size: int) -> None:
        """The same among very many: pages, and groups of every size."""
        print(f"\namong {size:,} users", flush=True)
        everybody = (await self.pair.team("users"))["id"]
        made = [await self.pair.call("POST", "/Groups", {"displayName": name}) for name in ("small", "large")]
        small, large = [group["id"] for _, group in made]
        members = min(LARGE, size)
        async with self.pair.house.database.transaction() as tx:
            await tx.execute("set local statement_timeout = 0")
            await tx.execute(_PEOPLE, self.pair.workspace.id, size, everybody, timeout=900)
            await tx.execute(_INTO, self.pair.workspace.id, small, 10)
            await tx.execute(_INTO, self.pair.workspace.id, large, members, timeout=900)
        async with self.pair.house.database.reading() as tx:
            for table in ("workspace_user", "workspace_member", "workspace_group"):
                await tx.execute(f"vacuum analyze {table}", timeout=900)
        line("", "first or small", "last or large", "ratio")
        before = self._memory()
        last = await self._last_page(size)
        line("  memory while all pages are read", f"{(self._peak() - before) / 1e6:+.0f} MB at most")
        await self._both("100 users by cursor", "/Users?cursor=&count=100", last, 60)
        without = "?excludedAttributes=members"
        await self._both("GET a group, no members", f"/Groups/{small}{without}", f"/Groups/{large}{without}", 300)
        await self._moves(small, large)
        before = self._memory()
        answer = await self.ours.ask("GET", f"/Groups/{large}")
        more = self._peak() - before
        assert len(answer.json()["members"]) == members
        seconds = 1 / await self.ours.rate([self.ours.request("GET", f"/Groups/{large}")] * 3, 1)
        sizes = (f"{seconds:.2f} s", f"{len(answer.body) / 1e6:.1f} MB", f"{more / 1e6:+.0f} MB at most")
        line(f"GET a group of {members:,} members", *sizes)

    async def _last_page(self, size: int) -> str:
        """The address of the page by cursor that is the last whole one."""
        cursor, seen = "", 0
        while True:
            path = f"/Users?cursor={quote(cursor)}&count=100"
            if seen >= size - 200:
                return path
            page = (await self.ours.ask("GET", path)).json()
            seen, cursor = seen + len(page["Resources"]), page["nextCursor"]

    async def _both(self, what: str, one: str, other: str, count: int) -> None:
        a, b = [await self._milliseconds([self.ours.request("GET", path)] * count) for path in (one, other)]
        line(what, f"{a:.2f} ms", f"{b:.2f} ms", f"{b / a:.2f} ×")

    async def _moves(self, small: str, large: str) -> None:
        person_ = (await self.pair.account(ADA))["id"]
        bodies = [
            {"op": "add", "path": "members", "value": [{"value": person_}]},
            {"op": "remove", "path": f'members[value eq "{person_}"]'},
        ]
        times = []
        for group in (small, large):
            path = f"/Groups/{group}?excludedAttributes=members"
            times.append(
                await self._milliseconds([self.ours.request("PATCH", path, _patch(body)) for body in bodies] * 100)
            )
        a, b = times
        line("PATCH: add or remove one member", f"{a:.2f} ms", f"{b:.2f} ms", f"{b / a:.2f} ×")

    async def _milliseconds(self, requests: list[bytes]) -> float:
        return min([1000 / await self.ours.rate(requests, 1) for _ in range(3)])

    async def _bulk(self) -> None:
        operations = [
            {"method": "POST", "path": "/Users", "bulkId": f"b{number}", "data": person(f"{uuid4()}@contoso.com")}
            for number in range(1000)
        ]
        request = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations}
        ours = 1000 * await self.ours.rate([self.ours.request("POST", "/Bulk", request)], 1)
        started = time.perf_counter()
        async with self.pair.house.database.transaction() as tx:
            await tx.execute(_UNNEST, [str(uuid4()) for _ in operations], [item["data"] for item in operations])
        floor = 1000 / (time.perf_counter() - started)
        print(flush=True)
        line("", "ours", "floor", "of the floor")
        line("Bulk: create 1,000 users", per_second(ours), per_second(floor), f"{ours / floor:.0%}")

    async def _two(self) -> None:
        """Writes to one server process and to two on the same database: what each request costs, who waits."""
        assert self.shop.server is not None
        with _process([*PROGRAM, "serve", "--port", "0"], r"ready on (\S+)", PROVISOR_DATA=str(self.shop.folder)) as (
            second,
            url,
        ):
            other = Client(self.pair.base.replace(self.shop.url, url), self.pair.token)
            mine, beside = psutil.Process(self.shop.server.pid), psutil.Process(second.pid)
            print(flush=True)
            line("POST a user, 16 at once", "requests/s", "CPU per request", "waits for locks")
            for what, clients in (("one server process", [self.ours]), ("two server processes", [self.ours, other])):
                before = _cpu(mine) + _cpu(beside)
                posts = [
                    [
                        client.request("POST", "/Users", person(f"{uuid4()}@contoso.com"))
                        for _ in range(4000 // len(clients))
                    ]
                    for client in clients
                ]
                watching = asyncio.create_task(self._waits())
                started = time.perf_counter()
                lanes = 16 // len(clients)
                await asyncio.gather(*(c.rate(mine_, lanes) for c, mine_ in zip(clients, posts, strict=True)))
                taken = time.perf_counter() - started
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
                cpu = (_cpu(mine) + _cpu(beside) - before) / 4000 * 1e6
                line(f"  {what}", per_second(4000 / taken), f"{cpu:,.0f} µs", f"{self.waiting:.1%}")

    async def _waits(self) -> None:
        """Looks every 20 ms how many of the connections that work wait for a lock."""
        seen = blocked = 0
        while True:
            async with self.pair.house.database.reading() as tx:
                row = await tx.fetchrow(_WAITING)
            seen, blocked = seen + row["working"], blocked + row["blocked"]
            self.waiting = blocked / max(1, seen)
            await asyncio.sleep(0.02)

    def _memory(self) -> int:
        """What the server holds now, in bytes; the peak begins here anew."""
        assert self.shop.server is not None
        Path(f"/proc/{self.shop.server.pid}/clear_refs").write_text("5")
        return int(psutil.Process(self.shop.server.pid).memory_info().rss)

    def _peak(self) -> int:
        """What it held at most since, in bytes."""
        assert self.shop.server is not None
        status = Path(f"/proc/{self.shop.server.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _filter(attribute: str, value: str) -> str:
    return f"/Users?filter={quote(f'{attribute} eq {chr(34)}{value}{chr(34)}')}"


def _patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(operations)}


@contextlib.asynccontextmanager
async def beside(pair: Pair, shop: Installation) -> AsyncIterator[Bench]:
    """The floor and the peer, running on loopback beside ours; both end with this."""
    async with pair.house.database.reading() as tx:
        await tx.execute(_TABLES)
    with (
        _process([sys.executable, "-m", "tests.bench.floor", str(shop.folder)], r"(http://\S+)") as (_, floor),
        _process([str(Path(sys.executable).parent / "scim2-server"), "--port", str(_free_port())], r"(http://\S+)") as (
            _,
            peer,
        ),
    ):
        yield Bench(pair, shop, Client(floor), Client(peer))


@contextlib.contextmanager
def _process(command: list[str], says: str, **more: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A process, and the address that it prints first. What it says goes to a file: a full pipe would stop it."""
    with tempfile.NamedTemporaryFile() as said:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **more},
        )
        try:
            deadline = time.monotonic() + 60
            while not (found := re.search(says, Path(said.name).read_text())):
                assert process.poll() is None and time.monotonic() < deadline, Path(said.name).read_text()
                time.sleep(0.05)
            yield process, found[1]
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.terminate()
            process.wait(15)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
