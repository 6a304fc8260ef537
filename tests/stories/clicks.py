"""A story by clicks: what somebody does at a browser, as data. A test plays it, readers get it in words: one source.

A story has parts, a part has steps, a step has lines. A line is what somebody does for one statement of the page, what
is seen then, and perhaps a picture. Words come from the actions, so that no reader is told to click what no test
clicked.
"""

from __future__ import annotations

import textwrap
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Protocol

from playwright.async_api import Locator, Page

DOCS: Final = Path(__file__).parents[2] / "docs"
WIDTH: Final = 120
#: No picture is taller; this much stands around what is shown.
TALLEST, AROUND = 860, 24

#: Fields that are answered while one types.
SEARCHES: Final = ("Search ", "Identity")


class Visitor(Protocol):
    """Somebody at a browser, as tests have them."""

    page: Page
    clicks: Any
    statement: int

    async def sees(self, text: str) -> None: ...


#: What only a run knows: addresses, one-time links, the token.
Known = dict[str, str]


@dataclass(frozen=True, slots=True)
class Open:
    """Go to an address that only the run knows; ``told`` is how readers know it."""

    known: str
    told: str

    async def do(self, visitor: Visitor, known: Known) -> None:
        await visitor.page.goto(known[self.known])

    def words(self) -> str:
        return f"open {self.told}"


@dataclass(frozen=True, slots=True)
class Click:
    """A link, or a button: in the menu, in a table's row, in the dialog, or wherever it is the only one of its name."""

    name: str
    role: Any = "link"
    menu: bool = False
    row: str = ""
    dialog: bool = False
    #: Not when what a link says goes on after its name.
    exact: bool = True

    def found(self, page: Page) -> Locator:
        place: Page | Locator = page
        if self.menu:
            place = place.get_by_role("navigation", name="Portal")
        elif self.row:
            place = place.get_by_role("row").filter(has_text=self.row)
        elif self.dialog:
            place = place.get_by_role("dialog")
        if self.role == "text":
            return place.get_by_text(self.name, exact=True)
        return place.get_by_role(self.role, name=self.name, exact=self.exact)

    async def do(self, visitor: Visitor, known: Known) -> None:
        await self.found(visitor.page).click()
        visitor.clicks[visitor.statement] += 1

    def words(self) -> str:
        where = f" in the row of {self.row}" if self.row else " in the dialog" if self.dialog else ""
        return f"click *{_label(self.name)}*{where}"


def press(name: str, *, row: str = "", dialog: bool = False) -> Click:
    """A button."""
    return Click(name, "button", row=row, dialog=dialog)


@dataclass(frozen=True, slots=True)
class Type:
    """``text`` is the name of something that only the run knows, when readers are ``told`` what it is."""

    label: str
    text: str
    told: str = ""

    async def do(self, visitor: Visitor, known: Known) -> None:
        text = known[self.text] if self.told else self.text
        field = visitor.page.get_by_label(self.label, exact=True)
        if not self.label.startswith(SEARCHES):
            await field.fill(text)
            return
        # Somebody waits for what is found; a tick in the old list would go with it.
        async with visitor.page.expect_response(lambda answer: answer.request.resource_type in ("xhr", "fetch")):
            await field.fill(text)

    def words(self) -> str:
        return f"type {self.told or f'`{self.text}`'} into *{_label(self.label)}*"


@dataclass(frozen=True, slots=True)
class Choose:
    label: str
    option: str

    async def do(self, visitor: Visitor, known: Known) -> None:
        await visitor.page.get_by_label(self.label, exact=True).select_option(self.option)
        visitor.clicks[visitor.statement] += 1

    def words(self) -> str:
        option = f"*{self.option}*" if self.option[0].isupper() else f"`{self.option}`"
        return f"choose {option} as *{_label(self.label)}*"


@dataclass(frozen=True, slots=True)
class Tick:
    label: str

    async def do(self, visitor: Visitor, known: Known) -> None:
        await visitor.page.get_by_label(self.label, exact=True).check()
        visitor.clicks[visitor.statement] += 1

    def words(self) -> str:
        return f"tick *{self.label}*"


@dataclass(frozen=True, slots=True)
class Sees:
    """A text that is on the page then; ``told`` where readers are better told something else."""

    text: str
    told: str = ""

    async def do(self, visitor: Visitor, known: Known) -> None:
        await visitor.sees(self.text)

    def words(self) -> str:
        return self.told or f"“{self.text}”"


@dataclass(frozen=True, slots=True)
class Quietly:
    """What the test makes sure of, and readers need not be told."""

    what: Callable[[Any, Known], Awaitable[None]]

    async def do(self, visitor: Visitor, known: Known) -> None:
        await self.what(visitor, known)


