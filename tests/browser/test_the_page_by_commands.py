"""The page by commands: the document is run again and compared with what is printed; pictures are taken on the way."""

from __future__ import annotations

import os
import sys
from asyncio import to_thread
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser
from visitor import Visitor, chromium, sign_in

from installation import installation
from provisor.cli import main
from stories.clicks import DOCS, Screen
from stories.transcript import PICTURE, Shell, parts, recorded

ROOT = DOCS.parent
DOCUMENT = DOCS / "stories/by-commands.md"
APP = "contoso-workspace-provisioning"
#: Picture → whose page it is of, what is clicked to get there, and what is cut out of it.
PICTURES: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {
    "c-17-connection": ("portal", ("Enterprise Applications", APP), {"tallest": 620}),
    "c-33-mappings": (
        "portal",
        ("Enterprise Applications", APP, "Provisioning", "Synchronize Azure Active Directory Users to customappsso"),
        {"top": "Attribute Mappings", "bottom": "Show advanced options"},
    ),
    "c-43-overview": ("portal", ("Enterprise Applications", APP), {"tallest": 620}),
    "c-43-users": ("console", ("Users",), {"tallest": 560}),
}


@pytest.fixture
def shell() -> Iterator[Shell]:
    """A shell in a folder with the examples, its server gone afterwards."""
    with installation() as made:
        place = made.folder.parent
        (place / "examples").symlink_to(ROOT / "examples")

        def program(words: Sequence[str]) -> tuple[int, str]:
            said = StringIO()
            with made.environment(), chdir(place), redirect_stdout(said), redirect_stderr(said):
                code = main(tuple(words))
            return code, said.getvalue()

        with made.environment():
            path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
            started = Shell.start(place, {**os.environ, "PATH": path, "COLUMNS": "120"}, program)
        try:
            yield started
        finally:
            started.stop()


@pytest.mark.timeout(600)
async def test_the_page_by_commands_says_what_the_commands_say(shell: Shell) -> None:
    document = DOCUMENT.read_text()
    found: list[str] = []
    async with AsyncExitStack() as until_then:
        visitors: dict[str, Visitor] = {}
        for part in parts(document):
            if part.startswith("```console"):
                part = await to_thread(recorded, part, shell)
            elif (picture := PICTURE.fullmatch(part)) and os.environ.get("SCREENS"):
                if not visitors:
                    visitors = await _visitors(shell, await until_then.enter_async_context(chromium()))
                await _take(visitors, picture[1])
            found.append(part)
    if os.environ.get("SCREENS") or os.environ.get("STORIES"):
        DOCUMENT.write_text("".join(found))
    else:
        assert "".join(found) == document, "run make stories"


async def _visitors(shell: Shell, browser: Browser) -> dict[str, Visitor]:
    portal, console = [await Visitor.arrive(browser, color_scheme="light") for _ in range(2)]
    await sign_in(portal, (await to_thread(shell.run, "provisor sign-in link")).strip())
    await console.page.goto((await to_thread(shell.run, "provisor sign-in workspace-link contoso-workspace")).strip())
    await console.press("Sign in")
    await console.heading("Users")
    return {"portal": portal, "console": console}


async def _take(visitors: dict[str, Visitor], name: str) -> None:
    who, clicked, cut = PICTURES[name]
    visitor = visitors[who]
    for text in clicked:
        # The menu is first: trails of pages have the same names.
        await visitor.page.get_by_role("link", name=text, exact=True).first.click()
        await visitor.page.wait_for_load_state("networkidle")
    await Screen(name, "", **cut).take(visitor.page)
