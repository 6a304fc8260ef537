"""``$search`` from text to tree: clauses in quotation marks, joined by AND and OR, in brackets where wanted.

``"displayName:ada"`` looks into one property, ``"ada"`` into those that the resource is searched by.
"""

from __future__ import annotations

import re
from typing import Final

from provisor.api.graph.filter_tree import And, Filter, Not, Or, Search
from provisor.refusal import Invalid

LONGEST: Final = 1024
DEEPEST: Final = 20
_TOKEN: Final = re.compile(r'\s*+(?:(?P<clause>"(?:[^"\\]|\\.)*+")|(?P<mark>[()])|(?P<word>[^\s()"]+))', re.DOTALL)
_PATH: Final = re.compile(r"([a-z_]\w*(?:/[a-z_]\w*)*)\s*:\s*(.*)", re.IGNORECASE | re.ASCII | re.DOTALL)


def parse(text: str) -> Filter:
    """The tree of ``text``. Raises Invalid, also above 1024 characters or 20 levels."""
    if len(text) > LONGEST:
        raise Invalid(f"Invalid search clause: it is longer than {LONGEST} characters.")
    tokens, place, end = [], 0, len(text.rstrip())
    while place < end:
        found = _TOKEN.match(text, place)
        if found is None:
            raise Invalid("Invalid search clause: a quotation mark is not closed.")
        tokens.append((found[found.lastgroup or 0], found.start(found.lastgroup or 0) + 1))
        place = found.end()
    parser = _Parser(tokens, len(text) + 1)
    tree = parser.either(0)
    parser.ends()
    return tree


class _Parser:
    """One pass over the tokens, each with its position."""

    def __init__(self, tokens: list[tuple[str, int]], end: int) -> None:
        self._tokens = [*tokens, ("", end)]
        self._at = 0

    def either(self, depth: int) -> Filter:
        items = [self._all(depth)]
        while self._takes("OR"):
            items.append(self._all(depth))
        return items[0] if len(items) == 1 else Or(tuple(items))

    def _all(self, depth: int) -> Filter:
        items = [self._one(depth)]
        while self._takes("AND"):
            items.append(self._one(depth))
        return items[0] if len(items) == 1 else And(tuple(items))

    def _one(self, depth: int) -> Filter:
        if depth > DEEPEST:
            raise Invalid(f"Invalid search clause: more than {DEEPEST} brackets or NOT stand inside each other.")
        if self._takes("("):
            tree = self.either(depth + 1)
            if not self._takes(")"):
                raise self._unexpected("AND, OR or ')'")
            return tree
        if self._takes("NOT"):
            return Not(self._one(depth + 1))
        token, _ = self._tokens[self._at]
        if not token.startswith('"'):
            raise self._unexpected('a clause in quotation marks, like "displayName:ada",')
        clause = re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL).strip()
        found = _PATH.fullmatch(clause)
        path, text = (found[1], found[2]) if found else (None, clause)
        if not text or "\0" in text or any(0xD800 <= ord(char) <= 0xDFFF for char in text):
            raise self._unexpected("a text to search for")
        self._at += 1
        return Search(path, text)

    def ends(self) -> None:
        if self._at < len(self._tokens) - 1:
            raise self._unexpected("AND, OR or the end")

    def _takes(self, word: str) -> bool:
        if self._tokens[self._at][0] != word:
            return False
        self._at += 1
        return True

    def _unexpected(self, what: str) -> Invalid:
        token, place = self._tokens[self._at]
        found = f"'{token[:40]}'" if token else "the end"
        return Invalid(f"Invalid search clause: at position {place} {what} was expected, not {found}.")
