"""What a second worker is for: two cycles at two targets side by side, and one cycle that two processes do together.

Both are measured against one cycle by itself, in the same run. On two cores, on which the targets and PostgreSQL are
too, the seconds say little; the processor seconds of an object say what it costs to work side by side.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import psutil

from bench.client import Client
from bench.engine_lines import line, ratio
from bench.engine_run import Bench, target_process
from bench.engine_scales import application


async def together(bench: Bench) -> None:
    """The table of two workers."""
    alone = await _initial(bench, "alone")
    line("one worker: the initial cycle", f"{alone['seconds']:.2f} s", "", "", _cpu(bench, alone["cpu"]))
    async with target_process() as other:
        await _forget(other, bench.latency)
        await application(bench.house, bench.tenant, "there", f"{other}/scim", "lean")
        await bench.application("here")
        found = await asyncio.gather(bench.engine("here", "cycle"), bench.engine("there", "cycle"))
    assert [result["status"] for result in found] == ["done", "done"], found
    for result in found:
        of_one = ratio(result["cpu"], alone["cpu"])
        line("two workers, two targets: each", f"{result['seconds']:.2f} s", "", of_one, _cpu(bench, result["cpu"]))
    async with _worker(bench) as (process, rows):
        helped = await _initial(bench, "helped")
        used = process.cpu_times()
    both = helped["cpu"] + used.user + used.system
    line("two workers, one cycle", f"{helped['seconds']:.2f} s", "", ratio(both, alone["cpu"]), _cpu(bench, both))
    seconds = f"{helped['applying']:.2f} s"
    line("  applying in it", seconds, f"{alone['applying']:.2f} s", ratio(helped["applying"], alone["applying"]), "one")
    line("  rows of the plan that the second one did", f"{sum(rows):,}", f"{sum(helped['counts'].values()):,}")


async def _initial(bench: Bench, name: str) -> Any:
    await bench.application(name)
    await bench.target()
    result = await bench.engine(name, "cycle")
    assert result["status"] == "done", result
    return result


async def _forget(url: str, latency: float) -> None:
    reply = await Client(url).ask("POST", "/control", {"latency": latency})
    assert reply.status == 200, reply.body


def _cpu(bench: Bench, seconds: float) -> str:
    return f"{seconds:.1f} s of processor, {seconds / bench.scale.objects * 1000:.2f} ms an object"


@asynccontextmanager
async def _worker(bench: Bench) -> AsyncIterator[tuple[psutil.Process, list[int]]]:
    """A worker that helps, as an installation has it, and how many rows it did each time, once it was ended."""
    words = [sys.executable, "-m", "provisor", "--data", str(bench.house.settings.data), "worker"]
    pipe = asyncio.subprocess.PIPE
    environment = os.environ | {"PROVISOR_LOG_LEVEL": "info"}
    child = await asyncio.create_subprocess_exec(*words, stdout=pipe, stderr=pipe, env=environment)
    assert child.stdout is not None
    rows: list[int] = []
    try:
        assert await child.stdout.readline() == b"Provisor worker ready\n"
        yield psutil.Process(child.pid), rows
    finally:
        child.terminate()
        _, logged = await child.communicate()
        lines = [orjson.loads(text) for text in logged.splitlines() if text.startswith(b"{")]
        rows += [said["rows"] for said in lines if said.get("event") == "helped"]
