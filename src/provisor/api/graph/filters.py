"""``$filter`` from text to tree: the part of OData 4.01 that clients of Microsoft Graph send.

A scanner that looks at each character once and a parser by precedence: or, and, not, condition. A filter is chosen by
whoever sends it, so its limits come first. Every sentence names the position, counted from 1, and what belongs there.
Names and operators are read in any letter case, as ``startsWith`` and ``NOT`` are written both ways.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast
from uuid import UUID

from provisor.api.graph.filter_tree import (
    ELEMENT,
    And,
    AnyOf,
    Comparison,
    Filter,
    Function,
    InText,
    Literally,
    Not,
    OneOf,
    Operator,
    Or,
)
from provisor.refusal import Invalid

LONGEST: Final = 8192
DEEPEST: Final = 20
MOST: Final = 100
_OPERATORS: Final = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
_FUNCTIONS: Final = frozenset({"startswith", "endswith", "contains"})
_WORDS: Final[dict[str, Literally]] = {"true": True, "false": False, "null": None}
_MOMENT: Final = r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,12})?)?(?:Z|[+-]\d\d:\d\d)?)?"
_TOKEN: Final = re.compile(
    rf"""(?P<text>'(?:[^']|'')*+')
      | (?P<guid>[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}(?![\w-]))
      | (?P<moment>{_MOMENT}(?![\w:.-]))
      | (?P<number>-?[0-9]{{1,18}}(?![\w.:-]))
      | (?P<mark>[(),:])
      | (?P<word>[a-z_$@][\w$@.-]*(?:/[\w$@.-]+)*)""",
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)
_BLANK: Final = re.compile(r"\s*")
_NAME: Final = re.compile(r"[a-z_]\w*", re.IGNORECASE | re.ASCII)


def parse(text: str) -> Filter:
    """The tree of ``text``. Raises Invalid for what cannot be read, and above 8192 characters, 20 levels or 100
    conditions, where each value of an ``in`` is one."""
    if len(text) > LONGEST:
        raise Invalid(f"Invalid filter clause: it is longer than {LONGEST} characters.")
    parser = _Parser(_tokens(text), len(text) + 1)
    tree = parser.either(None, 0)
    if parser.next is not None:
        raise parser.unexpected("'and', 'or' or the end")
    return tree


def moment(text: str) -> datetime | None:
    """A date, or date and time, in UTC; without a zone it is UTC already. None for anything else."""
    if not re.fullmatch(_MOMENT, text, re.IGNORECASE | re.ASCII):
        return None
    try:
        found = datetime.fromisoformat(text.upper())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class _Token:
    """``kind`` is one of the scanner's groups, ``place`` the position of its first character."""

    kind: str
    text: str
    place: int

    def is_(self, word: str) -> bool:
        return self.kind in ("word", "mark") and self.text.lower() == word


def _tokens(text: str) -> list[_Token]:
    tokens, place = [], _skip(text, 0)
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            what = "the quotation mark is not closed" if text[place] == "'" else f"{text[place]!r} has no meaning"
            raise Invalid(f"Invalid filter clause: at position {place + 1} {what}.")
        tokens.append(_Token(str(found.lastgroup), found[0], place + 1))
        place = _skip(text, found.end())
    return tokens


def _skip(text: str, place: int) -> int:
    found = _BLANK.match(text, place)
    return found.end() if found else place


