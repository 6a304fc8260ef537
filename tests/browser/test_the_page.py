"""The page in a browser, from the first click to the last, against the second of two workspaces; pictures on the way.

What must be clicked is counted for each statement of the page: never more than the page itself asks for.
"""

from __future__ import annotations

import os
import shlex
from asyncio import to_thread
from collections.abc import Iterator

import pytest
from visitor import Visitor, chromium, needs_browser

from installation import Installation, installation
from stories.clicks import DOCS, Known, play, tell
from stories.keys import by_keys
from stories.the_page import APP, BEFORE, LINKS, OPS, OTHER, SERVED, SPACE, STORY

#: Statement → clicks that the page asks for, one for each label that it says to click, tick or choose.
ASKED = {8: 3, 11: 2, 12: 3, 13: 1, 14: 3, 17: 1, 18: 1, 20: 2, 21: 16, 23: 2, 24: 1, 25: 2, 26: 3, 27: 5}
ASKED |= {29: 4, 30: 4, 31: 4, 32: 4, 34: 2, 35: 4, 36: 5, 37: 3, 38: 1, 39: 2, 41: 5, 42: 3}
#: What a browser says of an answer that refuses.
REFUSED = "Failed to load resource: the server responded with a status of 4"


@pytest.fixture
def contoso() -> Iterator[Installation]:
    with installation() as made:
        for line in BEFORE:
            made.run(*shlex.split(line))
        made.serve()
        made.run("workspace", "create", OTHER, "--admin", OPS)
        made.run("app", "create", f"{OTHER}-provisioning")
        for line in SERVED:
            made.run(*shlex.split(line))
        yield made


async def _known(contoso: Installation) -> Known:
    known = {"wrong": "dapi-wrong", "password": "correct horse battery"}
    known["tenant_url"] = (await to_thread(contoso.json, "workspace", "show", SPACE))["tenantUrl"]
    for who, line in zip(("console", "portal"), LINKS, strict=True):
        known[who] = await to_thread(contoso.run, *shlex.split(line))
    return known


@needs_browser
@pytest.mark.timeout(600)
async def test_the_page_with_the_keyboard_alone(contoso: Installation) -> None:
    known = await _known(contoso)
    async with chromium() as browser:
        visitors = {who: await Visitor.arrive(browser) for who in ("console", "portal")}
        await play(STORY, visitors, known, do=by_keys)
        said = await to_thread(contoso.run, "app", "mappings", "diff", APP, "--recommended")
        assert "recommended" in said


@needs_browser
@pytest.mark.timeout(600)
async def test_the_page_in_a_browser(contoso: Installation) -> None:
    known = await _known(contoso)
    pictures = bool(os.environ.get("SCREENS"))
    async with chromium() as browser:
        visitors = {who: await Visitor.arrive(browser, color_scheme="light") for who in ("console", "portal")}
        await play(STORY, visitors, known, pictures=pictures)
        said = await to_thread(contoso.run, "app", "mappings", "diff", APP, "--recommended")
        assert "recommended" in said
        clicks = visitors["portal"].clicks + visitors["console"].clicks
        assert ASKED.keys() <= clicks.keys()
        assert {number: count for number, count in clicks.items() if count > ASKED.get(number, count)} == {}
        complaints = [text for visitor in visitors.values() for text in visitor.complaints]
        # The two that the story asks for: the token's owner is assigned, a reserved group is made.
        assert [text for text in complaints if not text.startswith(REFUSED)] == []
    if pictures or os.environ.get("STORIES"):
        (DOCS / "stories/by-clicks.md").write_text(tell(STORY))
