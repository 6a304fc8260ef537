"""The stories are what their sources say, and every picture of the documents is there, shown, and of the right size."""

from __future__ import annotations

import re
import struct

from stories.clicks import DOCS, Screen, tell
from stories.the_page import STORY
from stories.transcript import commands, parts

ROOT = DOCS.parent
PICTURES = sorted((DOCS / "screens").glob("*.png"))


def test_the_story_by_clicks_is_what_its_test_plays() -> None:
    assert (DOCS / "stories/by-clicks.md").read_text() == tell(STORY), "run make screens"


def test_every_picture_is_shown_and_every_shown_one_exists() -> None:
    pages = [ROOT / "README.md", *DOCS.rglob("*.md")]
    shown = {name for page in pages for name in re.findall(r"screens/([\w-]+\.png)\)", page.read_text())}
    assert shown == {path.name for path in PICTURES}
    played = {action.name for _, line in STORY.lines() for action in line.actions if isinstance(action, Screen)}
    assert {f"{name}.png" for name in played} <= shown


def test_pictures_are_as_wide_as_the_page_and_small() -> None:
    assert sum(path.stat().st_size for path in PICTURES) <= 3_000_000
    for path in PICTURES:
        head = path.read_bytes()[:24]
        assert head[1:4] == b"PNG"
        assert struct.unpack(">I", head[16:20]) == (1280,), path.name


def test_the_story_by_commands_has_a_command_for_each_step_of_the_page() -> None:
    document = (DOCS / "stories/by-commands.md").read_text()
    assert "".join(parts(document)) == document
    typed = [command for part in parts(document) if part.startswith("```console") for command in commands(part)]
    assert all("provisor" in command or command.startswith("echo") for command in typed)
    clicked = {line.statement for _, line in STORY.lines()} - {0}
    # What belongs to a browser alone: menus, an edit pane's buttons.
    alone = {11, 18, 20, 24, 25, 27, 29, 30, 31, 35}
    told = {int(number) for number in re.findall(r"#(\d+)", document)}
    assert clicked - alone <= told
