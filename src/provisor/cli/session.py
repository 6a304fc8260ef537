"""One run of one command: settings, the house, who acts, and how results are shown."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from provisor.config import Settings, load

T = TypeVar("T")
#: Characters whose bytes fit into PIPE_BUF (4,096), whatever they are.
_PIECE = 1000


@dataclass(frozen=True, slots=True)
class Desk:
    """What a command works with: the open house, the tenant, and the actor."""

    house: Any
    tenant: Any
    actor: Any

    def edit(self) -> Any:
        from provisor.directory.edit import edit

        return edit(self.house.database, self.tenant, self.actor)

    def workspace_edit(self, workspace: Any) -> Any:
        from provisor.workspace.edit import edit

        return edit(self.house.database, workspace, self.actor)


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on uvloop, which half of the server's speed comes from."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


class Session:
    """The command line's global options and its output."""

    def __init__(self, flags: Mapping[str, Any], *, json: bool) -> None:
        self.flags = dict(flags)
        self.json = json

    def settings(self, **more: Any) -> Settings:
        return load({**self.flags, **more})

    def run(self, work: Callable[[Desk], Awaitable[T]], **init: Any) -> T:
        """Open the house, find tenant and actor, and do ``work``. ``init`` goes to the first tenant's making."""
        settings = self.settings()

        async def everything() -> T:
            from provisor import compose

            async with compose.opened(settings, size=4) as house:
                tenant = await compose.first_tenant(house, **init)
                actor = (await compose.actor(house, tenant)).via("command line")
                return await work(Desk(house, tenant, actor))

        return run_loop(everything())

    def show(self, value: Any, text: str | None = None) -> None:
        """Print ``text``, or with --json the ``value``."""
        if self.json:
            import orjson

            self.write(orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2).decode())
        elif text is not None:
            self.write(text)

    @staticmethod
    def write(text: str) -> None:
        """Print ``text``, all of it.

        With PYTHONUNBUFFERED, Python drops what a write to a pipe did not take, and a write can be cut short by what
        uvloop leaves running in the kernel. One that is smaller than PIPE_BUF cannot.
        """
        text += "\n"
        try:
            for start in range(0, len(text), _PIECE):
                sys.stdout.write(text[start : start + _PIECE])
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever read the output has seen enough.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def table(self, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
        """Print rows under headings (key → heading), or with --json as a list of objects."""
        if self.json:
            self.show(list(rows))
            return
        cells = [list(columns.values())]
        cells += [[self.cell(row.get(key)) for key in columns] for row in rows]
        widths = [max(len(line[place]) for line in cells) for place in range(len(columns))]
        lines = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells)
        self.write("\n".join(line.rstrip() for line in lines))

    @staticmethod
    def cell(value: Any) -> str:
        """One value as people read it."""
        if value is None:
            return "-"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, datetime):
            return value.strftime("%Y-%m-%d %H:%M:%S")
        if isinstance(value, list):
            return ", ".join(map(Session.cell, value)) or "-"
        # What somebody put into a name must not move the cursor or make up rows.
        return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(value))

    def note(self, sentence: str) -> None:
        """Something worth knowing that is not the result."""
        print(f"provisor: {sentence}", file=sys.stderr)


def _plain(value: Any) -> Any:
    if isinstance(value, UUID | datetime):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(type(value).__name__)
