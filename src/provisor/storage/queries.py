"""SQL stands in files, by group of tables (``sql/*.sql``), each statement under a ``-- name:`` comment.

``QUERIES = queries("workspace")`` then ``QUERIES.users_total``. A name that no file has fails when the module that
uses it is tested, and ``tests/house`` checks that every name that is used exists and every one that exists is used.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "sql"
_NAME = re.compile(r"^-- name: (\w+).*$", re.MULTILINE)


class Queries:
    """The statements of one file, as attributes."""

    def __init__(self, statements: dict[str, str]) -> None:
        self.statements = statements

    def __getattr__(self, name: str) -> str:
        try:
            return self.statements[name]
        except KeyError:
            raise AttributeError(name) from None


@cache
def queries(group: str) -> Queries:
    """The statements of ``sql/<group>.sql``."""
    parts = _NAME.split((FOLDER / f"{group}.sql").read_text())
    return Queries({name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)})
