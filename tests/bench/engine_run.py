"""One scale, prepared to be measured: a target, an installation with its directory, and the engine as a child process.

The target runs in a process of its own and is told how to behave before each cycle; the engine runs in a fresh process
each time, so what it took is its own. The installation's database is PostgreSQL as every installation has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import psutil

from bench.client import Client
from bench.engine_scales import ADMINISTRATOR, DOMAIN, Directory, Scale, application, fill
from installation import installation
from provisor import compose
from provisor.compose import House
from provisor.config import Settings
from provisor.directory.applications import Application
from provisor.directory.edit import Tenant
from provisor.storage import keeper

_ROOT: Final = Path(__file__).parents[2]
#: Database connections of whoever prepares.
_CONNECTIONS: Final = 2


@dataclass(frozen=True, slots=True)
class Told:
    """What the target counted: requests by method and kind, writes that were ``done`` and the ``seconds`` between the
    first and the last of them, and its processor seconds so far."""

    counts: Mapping[str, int]
    done: int
    seconds: float
    cpu: float

    def writes(self) -> int:
        return sum(
            count for kind, count in self.counts.items() if kind.split()[0] in ("POST", "PATCH", "PUT", "DELETE")
        )


@dataclass(slots=True)
class Bench:
    """``place`` is a folder for what is written on the way; ``latency``: of every answer of the target, in
    milliseconds."""

    scale: Scale
    house: House
    tenant: Tenant
    directory: Directory
    url: str
    place: Path
    latency: float
    filled: float

    @property
    def scim(self) -> str:
        return f"{self.url}/scim"

    async def target(self, **said: Any) -> None:
        """How the target behaves from now on. It forgets what it counted, and what it has unless ``clear`` is False."""
        reply = await Client(self.url).ask("POST", "/control", {"latency": self.latency, **said})
        assert reply.status == 200, reply.body

    async def told(self) -> Told:
        return Told(**(await Client(self.url).ask("GET", "/control")).json())

    async def application(self, name: str, wire: str = "lean", *, bulk: bool = False) -> Application:
        """A new application, of which nothing is provisioned yet; ``bulk``: the target has /Bulk."""
        await self.target(bulk=bulk)
        return await application(self.house, self.tenant, name, self.scim, wire)

    async def engine(self, name: str, what: str, *more: str, patience: float = 900) -> Any:
        """What the engine says of a plan or a cycle; None when it took longer than ``patience`` and was ended."""
        words = [sys.executable, "-m", "tests.bench.engine_child", str(self.house.settings.data), name, what, *more]
        child = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE, cwd=_ROOT)
        try:
            said, _ = await asyncio.wait_for(child.communicate(), patience)
        except TimeoutError:
            return None
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        assert child.returncode == 0, f"the engine ended with {child.returncode}"
        *shown, last = said.decode().rstrip().split("\n")
        if shown:
            print("\n".join(shown), flush=True)
        return orjson.loads(last)

    def database_cpu(self) -> float:
        """Processor seconds that PostgreSQL has used so far, with those of its processes that have ended."""
        server = keeper.server(self.house.settings.data)
        if server is None:
            return 0.0
        own = server.cpu_times()
        used = own.user + own.system + own.children_user + own.children_system
        for child in server.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                times = child.cpu_times()
                used += times.user + times.system
        return float(used)


@contextlib.asynccontextmanager
async def opened(scale: Scale, latency: float) -> AsyncIterator[Bench]:
    """Everything that a scale needs; gone at the end."""
    with installation() as shop, tempfile.TemporaryDirectory(prefix="provisor-bench-") as place:
        settings = Settings.model_validate({"data": shop.folder})
        async with target_process() as url, compose.opened(settings, size=_CONNECTIONS) as house:
            tenant = await compose.first_tenant(house, domain=DOMAIN, administrator=ADMINISTRATOR)
            started = time.perf_counter()
            directory = await fill(house, tenant, scale)
            filled = time.perf_counter() - started
            yield Bench(scale, house, tenant, directory, url, Path(place), latency, filled)


@contextlib.asynccontextmanager
async def target_process() -> AsyncIterator[str]:
    """The address of a target."""
    words = [sys.executable, "-m", "tests.bench.engine_target"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, cwd=_ROOT)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()