@dataclass(frozen=True, slots=True)
class Screen:
    """A picture as wide as the page, from the text ``top`` (else the page's top) to ``bottom`` (else its content's)."""

    name: str
    shows: str
    top: str = ""
    bottom: str = ""
    tallest: int = TALLEST

    async def take(self, page: Page) -> None:
        dialog = page.locator("dialog[open]")
        open_dialog = await dialog.count() > 0
        if open_dialog:
            start, end = await _edge(dialog, "top"), await _edge(dialog, "bottom")
        else:
            last = page.get_by_text(self.bottom).last if self.bottom else page.locator("main > *:visible").last
            start, end = (
                await _edge(page.get_by_text(self.top).last, "top") if self.top else 0,
                await _edge(last, "bottom"),
            )
        start = max(start - AROUND, 0)
        height = min(end + AROUND - start, self.tallest)
        # A dialog stands in the middle of the window, which a picture of the whole page would make another one.
        place = DOCS / f"screens/{self.name}.png"
        clip = {"x": 0, "y": start, "width": 1280, "height": height}
        await page.screenshot(path=place, animations="disabled", full_page=not open_dialog, clip=clip)  # type: ignore[arg-type]

    def words(self) -> str:
        return f"![{self.shows}](../screens/{self.name}.png)"


async def _edge(found: Locator, edge: str) -> float:
    """Where on its whole page something begins or ends."""
    y: float = await found.evaluate(f"found => found.getBoundingClientRect().{edge} + window.scrollY")
    return y


Action = Open | Click | Type | Choose | Tick | Sees | Quietly | Screen


@dataclass(frozen=True, slots=True)
class Line:
    """``statement`` of the page, 0 for what it does not ask for; clicks are counted for it."""

    statement: int
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """``who`` is at the browser: in the ``portal``, or in the workspace's ``console``. ``before`` is what must be known
    to do it, ``after`` what has come of it."""

    title: str
    lines: tuple[Line, ...]
    before: str = ""
    after: str = ""
    who: str = "portal"


@dataclass(frozen=True, slots=True)
class Part:
    title: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Story:
    title: str
    before: str
    parts: tuple[Part, ...]
    after: str

    def lines(self) -> Iterator[tuple[Step, Line]]:
        for part in self.parts:
            for step in part.steps:
                for line in step.lines:
                    yield step, line


Do = Callable[[Any, Visitor, Known], Awaitable[None]]


async def by_clicks(action: Any, visitor: Visitor, known: Known) -> None:
    await action.do(visitor, known)


async def play(
    story: Story, visitors: dict[str, Any], known: Known, *, pictures: bool = False, do: Do = by_clicks
) -> None:
    """Do it all, in order, and take the pictures where they are wanted."""
    for step, line in story.lines():
        visitor = visitors[step.who]
        visitor.statement = line.statement
        for action in line.actions:
            if not isinstance(action, Screen):
                await do(action, visitor, known)
            elif pictures:
                await action.take(visitor.page)


def tell(story: Story) -> str:
    """The story as a document in Markdown."""
    blocks = [f"# {story.title}", _paragraphs(story.before)]
    for part in story.parts:
        blocks.append(f"## {part.title}")
        for step in part.steps:
            blocks.append(f"### {step.title}")
            where = {"portal": "In the portal.", "console": "In the workspace's admin console."}[step.who]
            blocks.append(_paragraphs(f"{where} {step.before}".strip()))
            blocks += [_line(number, line) for number, line in enumerate(step.lines, 1)]
            if step.after:
                blocks.append(_paragraphs(step.after))
    return "\n\n".join([*blocks, _paragraphs(story.after)]) + "\n"


def _line(number: int, line: Line) -> str:
    """What is done and seen, in that order, as a numbered paragraph with its pictures where they were taken."""
    indent = " " * len(f"{number}. ")
    last = [action for action in line.actions if not isinstance(action, Quietly | Screen)][-1:]
    blocks: list[str] = []
    text = ""
    for kind, run in groupby((action for action in line.actions if not isinstance(action, Quietly)), _kind):
        actions = list(run)
        if kind is Screen:
            blocks += [text, *(action.words() for action in actions)]
            text = ""
            continue
        said = _joined(actions) if kind is not Sees else f"you see {' and '.join(action.words() for action in actions)}"
        text = f"{text} {_sentence(said)}".strip()
        if line.statement and actions[-1:] == last:
            text += f" (#{line.statement})"
    wrapped = [block if block.startswith("![") else _wrapped(block, WIDTH - len(indent)) for block in (*blocks, text)]
    return f"{number}. " + textwrap.indent("\n\n".join(filter(None, wrapped)), indent)[len(indent) :]


def _kind(action: Action) -> type | None:
    return type(action) if isinstance(action, Sees | Screen) else None


def _joined(actions: list[Any]) -> str:
    """Links that follow each other are a path; everything else is said one after the other."""
    said: list[str] = []
    for before, action in zip([None, *actions], actions, strict=False):
        path = (
            isinstance(action, Click) and isinstance(before, Click) and not (action.row or before.row or action.dialog)
        )
        if path:
            said[-1] += f" > *{_label(action.name)}*"
        else:
            said.append(action.words())
    return " and ".join([*([", ".join(said[:-1])] if said[1:] else []), said[-1]])


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.”') else '.'}"


def _label(text: str) -> str:
    """A field that must be filled in is marked with a star, which means something else to Markdown."""
    return text.removesuffix(" *")


def _paragraphs(text: str) -> str:
    """Prose is wrapped; a block of commands stays as it is."""
    return "\n\n".join(part if part.startswith(("```", "- ")) else _wrapped(part, WIDTH) for part in text.split("\n\n"))


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(" ".join(text.split()), width, break_long_words=False, break_on_hyphens=False)
