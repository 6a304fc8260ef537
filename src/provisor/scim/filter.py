"""Filters (RFC 7644 §3.4.2.2) from text to tree.

A hand-written scanner that looks at each character once and a parser by precedence: or, and, not, comparison. Limits
come first, because a filter is chosen by whoever sends it. A workspace's ``conditions`` make SQL of the tree,
``matching`` a function; PATCH paths use ``parse_elements`` for what stands in brackets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, cast

from provisor.scim import dialects
from provisor.scim.errors import InvalidFilter, TooMany
from provisor.scim.filter_tree import (
    And,
    Comparison,
    Filter,
    Literally,
    Not,
    Operator,
    Or,
    Present,
    ValuePath,
    conjuncts,
)
from provisor.scim.schema import Attribute, Named, ResourceType
from provisor.scim.values import moment

__all__ = ["Filter", "bare_literal", "conjuncts", "parse", "parse_elements"]

LONGEST: Final = 8192
DEEPEST: Final = 32
MOST_NODES: Final = 200
_OPERATORS: Final = frozenset({"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"})
_WORDS: Final = frozenset({"true", "false", "null"})
_IN_TEXT: Final = frozenset({"co", "sw", "ew"})
_TOKEN: Final = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\]++|\\.)*+")|(?P<mark>[()\[\]])|(?P<word>[^\s()\[\]"]+))', re.DOTALL
)
_NUMBER: Final = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?(?:[eE][+-]?\d{1,2})?")

_Resolve = Callable[[str], Named | None]


def parse(text: str, resource_type: ResourceType, *others: ResourceType) -> Filter:
    """The tree of ``text``, whose names are attributes of ``resource_type``, or else of one of the ``others``.

    Beyond the RFC: operators in any case, literals without quotes (as in Databricks' examples), booleans as text.
    Raises InvalidFilter for what cannot be read or compared, and above 8 KB or 32 levels; TooMany above 200 nodes.
    """
    if not others:
        return _parse(text, resource_type.resolve, resource_type.name)
    types = (resource_type, *others)

    def resolve(name: str) -> Named | None:
        return next((found for kind in types if (found := kind.resolve(name)) is not None), None)

    return _parse(text, resolve, " or ".join(kind.name for kind in types))


def parse_elements(text: str, attribute: Attribute) -> Filter:
    """The tree of what stands in brackets after ``attribute``; names are its sub-attributes. Raises as ``parse``."""
    return _parse(text, _within(attribute), attribute.name)


def _parse(text: str, resolve: _Resolve, owner: str) -> Filter:
    if len(text.encode("utf-8", "replace")) > LONGEST:
        raise InvalidFilter(f"The filter is longer than {LONGEST} bytes.")
    parser = _Parser(_tokens(text))
    tree = parser.either(_Scope(resolve, owner), 0)
    if parser.next is not None:
        raise InvalidFilter(f"The filter goes on after its end: {parser.next.text[:40]}.")
    return tree


@dataclass(frozen=True, slots=True)
class _Token:
    """``kind`` is text (in quotes), mark (bracket) or word."""

    kind: str
    text: str

    def word(self) -> str | None:
        return self.text.lower() if self.kind == "word" else None


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where names are looked up, and what to call that place."""

    resolve: _Resolve
    owner: str
    inside: bool = False

    def named(self, name: str) -> Named:
        found = self.resolve(name)
        if found is None:
            raise InvalidFilter(f"{self.owner} has no attribute {name[:80]}.")
        if found.leaf.returned == "never":
            raise InvalidFilter(f"{found.path} is never shown, so nothing can be found by it.")
        return found


def bare_literal(text: str) -> str | None:
    """The first text that is compared with and stands in no quotes, as Databricks' examples have it. Raises
    InvalidFilter."""
    tokens = _tokens(text)
    for before, token in pairwise(tokens[1:]):
        compared = before.kind == "word" and before.text.lower() in _OPERATORS and token.kind == "word"
        if compared and token.text.lower() not in _WORDS and not _NUMBER.fullmatch(token.text):
            return token.text
    return None


def _tokens(text: str) -> list[_Token]:
    tokens, place, end = [], 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            raise InvalidFilter("The filter has a quotation mark that is not closed.")
        kind = str(match.lastgroup)
        tokens.append(_Token(kind, match[kind]))
        place = match.end()
    return tokens


class _Parser:
    """One pass over the tokens of one filter."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._nodes = 0

    @property
    def next(self) -> _Token | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def either(self, scope: _Scope, depth: int) -> Filter:
        if depth > DEEPEST:
            raise InvalidFilter(f"The filter has more than {DEEPEST} brackets inside each other.")
        items = [self._all(scope, depth)]
        while self._takes("or"):
            items.append(self._all(scope, depth))
        return items[0] if len(items) == 1 else Or(tuple(items))

    def _all(self, scope: _Scope, depth: int) -> Filter:
        items = [self._one(scope, depth)]
        while self._takes("and"):
            items.append(self._one(scope, depth))
        return items[0] if len(items) == 1 else And(tuple(items))

    def _one(self, scope: _Scope, depth: int) -> Filter:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise TooMany(f"The filter has more than {MOST_NODES} parts.")
        token = self._take("an attribute")
        if token.text == "(" and token.kind == "mark":
            return self._closed(self.either(scope, depth + 1), ")")
        if token.word() == "not" and self.next is not None and self.next.text == "(":
            self._take("(")
            return Not(self._closed(self.either(scope, depth + 1), ")"))
        if token.kind != "word":
            raise InvalidFilter(f"The filter needs an attribute where it has {token.text[:40]}.")
        named = scope.named(token.text)
        if self.next is not None and self.next.kind == "mark" and self.next.text == "[":
            return self._value_path(named, scope, depth)
        return self._compared(named)

    def _value_path(self, named: Named, scope: _Scope, depth: int) -> Filter:
        if scope.inside or named.sub is not None or named.attribute.type != "complex":
            raise InvalidFilter(f"{named.path} has no elements to choose from with [ ].")
        self._take("[")
        within = _Scope(_within(named.attribute), named.attribute.name, inside=True)
        inner = self._closed(self.either(within, depth + 1), "]")
        following = self.next.word() if self.next else None
        if following and following.startswith("."):
            part = self._compared(within.named(self._take("a sub-attribute").text[1:]))
            inner = And((*(inner.filters if isinstance(inner, And) else (inner,)), part))
        return ValuePath(named, inner)

    def _compared(self, named: Named) -> Filter:
        token = self._take(f"an operator after {named.path}")
        name = token.word()
        if name == "pr":
            return Present(named)
        if name not in _OPERATORS:
            raise InvalidFilter(f"The filter needs an operator after {named.path}, not {token.text[:40]}.")
        value = self._take(f"a value after {named.path} {name}")
        if value.kind == "mark":
            raise InvalidFilter(f"The filter needs a value after {named.path} {name}, not {value.text}.")
        return Comparison(named, cast(Operator, name), _literal(named, name, value))

    def _take(self, what: str) -> _Token:
        token = self.next
        if token is None:
            raise InvalidFilter(f"The filter ends where it needs {what}.")
        self._place += 1
        return token

    def _takes(self, word: str) -> bool:
        if self.next is None or self.next.word() != word:
            return False
        self._place += 1
        return True

    def _closed(self, tree: Filter, mark: str) -> Filter:
        if self._take(mark).text != mark:
            raise InvalidFilter(f"The filter has a bracket that is not closed with {mark}.")
        return tree


def _within(attribute: Attribute) -> _Resolve:
    def resolve(name: str) -> Named | None:
        sub = attribute.sub(name)
        return Named(None, sub) if sub else None

    return resolve


def _literal(named: Named, operator: str, token: _Token) -> Literally:
    """The value that stands in the filter, in the type of its attribute."""
    leaf = named.leaf
    if leaf.type == "complex":
        raise InvalidFilter(f"{named.path} cannot be compared as a whole: name one of its sub-attributes.")
    text = _unquoted(token) if token.kind == "text" else token.text
    if token.kind == "word" and text.lower() == "null":
        if operator not in ("eq", "ne"):
            raise InvalidFilter(f"{named.path} {operator} null has no meaning.")
        return None
    if operator in _IN_TEXT and leaf.type not in ("string", "reference", "binary"):
        raise InvalidFilter(f"{named.path} is no text, so {operator} cannot be asked of it.")
    if operator not in _IN_TEXT | {"eq", "ne"} and leaf.type in ("boolean", "binary"):
        raise InvalidFilter(f"{named.path} has no order, so {operator} cannot be asked of it.")
    return _typed(named, leaf, text)


def _typed(named: Named, leaf: Attribute, text: str) -> Literally:
    if leaf.type == "boolean":
        found = dialects.boolean(text)
        if found is None:
            raise InvalidFilter(f"{named.path} is compared with true or false, not {text[:40]}.")
        return found
    if leaf.type in ("integer", "decimal"):
        if not _NUMBER.fullmatch(text):
            raise InvalidFilter(f"{named.path} is compared with a number, not {text[:40]}.")
        return float(text) if any(mark in text for mark in ".eE") else int(text)
    if leaf.type == "dateTime":
        try:
            moment(text)
        except ValueError:
            raise InvalidFilter(f"{named.path} is compared with a date and time like 2020-01-31T12:00:00Z.") from None
    return text


def _unquoted(token: _Token) -> str:
    try:
        text = str(json.loads(token.text, strict=False))
        text.encode()
    except ValueError:
        raise InvalidFilter(f"The filter has a text that cannot be read: {token.text[:40]}.") from None
    if "\0" in text:
        # As in every body (jsongate): it cannot be stored, so nobody has it.
        raise InvalidFilter("The filter has a NUL character in a text.")
    return text
