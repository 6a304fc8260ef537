"""The console's house rules: the page's words, one module and one template for each page, nothing from elsewhere."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from provisor.console import portal, workspace
from provisor.console.labels import LABELS
from provisor.provisioning.schema import object_mapping
from provisor.provisioning.templates import template

ROOT = Path(__file__).parents[2]
CONSOLE = ROOT / "src/provisor/console"
TEMPLATES = sorted((CONSOLE / "templates").rglob("*.html"))
STATEMENTS = json.loads((Path(__file__).parent / "page_labels.json").read_text())


@pytest.mark.parametrize("number", STATEMENTS)
def test_the_labels_are_the_pages_own(number: str) -> None:
    document = template("customappsso-2019")
    known = {*LABELS.values(), f"{LABELS['edit_attribute_list_for']} customappsso"}
    known |= {object_mapping(document, kind)["name"] for kind in ("User", "Group")}
    assert set(STATEMENTS[number]) <= known


def test_every_label_is_used_and_every_used_one_is_in_the_table() -> None:
    texts = [path.read_text() for path in [*TEMPLATES, *CONSOLE.rglob("*.py")]]
    words = re.compile(r"\blabel\.(\w+)\b(?! =)|\bLABELS\[\"(\w+)\"\]")
    used = {one or other for text in texts for one, other in words.findall(text)}
    assert used == LABELS.keys()


def test_no_template_spells_a_label_of_the_page_itself() -> None:
    """Short words stand for other things too; the long ones only for the page's."""
    long = [text for text in LABELS.values() if len(text) > 12]
    for path in TEMPLATES:
        for text in long:
            assert text not in path.read_text(), f"{path.name}: {text}"


@pytest.mark.parametrize(("site", "folder"), [(portal.PORTAL, "portal"), (workspace.CONSOLE, "workspace")])
def test_a_page_is_one_module_and_one_template_of_the_same_name(site: object, folder: str) -> None:
    names = {page.name for page in site.pages}  # type: ignore[attr-defined]
    modules = {path.stem for path in (CONSOLE / folder).glob("*.py") if "PAGE = Page(" in path.read_text()}
    templates = {path.stem for path in (CONSOLE / "templates" / folder).glob("*.html")} - {"layout", "application"}
    assert names == modules == templates


def test_templates_have_no_way_around_escaping() -> None:
    for path in TEMPLATES:
        text = path.read_text()
        assert not re.search(r"\|\s*safe\b|autoescape|Markup", text), path.name
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son[a-z]+=|\sstyle=|hx-on|javascript:", text), path.name
        assert "http://" not in text and "https://" not in text, path.name


def test_vendored_files_are_those_that_their_list_names() -> None:
    folder = CONSOLE / "static/vendor"
    listed = dict(re.findall(r"^\| `([^`]+)` \|.*\| `(\w{64})` \|$", (folder / "README.md").read_text(), re.MULTILINE))
    files = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.suffix != ".md"
    }
    assert listed == files
