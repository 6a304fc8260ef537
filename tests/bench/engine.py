"""``python -m tests.bench.engine [S|M|L|G|T ...]``: what cycles cost, against the same requests sent by a bare client.

For each scale a directory is filled, a target started and an application connected; then it is planned, provisioned,
looked at again unchanged, and once more with ten changes. The floor is the very bodies that the engine sent, sent again
to the same target, as many at a time, by a client that does nothing else. Prints tables and judges nothing.
``--profile`` says instead where the time of planning and of applying goes. S also looks at limits of the target and at
the wire profiles side by side, M at two workers; G is one large group that somebody joins, T ten changes among 10,000
and 1,000,000.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.client import Client
from bench.engine_bare import again, through_library
from bench.engine_lines import line, ratio, share
from bench.engine_run import Bench, Told, opened
from bench.engine_scales import AMONG, CHUNK, SCALES, Scale, account, change_ten, join, provisioned, ten
from bench.engine_workers import together
from provisor.connectors.governor import MOST

#: Requests a second that a target takes, and how many of them at once; for how many seconds that is looked at.
_LIMITS: Final = ((200, "evenly", 20), (200, "in bursts", 200), (1_000, "evenly", 100))
_PATIENCE: Final = 90.0
_LIBRARY: Final = "the engine's HTTP library by itself"
_MEGABYTE: Final = 1 << 20


def formula(scale: Scale) -> dict[str, int]:
    """The requests that an initial cycle of an empty target needs: by method and kind."""
    # The first members go with their group.
    additions = sum(max(0, math.ceil(size / CHUNK) - 1) for size in scale.sizes())
    return {
        "POST /Users": scale.users,
        "POST /Groups": scale.groups,
        "PATCH /Groups/ID": additions,
        # Whoever is listed proves address and token: a list of nobody is one page.
        "GET /Users?page": 1,
        "GET /Groups?page": 1,
        "GET /Users?filter": 1,
    }


def over(counts: Mapping[str, int], expected: Mapping[str, int]) -> str:
    """What was sent beyond what is expected."""
    found = {kind: count - expected.get(kind, 0) for kind, count in counts.items() if kind[0].isalpha()}
    more = [f"{excess:,} × {kind}" for kind, excess in sorted(found.items()) if excess > 0]
    refused = [f"{count:,} answered {status}" for status, count in sorted(counts.items()) if status[0].isdigit()]
    return ", ".join(more + refused) or "nothing"


async def scale_of(bench: Bench) -> None:
    """The table of one scale."""
    scale = bench.scale
    await bench.application("main")
    plan = await bench.engine("main", "plan")
    recorded = bench.place / "writes"
    await bench.target(record=str(recorded))
    at, before = bench.database_cpu(), (await bench.told()).cpu
    initial = await bench.engine("main", "cycle")
    told = await bench.told()
    database, target = bench.database_cpu() - at, told.cpu - before
    assert initial["status"] == "done", initial
    await bench.target()
    bare = await again(bench.scim, recorded, MOST)
    floor_cpu = (await bench.told()).cpu - told.cpu
    await bench.target()
    library = await through_library(bench.scim, recorded, MOST)
    recorded.unlink()
    initial_rows(scale, plan, initial, told, bare)
    library_rows(plan, initial, sum(count for kind, count in told.counts.items() if kind[0].isalpha()), library)
    line(
        "processor seconds of the engine", f"{initial['cpu']:.1f} s", "", "", f"{per(initial['cpu'], scale)} an object"
    )
    line("  of PostgreSQL", f"{database:.1f} s", "", "", f"{per(database, scale)} an object")
    line("  of the target", f"{target:.1f} s", f"{floor_cpu:.1f} s", ratio(target, floor_cpu), "the bare client's")
    line(
        "resident memory of the engine, at most",
        f"{initial['peak'] / _MEGABYTE:.0f} MB",
        "",
        "",
        "planning and applying",
    )
    line("  of a dry run", f"{plan['peak'] / _MEGABYTE:.0f} MB")


def per(seconds: float, scale: Scale) -> str:
    return f"{seconds / scale.objects * 1000:.2f} ms"


def initial_rows(scale: Scale, plan: Any, initial: Any, told: Told, bare: tuple[int, float]) -> None:
    expected = formula(scale)
    sent, least = sum(count for kind, count in told.counts.items() if kind[0].isalpha()), sum(expected.values())
    what = "users + groups + Σ ⌈m/100 - 1⌉ + pages + probe"
    line("requests of the initial cycle", f"{sent:,}", f"≤ {least:,}", "", what)
    line("  over that", over(told.counts, expected))
    count, seconds = bare
    line(
        "a plan (a dry run)",
        f"{plan['seconds']:.2f} s",
        f"{seconds:.2f} s",
        share(plan["seconds"], seconds),
        "the bare client",
    )
    line(
        "the whole initial cycle",
        f"{initial['seconds']:.2f} s",
        f"{seconds:.2f} s",
        ratio(initial["seconds"], seconds),
        "the bare client",
    )
    line("  planning in it", f"{initial['planning']:.2f} s", "", "", f"{initial['planning_cpu']:.1f} s of processor")
    line(
        "  applying in it",
        f"{initial['applying']:.2f} s",
        f"{seconds:.2f} s",
        ratio(initial["applying"], seconds),
        f"{initial['applying_cpu']:.1f} s of processor",
    )
    fastest = count / seconds
    for what, took in (("while applying", initial["applying"]), ("over the whole cycle", initial["seconds"])):
        rate = sent / took
        line(
            f"requests a second, {what}",
            f"{rate:,.0f}/s",
            f"{fastest:,.0f}/s",
            share(rate, fastest),
            f"the bare client, {MOST} at a time",
        )


def library_rows(plan: Any, initial: Any, sent: int, library: tuple[int, float]) -> None:
    count, seconds = library
    line(
        "a plan (a dry run)", f"{plan['seconds']:.2f} s", f"{seconds:.2f} s", share(plan["seconds"], seconds), _LIBRARY
    )
    rate, fastest = sent / initial["applying"], count / seconds
    line("requests a second, while applying", f"{rate:,.0f}/s", f"{fastest:,.0f}/s", share(rate, fastest), _LIBRARY)


async def bulk(bench: Bench) -> None:
    """The initial cycle at a target that takes many writes in one request."""
    await bench.application("bulk", bulk=True)
    await bench.target(bulk=True)
    result = await bench.engine("bulk", "cycle")
    counts = (await bench.told()).counts
    assert result["status"] == "done", result
    least = sum(formula(bench.scale).values())
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items()))
    line("with Bulk: requests of the initial cycle", f"{result['sent']:,}", f"≤ {least // 10:,}", "", kinds)
    took = f"planning {result['planning']:.2f} s, applying {result['applying']:.2f} s"
    rate = least / result["applying"]
    line("  its seconds", f"{result['seconds']:.2f} s", "", "", f"{took}: {rate:,.0f} operations a second")


async def later(bench: Bench) -> None:
    """Cycles after the initial one; the target has everything again, as the bare client left it."""
    await bench.target(clear=False)
    unchanged = await bench.engine("main", "cycle")
    counts = (await bench.told()).counts
    line(
        "requests of an unchanged cycle",
        f"{unchanged['sent']:,}",
        "≤ 1",
        "",
        "the probe; over that: " + over(counts, {"GET /Users?filter": 1}),
    )
    line("  its seconds", f"{unchanged['seconds']:.3f} s", "", "", f"{unchanged['peak'] / _MEGABYTE:.0f} MB")
    await change_ten(bench.house, bench.tenant, bench.directory)
    await bench.target(clear=False)
    ten = await bench.engine("main", "cycle")
    counts = (await bench.told()).counts
    assert ten["status"] == "done", ten
    expected = {"GET /Users?filter": 1, "PATCH /Users/ID": 10}
    line(
        "requests of a cycle with ten changes",
        f"{ten['sent']:,}",
        "≤ 11",
        "",
        "probe + changes; over that: " + over(counts, expected),
    )
    line(
        "  its seconds",
        f"{ten['seconds']:.3f} s",
        "",
        "",
        f"planning {ten['planning']:.3f} s, {ten['peak'] / _MEGABYTE:.0f} MB",
    )


async def joined(bench: Bench) -> None:
    """One more in the largest group."""
    await join(bench.house, bench.tenant, bench.directory)
    await bench.target(clear=False)
    result = await bench.engine("main", "cycle")
    told = await bench.told()
    assert result["status"] == "done", result
    size = bench.scale.sizes()[0]
    line(
        f"one more in a group of {size:,}: writes",
        f"{told.writes():,}",
        "≤ 1",
        "",
        f"over that: {over(told.counts, {'GET /Users?filter': 1, 'PATCH /Groups/ID': 1})}",
    )
    line("  its seconds", f"{result['seconds']:.3f} s", "", "", f"{result['peak'] / _MEGABYTE:.0f} MB")


async def ten_among(bench: Bench) -> float:
    """The seconds of a cycle with ten changes among everybody."""
    made = await bench.application("main")
    await provisioned(bench.house, bench.tenant, made)
    await bench.target()
    client = Client(bench.scim, "bench" * 8)
    for person, upn in await ten(bench.house, bench.directory):
        reply = await client.ask("POST", "/Users", {"userName": upn})
        await account(bench.house, made, person, reply.json()["id"])
    await change_ten(bench.house, bench.tenant, bench.directory)
    await bench.target(clear=False)
    result = await bench.engine("main", "cycle")
    told = await bench.told()
    assert result["status"] == "done", result
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(told.counts.items()))
    line(f"ten changes among {bench.scale.name} people", f"{result['seconds']:.3f} s", "", "", kinds)
    line("  planning, applying", f"{result['planning']:.3f} s", f"{result['applying']:.3f} s")
    return float(result["seconds"])


async def limits(bench: Bench) -> None:
    """How much of what a target takes in a second the engine makes use of."""
    for limit, how, burst in _LIMITS:
        name = f"limit-{limit}-{burst}"
        await bench.application(name)
        await bench.target(limit=limit, burst=burst)
        result = await bench.engine(name, "cycle", patience=_PATIENCE)
        told = await bench.told()
        rate = told.done / told.seconds if told.seconds else 0.0
        ended = (
            f"ended after {_PATIENCE:.0f} s" if result is None else f"{result['status']}, {result['failures']} failures"
        )
        note = f"{told.counts.get('429', 0):,} answered 429; {ended}"
        line(
            f"writes a second where {limit:,} are taken {how}",
            f"{rate:,.0f}/s",
            f"{limit:,}/s",
            share(rate, limit),
            note,
        )


async def wires(bench: Bench) -> None:
    """The wire profiles side by side, each in a new application."""
    for wire in ("lean", "entra"):
        await bench.application(f"wire-{wire}", wire)
        plan = await bench.engine(f"wire-{wire}", "plan")
        await bench.target()
        result = await bench.engine(f"wire-{wire}", "cycle")
        counts = (await bench.told()).counts
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items()))
        line(f"wire {wire}: requests of the initial cycle", f"{result['sent']:,}", "", "", kinds)
        took = f"planning {result['planning']:.2f} s, applying {result['applying']:.2f} s"
        line("  its seconds", f"{result['seconds']:.2f} s", "", "", f"{took}; a dry run {plan['seconds']:.2f} s")
        await bench.target(clear=False)
        result = await bench.engine(f"wire-{wire}", "cycle")
        line(
            f"wire {wire}: requests of an unchanged cycle", f"{result['sent']:,}", "", "", f"{result['seconds']:.3f} s"
        )


async def profiled(bench: Bench) -> None:
    await bench.application("main")
    result = await bench.engine("main", "cycle", "profile")
    print(
        f"\nprofiled: planning {result['planning']:.1f} s ({result['planning_cpu']:.1f} s of processor), "
        f"applying {result['applying']:.1f} s ({result['applying_cpu']:.1f} s of processor)"
    )


async def main(asked: argparse.Namespace) -> None:
    for name in asked.scales:
        started = time.perf_counter()
        if name == "T":
            took = []
            for among in AMONG:
                async with opened(among, asked.latency) as bench:
                    print(f"\nT: {among.name} people, filled in {bench.filled:.1f} s", flush=True)
                    took.append(await ten_among(bench))
            line("among the many", f"{took[1]:.3f} s", f"{took[0]:.3f} s", ratio(took[1], took[0]), "the few")
            continue
        scale = SCALES[name]
        async with opened(scale, asked.latency) as bench:
            said = f"{scale.users:,} users, {scale.groups:,} groups, {scale.memberships:,} memberships"
            print(f"\n{name}: {said}; filled in {bench.filled:.1f} s", flush=True)
            if asked.profile:
                await profiled(bench)
                continue
            line("", "measured", "floor, formula", "of it")
            await scale_of(bench)
            await (joined(bench) if name == "G" else later(bench))
            if name == "M":
                await bulk(bench)
                await together(bench)
            if name == "S":
                await bulk(bench)
                await limits(bench)
                await wires(bench)
        print(f"  {time.perf_counter() - started:.0f} s for all of {name}", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.engine", description=__doc__)
    parser.add_argument("scales", nargs="*", choices=[*SCALES, "T", []], default=["S", "G"], help="S, M, L, G, T")
    parser.add_argument("--profile", action="store_true", help="where the time of an initial cycle goes")
    parser.add_argument("--latency", type=float, default=0.0, help="milliseconds until the target answers")
    return parser.parse_args()


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(arguments()))
