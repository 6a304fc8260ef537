"""What an unmodified client asks and is answered, kept in the form in which ``tests/replay.py`` asks it again.

Everything that another installation gives another value (ids, addresses, tokens of pages) becomes a name in «», as
``keep`` in the step whose answer has it first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx

from replay import at

#: Headers that change what is answered.
_HEADERS = ("consistencylevel", "prefer")
#: What every installation names otherwise stands under these names.
_OTHERWISE = frozenset({"id", "appId", "@odata.nextLink", "@odata.deltaLink"})


@dataclass(slots=True)
class Step:
    method: str
    path: str
    body: Any
    headers: dict[str, str]
    status: int
    answer: Any
    says: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Tape:
    """``base`` is the address of the API; ``known`` are values that another installation has others for, by name."""

    base: str
    known: dict[str, str]
    steps: list[Step] = field(default_factory=list)

    def says(self, place: str, value: Any) -> None:
        """What the client understood is what the last answer has at ``place``: the replay expects it, too."""
        said = at(self.steps[-1].answer, place)
        assert said == value, (place, said, value)
        self.steps[-1].says[place] = said

    def at(self, place: str) -> Any:
        """What stands at a place of the last answer."""
        return at(self.steps[-1].answer, place)

    def written(self) -> list[dict[str, Any]]:
        """The steps, in other installations' terms."""
        names = {value: name for name, value in self.known.items()} | {self.base: "graph"}
        found = []
        for number, step in enumerate(self.steps):
            later = "".join(unquote(item.path) + json.dumps(item.body) for item in self.steps[number + 1 :])
            mine = _named({"method": step.method, "path": step.path, "headers": step.headers, "body": step.body}, names)
            keep = {}
            # Ids in mappings are the same everywhere.
            for place, text in () if step.path.endswith("/schema") else _texts(step.answer):
                last = place.rpartition("/")[2]
                if last in _OTHERWISE and len(text) > 8 and text not in names and unquote(text) in later:
                    name = f"{last.rpartition('.')[2]}{len(names)}"
                    names[text] = name
                    keep[name] = place
            row = {**mine, "status": step.status, "answer": _named(step.says, names), "keep": keep}
            found.append({name: value for name, value in row.items() if value not in (None, {})})
        return found


class Recording(httpx.AsyncHTTPTransport):
    """The innermost part of a client: nothing is added to a request below it."""

    def __init__(self, tape: Tape, **options: Any) -> None:
        super().__init__(**options)
        self._tape = tape

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        sent = await request.aread()
        answer = await super().handle_async_request(request)
        raw = await answer.aread()
        kind = answer.headers.get("content-type", "")
        shown = json.loads(raw) if "json" in kind else raw.decode() or None
        headers = {name: request.headers[name] for name in _HEADERS if name in request.headers}
        url = str(request.url)
        assert url.startswith(self._tape.base), url
        self._tape.steps.append(
            Step(request.method, url, json.loads(sent) if sent else None, headers, answer.status_code, shown)
        )
        return httpx.Response(answer.status_code, headers=answer.headers, content=raw, request=request)


def _texts(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every text in an answer, with its place."""
    if isinstance(value, str):
        yield place, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from _texts(item, f"{place}/{name}" if place else str(name))


def _named(value: Any, names: Mapping[str, str]) -> Any:
    """``value`` with names for what is known, the longest first."""
    if isinstance(value, str):
        for text in sorted(names, key=len, reverse=True):
            value = value.replace(text, f"«{names[text]}»").replace(unquote(text), f"«{names[text]}»")
        return value
    if isinstance(value, dict):
        return {name: _named(item, names) for name, item in value.items()}
    return [_named(item, names) for item in value] if isinstance(value, list) else value
