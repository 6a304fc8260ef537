"""A database that is full, takes no changes, or is gone: a clear answer, no half state, and on again by itself."""

from __future__ import annotations

import asyncio
import contextlib
import html
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
import pytest_asyncio

from browser_like import signed_in
from installation import Installation, installation, new_place
from pair import OPS, Pair
from provisor import compose
from provisor.access.actors import PROVISOR
from provisor.config import Settings
from provisor.connectors.base import Resource, Target
from provisor.scim.requests import Request
from provisor.storage import keeper
from provisor.storage.pool import AWAY, busy
from provisor.sync import control
from provisor.sync.applying import PAGE

#: Bytes of the disk that is made full: a new installation takes 65 MB of it.
DISK = 160 << 20
PEOPLE = 150


@dataclass
class ReadOnly:
    """An operator, or a failover, has made the database read-only."""

    shop: Installation
    said = "The database is read-only now: it can be read, and takes no changes."
    readable = True

    def begin(self) -> None:
        self._set("default_transaction_read_only = on\n")

    def end(self) -> None:
        self._set("")

    def _set(self, text: str) -> None:
        (self.shop.folder / keeper.CLUSTER / "postgresql.auto.conf").write_text(text)
        server = keeper.server(self.shop.folder)
        assert server is not None
        server.send_signal(signal.SIGHUP)


@dataclass
class FullDisk:
    """Not a byte is left on the disk, which is one of its own."""

    shop: Installation
    said = "The database's disk is full or broken: it can be read, and takes no changes until that is mended."
    readable = True

    def begin(self) -> None:
        portion = 1 << 20
        with self._filler.open("ab", buffering=0) as file:
            while portion:
                try:
                    file.write(bytes(portion))
                except OSError:
                    portion //= 2

    def end(self) -> None:
        self._filler.unlink(missing_ok=True)

    @property
    def _filler(self) -> Path:
        return self.shop.folder.parent / "filler"


@dataclass
class Gone:
    """The database is killed and does not come back before :meth:`end`."""

    shop: Installation
    said = "The database does not answer now: try again."
    readable = False

    def begin(self) -> None:
        server = keeper.server(self.shop.folder)
        assert server is not None
        self._keeper().suspend()
        server.send_signal(signal.SIGQUIT)
        with contextlib.suppress(psutil.TimeoutExpired):
            # Its parent does not ask how it ended: it stays a zombie.
            server.wait(2)

    def end(self) -> None:
        self._keeper().resume()

    def _keeper(self) -> psutil.Process:
        words = ["-m", keeper.__name__, str(self.shop.folder)]
        return next(item for item in psutil.process_iter() if _command(item)[1:] == words)


FAULTS = [ReadOnly, FullDisk, Gone]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@contextlib.contextmanager
def _disk(kind: type) -> Iterator[Path]:
    """The place of an installation: for a disk that is to be full, one that is a small disk of its own."""
    place = new_place()
    if kind is not FullDisk:
        yield place
        return
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=711", "tmpfs", place], check=False)
    if mounted.returncode:
        pytest.skip("a disk of its own can be mounted by root only")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)
        shutil.rmtree(place, ignore_errors=True)


@pytest_asyncio.fixture(params=FAULTS, ids=lambda kind: kind.__name__)
async def faulty(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Any, Pair]]:
    """An installation of its own with its server, and what can happen to its database."""
    with _disk(request.param) as place, installation(place) as shop:
        await asyncio.to_thread(shop.run, "init", "--domain", "contoso.com")
        await asyncio.to_thread(shop.serve)
        async with compose.opened(Settings(data=shop.folder)) as house:
            inner = await Pair.make(shop, house)
            try:
                yield request.param(shop), inner
            finally:
                await inner.close()


