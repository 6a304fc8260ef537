"""``python -m tests.bench.engine_child FOLDER APPLICATION plan|cycle [profile]``: the engine, in a process of its own.

It does what ``provisor plan`` and ``provisor sync`` do, over as many database connections, and prints as JSON what came
of it and what it took: seconds, of these planning and applying, processor seconds, and the largest resident memory.
Starting Python is not part of the seconds. With ``profile`` it also says which functions had the most time of their
own and which statements were waited for, planning and applying apart.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import re
import resource
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Final
from unittest import mock

import orjson
from uvloop import new_event_loop

from provisor import compose
from provisor.config import Settings
from provisor.directory import applications, tenants
from provisor.storage import pool
from provisor.storage.queries import queries
from provisor.sync import applying, cycle

#: Database connections of a command.
_CONNECTIONS: Final = 4
_FUNCTIONS, _STATEMENTS = 25, 10
_STAGES: Final = ("loading", "planning", "applying")
_GROUPS: Final = ("sync", "applications", "directory")


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak() -> int:
    """The largest resident memory of this process so far, in bytes; what it inherited is not counted."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else 0


class Watch:
    """When loading, planning and applying began, and, when ``profiled``, what they spent their time on."""

    def __init__(self, profiled: bool) -> None:
        self.profiled = profiled
        self.stage = "loading"
        self.marks = [(time.perf_counter(), cpu())]
        self.profiles = {stage: cProfile.Profile() for stage in ("planning", "applying")}
        self.statements: dict[tuple[str, str], list[float]] = defaultdict(list)
        self._names = {text: name for group in _GROUPS for name, text in queries(group).statements.items()}

    def turn(self, stage: str) -> None:
        """Another stage begins."""
        self.marks.append((time.perf_counter(), cpu()))
        if self.profiled:
            if self.stage in self.profiles:
                self.profiles[self.stage].disable()
            self.profiles[stage].enable()
        self.stage = stage

    def end(self) -> dict[str, float]:
        if self.profiled:
            self.profiles[self.stage].disable()
        self.marks.append((time.perf_counter(), cpu()))
        found: dict[str, float] = {}
        for stage, (at, used), (then, more) in zip(_STAGES, self.marks, self.marks[1:], strict=False):
            found |= {stage: then - at, f"{stage}_cpu": more - used}
        return found

    async def listen(self, connection: Any) -> None:
        """Hear of every statement of a new connection."""
        await _speak_json(connection)
        if self.profiled:
            connection.add_query_logger(self._heard)

    def _heard(self, record: Any) -> None:
        name = self._names.get(record.query, record.query.strip()[:40])
        self.statements[self.stage, name].append(record.elapsed)

    def told(self) -> str:
        """The functions with the most time of their own, and the statements that were waited for longest."""
        said = []
        for stage, profile in self.profiles.items():
            rows: list[Any] = sorted(_rows(profile), reverse=True)
            total = sum(own for own, *_ in rows)
            said.append(f"\n{stage}: {total:.1f} s in functions (profiled), the most time of their own:")
            for own, inside, calls, name in rows[:_FUNCTIONS]:
                said.append(f"  {own:8.2f} s {own / total:6.1%}  {inside:8.2f} s inside  {calls:9,} ×  {name}")
            heard = [(sum(took), len(took), name) for (at, name), took in self.statements.items() if at == stage]
            said.append(f"{stage}: {sum(count for _, count, _ in heard):,} statements, waited for longest:")
            for took, count, name in sorted(heard, reverse=True)[:_STATEMENTS]:
                said.append(f"  {took:8.2f} s waited {count:9,} ×  {took / count * 1000:8.2f} ms each  {name}")
        return "\n".join(said)


_speak_json = pool._speak_json


def _rows(profile: cProfile.Profile) -> list[tuple[float, float, int, str]]:
    stats: Any = pstats.Stats(profile)
    found = []
    for (file, number, name), (_, calls, own, inside, _) in stats.stats.items():
        place = "/".join(Path(file).parts[-2:]) + f":{number} " if number else ""
        found.append((own, inside, calls, place + name))
    return found


async def main(folder: str, name: str, what: str, profile: str = "") -> None:
    watch = Watch(bool(profile))
    begin, apply = cycle._begin, applying.apply

    async def planning(*given: Any, **more: Any) -> Any:
        watch.turn("planning")
        return await begin(*given, **more)

    async def sending(*given: Any) -> None:
        watch.turn("applying")
        await apply(*given)

    def report(_stage: str, _done: int, _total: int | None) -> None:
        """Nobody looks."""

    with (
        mock.patch.object(cycle, "_begin", planning),
        mock.patch.object(cycle, "apply", sending),
        mock.patch.object(pool, "_speak_json", watch.listen),
    ):
        async with compose.opened(Settings.model_validate({"data": folder}), size=_CONNECTIONS) as house:
            async with house.database.reading() as tx:
                tenant = await tenants.get(tx, house.settings.tenant)
                application = await applications.find(tx, tenant, name)
            watch.marks = [(time.perf_counter(), cpu())]
            if what == "plan":
                async with house.job(tenant, application.id, read_only=True) as job:
                    result = await cycle.dry_run(job, report)
            else:
                result = await house.cycle(tenant, application.id, report, cycle.Asked())
            took = watch.end()
    said = {"status": result.status, "error": result.error, "counts": dict(result.counts), "failures": result.failures}
    sums = {"sent": result.sent, "writes": result.requests, "seconds": result.seconds, "peak": peak(), "cpu": cpu()}
    if profile:
        print(watch.told())
    print(orjson.dumps({**said, **sums, **took}).decode(), flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
