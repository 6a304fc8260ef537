"""What the documents say exists: commands, settings, files, tests."""

from __future__ import annotations

import re
from pathlib import Path

from provisor.config import Settings

ROOT = Path(__file__).parents[2]


def test_every_setting_is_described() -> None:
    text = (ROOT / "docs/reference/settings.md").read_text()
    for name in Settings.model_fields:
        assert f"`{name}`" in text, name
        assert f"PROVISOR_{name.upper()}" in text, name


def test_every_statement_of_the_page_that_is_done_names_a_test_that_exists() -> None:
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    tests += (ROOT / "demo/story.py").read_text()
    for line in (ROOT / "docs/the-page.md").read_text().splitlines():
        for name in re.findall(r"`(test_\w+)`", line):
            assert f"def {name}" in tests, name


def test_links_between_documents_lead_somewhere() -> None:
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
            if not target.startswith("http"):
                assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_nothing_names_a_place_outside_the_repository() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        assert "://" not in lock.read_text()