async def _eventually(ask: Callable[[], Any]) -> Any:
    """Ask until it goes well; it has a minute."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(*AWAY, AssertionError):
                return await ask()
            await asyncio.sleep(0.1)


async def test_the_server_says_so_and_goes_on_by_itself(faulty: tuple[Any, Pair]) -> None:
    fault, inner = faulty
    shop: Installation = fault.shop
    assert shop.server is not None
    await inner.call("POST", "/Users", {"userName": "ada@contoso.com"})
    visitor = await signed_in(
        shop.url, await compose.set_up_link(inner.house, inner.tenant, PROVISOR, "admin@contoso.com")
    )
    start = f"/t/{inner.tenant.name}/"
    csrf = (await visitor.get(start)).text.partition('name="csrf" value="')[2].partition('"')[0]
    async with inner.house.database.transaction() as tx:
        # Whoever comes next has used their token and their session; that cannot be noted either.
        await tx.execute("update session set seen = now() - interval '5 minutes'")
        await tx.execute("update workspace_token set last_used = now() - interval '5 minutes'")
    fault.begin()
    # A full disk still takes what fits into the pages that there are.
    accepted = await _until_refused(inner, fault.said)
    if fault.readable:
        assert {person["userName"] for person in (await inner.everything())[0]} >= {"ada@contoso.com", *accepted}
        assert (await visitor.get(start)).status == 200
        assert "admin@contoso.com" in await asyncio.to_thread(shop.run, "directory", "users")
    else:
        page = await visitor.get(start)
        assert (page.status, fault.said in html.unescape(page.text)) == (503, True)
    async with aiohttp.ClientSession(shop.url) as session:
        for path, status in (("/healthz", 200), ("/readyz", 200 if fault.readable else 503)):
            async with session.get(path) as answer:
                assert answer.status == status
    form = await visitor.post(f"{start}groups", {"displayName": "Night shift", "description": "x" * 900}, csrf=csrf)
    assert (form.status, fault.said in html.unescape(form.text)) == (503, True)
    if fault.readable:
        words = ("directory", "group", "create", "Night shift", f"description={'x' * 900}")
        assert await asyncio.to_thread(shop.refused, *words) == fault.said
    fault.end()
    await _eventually(lambda: _made(inner, "late@contoso.com"))
    found = {person["userName"] for person in (await inner.everything())[0]}
    assert found - {"late@contoso.com", OPS} == {"ada@contoso.com", *accepted}
    assert shop.server.poll() is None, "it is the same server"
    assert "Night shift" not in await asyncio.to_thread(shop.run, "directory", "groups")
    assert (await visitor.get(start)).status == 200
    assert "rows are what they were" in await asyncio.to_thread(shop.run, "audit", "verify")


async def _until_refused(inner: Pair, said: str) -> list[str]:
    """Make accounts until that is refused in the right words; returns whom the workspace has taken."""
    accepted = []
    for number in range(500):
        name = f"b{number}@contoso.com"
        answer = await inner.session.post(f"{inner.base}/Users", json={"userName": name, "displayName": "x" * 200})
        if answer.status != 201:
            assert (answer.status, (await answer.json())["detail"]) == (503, said)
            assert int(answer.headers["Retry-After"]) > 0
            return accepted
        accepted.append(name)
    raise AssertionError("nothing was refused")


async def _made(inner: Pair, name: str) -> None:
    status, _ = await inner.call("POST", "/Users", {"userName": name})
    assert status == 201


@dataclass
class Counted:
    """A target that is well while something happens to our database at the fifth write; ``sent``: whom it was told
    to make."""

    target: Target
    fault: Any
    sent: list[str]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)

    async def send(self, request: Request) -> Resource | None:
        self.sent.append(request.body["userName"])
        if len(self.sent) == 5:
            self.fault.begin()
        return await self.target.send(request)


async def test_a_cycle_sends_nothing_that_it_cannot_record(faulty: tuple[Any, Pair], pair: Pair) -> None:
    fault, inner = faulty
    await inner.connect(pair.base, pair.token)
    people = {
        f"p{number}@contoso.com": await inner.user(f"p{number}", displayName="x" * 200) for number in range(PEOPLE)
    }
    targets = []

    def wrap(target: Target) -> Any:
        targets.append(Counted(target, fault, []))
        return targets[-1]

    with pytest.raises(AWAY) as raised:
        await inner.cycle(wrap)
    assert not isinstance(fault, Gone) or busy(raised.value) == fault.said
    # At most those of the page that was promised; a full disk may take another promise, which is recorded then.
    assert 5 <= len(targets[0].sent) <= PAGE or isinstance(fault, FullDisk)
    if not isinstance(fault, FullDisk):
        with pytest.raises(AWAY):
            await inner.cycle(wrap)
        assert len(targets) == 1 or not targets[1].sent, "it cannot even begin"
    fault.end()
    await _eventually(inner.log)
    recorded = {str(row["source_id"]) for row in await inner.log()}
    assert {str(people[name]) for name in targets[0].sent} <= recorded

    async def through() -> None:
        assert (await inner.sync()).status == "done"

    # What was under way when the cycle broke off may be done after the next one has looked: that is a conflict then,
    # which the cycle after it settles.
    await _eventually(through)
    assert (await inner.sync()).counts == {}
    pages = [await pair.call("GET", "/Users", params={"startIndex": start}) for start in range(1, 2 * PEOPLE, PAGE)]
    accounts = [account["userName"] for _, page in pages for account in page["Resources"]]
    assert sorted(accounts) == sorted({OPS, *people})


async def test_the_servers_cycles_go_on_by_themselves(faulty: tuple[Any, Pair], pair: Pair) -> None:
    fault, inner = faulty
    await inner.connect(pair.base, pair.token)
    ada = await inner.user("ada")
    async with inner.edit() as work:
        await control.switch(work, inner.application, "On")
    await _eventually(lambda: _active(pair, True))
    fault.begin()
    await asyncio.sleep(3)
    fault.end()
    await _eventually(lambda: inner.set_user(ada, accountEnabled=False))
    await _eventually(lambda: _active(pair, False))


async def _active(pair: Pair, value: bool) -> None:
    account = await pair.account("ada")
    assert account is not None and account["active"] is value