class _Parser:
    """One pass over the tokens of one filter. ``variable`` is what an element is called while inside ``any``."""

    def __init__(self, tokens: list[_Token], end: int) -> None:
        self._tokens = tokens
        self._end = end
        self._at = 0
        self._conditions = 0

    @property
    def next(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def unexpected(self, what: str) -> Invalid:
        """The sentence about the next token."""
        token = self.next
        place = token.place if token else self._end
        found = f"'{token.text[:40]}'" if token else "the end"
        return Invalid(f"Invalid filter clause: at position {place} {what} was expected, not {found}.")

    def either(self, variable: str | None, depth: int) -> Filter:
        items = [self._all(variable, depth)]
        while self._takes("or"):
            items.append(self._all(variable, depth))
        return items[0] if len(items) == 1 else Or(tuple(items))

    def _all(self, variable: str | None, depth: int) -> Filter:
        items = [self._one(variable, depth)]
        while self._takes("and"):
            items.append(self._one(variable, depth))
        return items[0] if len(items) == 1 else And(tuple(items))

    def _one(self, variable: str | None, depth: int) -> Filter:
        token = self.next
        if depth > DEEPEST:
            raise Invalid(f"Invalid filter clause: more than {DEEPEST} brackets or 'not' stand inside each other.")
        if self._takes("("):
            tree = self.either(variable, depth + 1)
            self._must(")", "'and', 'or' or ')'")
            return tree
        if self._takes("not"):
            return Not(self._one(variable, depth + 1))
        if token is None or token.kind != "word":
            raise self.unexpected("a property or a function")
        self._counts()
        self._at += 1
        if self.next is not None and self.next.is_("("):
            return self._called(token, variable, depth)
        return self._compared(self._path(token, variable))

    def _called(self, token: _Token, variable: str | None, depth: int) -> Filter:
        """A function, or ``any`` of a list."""
        path, _, name = token.text.rpartition("/")
        if path and name.lower() == "any" and variable is None:
            self._at += 1
            return self._any(self._path(_Token("word", path, token.place), None), depth)
        if token.text.lower() not in _FUNCTIONS:
            raise Invalid(
                f"Invalid filter clause: at position {token.place} {token.text[:40]}() is not supported here: the "
                "functions are startswith, endswith and contains, and any() for properties with several values."
            )
        self._at += 1
        path = self._path(self._word("a property"), variable)
        self._must(",", "','")
        value = self._literal(f"a text in quotation marks after {token.text}({path[:40]},")
        if not isinstance(value, str):
            self._at -= 1
            raise self.unexpected("a text in quotation marks")
        self._must(")", "')'")
        return InText(cast(Function, token.text.lower()), path, value)

    def _any(self, path: str, depth: int) -> Filter:
        variable = self._word("a variable, as in any(c:c eq 'a')").text
        if not _NAME.fullmatch(variable):
            self._at -= 1
            raise self.unexpected("a variable, as in any(c:c eq 'a')")
        self._must(":", "':'")
        inner = self.either(variable, depth + 1)
        self._must(")", "'and', 'or' or ')'")
        return AnyOf(path, inner)

    def _compared(self, path: str) -> Filter:
        operator = self._word(f"an operator (eq, ne, gt, ge, lt, le, in) after {path[:80]}")
        name = operator.text.lower()
        if name == "in":
            return OneOf(path, self._values())
        if name not in _OPERATORS:
            self._at -= 1
            raise self.unexpected(f"an operator (eq, ne, gt, ge, lt, le, in) after {path[:80]}")
        return Comparison(path, cast(Operator, name), self._literal(f"a value after {path[:80]} {name}"))

    def _values(self) -> tuple[Literally, ...]:
        self._must("(", "'(' after in")
        values = [self._literal("a value")]
        while self._takes(","):
            self._counts()
            values.append(self._literal("a value"))
        self._must(")", "',' or ')'")
        return tuple(values)

    def _counts(self) -> None:
        self._conditions += 1
        if self._conditions > MOST:
            raise Invalid(f"Invalid filter clause: it has more than {MOST} conditions.")

    def _path(self, token: _Token, variable: str | None) -> str:
        """What a word names; inside ``any`` that is the element."""
        steps = token.text.split("/")
        if steps[-1].lower() == "$count":
            raise Invalid(
                f"Invalid filter clause: at position {token.place} {token.text[:80]} is not supported here: elements "
                "cannot be counted, only looked for with any()."
            )
        if not all(_NAME.fullmatch(step) for step in steps):
            raise Invalid(f"Invalid filter clause: at position {token.place} {token.text[:80]} is no property.")
        if variable is None:
            return token.text
        if token.text != variable:
            raise Invalid(
                f"Invalid filter clause: at position {token.place} only {variable[:40]} can be asked for inside of "
                f"any(), not {token.text[:80]}."
            )
        return ELEMENT

    def _literal(self, what: str) -> Literally:
        token = self.next
        if token is None:
            raise self.unexpected(what)
        self._at += 1
        match token.kind:
            case "text":
                return _unquoted(token)
            case "guid":
                return UUID(token.text)
            case "number":
                return int(token.text)
            case "moment":
                found = moment(token.text)
                if found is None:
                    raise Invalid(f"Invalid filter clause: at position {token.place} there is no date {token.text}.")
                return found
            case "word" if token.text.lower() in _WORDS:
                return _WORDS[token.text.lower()]
            case _:
                self._at -= 1
                raise self.unexpected(what)

    def _word(self, what: str) -> _Token:
        token = self.next
        if token is None or token.kind != "word":
            raise self.unexpected(what)
        self._at += 1
        return token

    def _takes(self, word: str) -> bool:
        if self.next is None or not self.next.is_(word):
            return False
        self._at += 1
        return True

    def _must(self, mark: str, what: str) -> None:
        if not self._takes(mark):
            raise self.unexpected(what)


def _unquoted(token: _Token) -> str:
    text = token.text[1:-1].replace("''", "'")
    if "\0" in text or any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        # It cannot be stored, so nobody has it.
        raise Invalid(f"Invalid filter clause: at position {token.place} the text has a character that is none.")
    return text
