"""Links from document to document: the file is there, and so is the heading. Their anchors are GitHub's."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: What is somebody else's, or made: environments, caches.
APART = (".venv", ".git", "node_modules")
DOCUMENTS = sorted(
    path for path in ROOT.rglob("*.md") if not any(part.startswith(APART) for part in path.relative_to(ROOT).parts)
)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(path: Path) -> None:
    text = FENCE.sub("", path.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        place = (path.parent / name).resolve() if name else path
        assert place.exists(), f"{target}: there is no {name}"
        if anchor:
            assert anchor in _anchors(place), f"{target}: {place.name} has no such heading"


def test_the_same_heading_twice_has_two_anchors_and_marks_have_none() -> None:
    assert _anchor("### `provisor tls self-signed`".lstrip("# ")) == "provisor-tls-self-signed"
    assert _anchor("What it touches, and what it does *not*") == "what-it-touches-and-what-it-does-not"
    assert _numbered(["On", "On", "Off"]) == {"on", "on-1", "off"}


@cache
def _anchors(path: Path) -> set[str]:
    return _numbered(re.findall(r"^#{1,6} (.+?)\s*$", FENCE.sub("", path.read_text()), re.MULTILINE))


def _numbered(headings: list[str]) -> set[str]:
    found: set[str] = set()
    seen: dict[str, int] = {}
    for heading in headings:
        anchor = _anchor(heading)
        found.add(f"{anchor}-{seen[anchor]}" if seen.get(anchor) else anchor)
        seen[anchor] = seen.get(anchor, 0) + 1
    return found


def _anchor(heading: str) -> str:
    """As GitHub makes it: small letters, no punctuation, a hyphen for each space."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
