"""The house rules that a machine can see: sizes, names, stories, and SQL that is used."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from provisor.storage.queries import queries

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src/provisor").rglob("*.py"))
FORBIDDEN = {"utils", "helpers", "common", "manager", "service"}
#: In which modules the statements of a SQL file are used, beside those that read it.
GROUPS = sorted(path.stem for path in (ROOT / "src/provisor/storage/sql").glob("*.sql"))


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_a_module_is_small_and_opens_with_its_story(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    assert path.stem not in FORBIDDEN
    tree = ast.parse(text)
    if "migrations" not in path.parts:
        assert ast.get_docstring(tree)


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    long = [
        (node.name, node.end_lineno - node.lineno)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno > 70
    ]
    assert not long


@pytest.mark.parametrize("group", GROUPS)
def test_every_statement_is_used_and_every_used_one_exists(group: str) -> None:
    readers = [text for path in SOURCES if f'queries("{group}")' in (text := path.read_text())]
    others = [text for path in SOURCES if _imports(text := path.read_text(), group)]
    statements = set(queries(group).statements)
    name = r"\b(?:[A-Z]+|queries\(\"\w+\"\))\.([a-z_]+)\b"
    used = {found for text in readers + others for found in re.findall(name, text)}
    assert statements - used == set(), "statements that nobody uses"
    own = [text for text in readers if f'QUERIES = queries("{group}")' in text]
    named = {found for text in own for found in re.findall(r"\bQUERIES\.([a-z_]+)\b", text)}
    assert named - statements == set(), "statements that do not exist"


def _imports(source: str, group: str) -> bool:
    """Whether a module takes the statements from the one that reads the file."""
    holders = {
        "access": "provisor.access.sessions",
        "directory": "provisor.directory.edit",
        "applications": "provisor.directory.applications",
        "workspace": "provisor.workspace.edit",
    }
    return f"from {holders.get(group, 'provisor.none')} import" in source
