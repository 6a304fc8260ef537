"""Requests as a client of Microsoft Graph once sent them, asked again in their order.

A recording is a list of steps: ``method``, ``path``, ``headers`` and ``body``; the ``status`` that is answered;
``answer``, what it says at some places (``value/0/id``); and ``keep``, what of it later steps name. «name» stands for
what was kept, or known from the start.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphs import Graph

DATA = Path(__file__).parent / "data"


def recorded(name: str) -> list[dict[str, Any]]:
    """The steps of a recording."""
    steps: list[dict[str, Any]] = json.loads((DATA / f"{name}.json").read_text())
    return steps


async def replay(
    graph: Graph,
    steps: list[dict[str, Any]],
    known: Mapping[str, str],
) -> None:
    """Ask every step as ``graph``; ``known`` are the names that are there from the start."""
    names = {"graph": graph.base, "root": graph.base.removesuffix("/v1.0"), "client": graph.client, **known}
    for step in steps:
        path, body = filled(step["path"], names), filled(step.get("body"), names)
        status, answer = await graph.ask(step["method"], path, body, **step.get("headers", {}))
        assert status == step["status"], (step, answer)
        for place, wanted in step.get("answer", {}).items():
            assert at(answer, place) == filled(wanted, names), (place, step, answer)
        for name, place in step.get("keep", {}).items():
            names[name] = at(answer, place)


def filled(value: Any, names: Mapping[str, str]) -> Any:
    """``value`` with what stands in it as «name»."""
    if isinstance(value, str):
        for name, known in names.items():
            value = value.replace(f"«{name}»", known)
        return value
    if isinstance(value, dict):
        return {key: filled(item, names) for key, item in value.items()}
    return [filled(item, names) for item in value] if isinstance(value, list) else value


def at(body: Any, place: str) -> Any:
    """What stands in an answer at a place; the empty place is all of it."""
    for part in place.split("/") if place else ():
        body = body[int(part)] if isinstance(body, list) else body[part]
    return body
