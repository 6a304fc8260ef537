"""Expressions from text to tree (entra.md §4.1), with lark's LALR parser.

White space is free between tokens, an argument may be left out, and a text has two escapes: every other backslash
stays what it is, so that regular expressions arrive as they were written.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from provisor.expressions.errors import ExpressionError
from provisor.expressions.tree import Attribute, Call, Comparison, Constant, Node, Word

if TYPE_CHECKING:
    from lark import Lark, Token

#: Characters (entra.md §4) and calls inside each other.
LONGEST: Final = 10_000
DEEPEST: Final = 64

_GRAMMAR: Final = r"""
    ?start: expression
    ?expression: term (OPERATOR term)*    -> compared
    ?term: ATTRIBUTE   -> attribute
         | TEXT        -> text
         | NUMBER      -> number
         | NAME        -> word
         | call
         | "(" expression ")"
    call: NAME "(" argument ("," argument)* ")"
    argument: expression?
    ATTRIBUTE: /\[[^\[\]]+\]/
    TEXT: /"(?:[^"\\]|\\.)*"/s
    NUMBER: /-?\d+(?:\.\d+)?|&H[0-9A-Fa-f]+/
    NAME: /[A-Za-z_]\w*/
    OPERATOR: /<>|>=|<=|=|>|</
    %ignore /\s+/
"""
_ESCAPE: Final = re.compile(r'\\([\\"])')
#: What lark calls its tokens, in words.
_WORDS: Final = {
    "ATTRIBUTE": "an attribute in [ ]",
    "TEXT": 'a text in " "',
    "NUMBER": "a number",
    "NAME": "a function",
    "OPERATOR": "a comparison",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "$END": "the end",
}


def parse(text: str) -> Node:
    """The tree of ``text``. Raises ExpressionError with the place."""
    if not text.strip():
        raise ExpressionError("The expression is empty.", text=text, place=0)
    if len(text) > LONGEST:
        raise ExpressionError(f"The expression is longer than {LONGEST} characters.")
    from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken

    try:
        tree = _parser().parse(text)
    except UnexpectedToken as error:
        ends = error.token.type == "$END"
        place = len(text.rstrip()) if ends else error.token.start_pos or 0
        expected = error.accepts or error.expected
        if error.token.type == "RPAR" and "$END" in expected:
            raise ExpressionError("There is a ) too many.", text=text, place=place) from None
        if error.token == "=" and text[place - 1] == "=":
            raise ExpressionError("A comparison is written with one =.", text=text, place=place) from None
        found = "the expression ends" if ends else f"there is {str(error.token)[:40]}"
        raise ExpressionError(f"{_expected(expected)} is missing where {found}.", text=text, place=place) from None
    except UnexpectedEOF as error:
        raise ExpressionError(
            f"{_expected(error.expected)} is missing where the expression ends.", text=text, place=len(text)
        ) from None
    except UnexpectedCharacters as error:
        place = error.pos_in_stream or 0
        raise ExpressionError(_stray(text, place), text=text, place=place) from None
    return _node(tree, text, 0)


@cache
def _parser() -> Lark:
    from lark import Lark

    return Lark(_GRAMMAR, parser="lalr", maybe_placeholders=False)


def _stray(text: str, place: int) -> str:
    if text[place] == '"':
        return "This text is not closed with a quotation mark."
    if text[place] == "[":
        return "This attribute is not closed with ]."
    if text[place] in "'‘’“”„«»":
        return f'A text stands between straight quotation marks: write " instead of {text[place]}.'
    return f"{text[place]} does not belong here."


def _expected(names: Any) -> str:
    # Where something else can follow, a comparison is seldom what is missing.
    rest = set(names) - {"OPERATOR"} or set(names)
    words = [_WORDS[name] for name in _WORDS if name in rest]
    return " or ".join(words) or "Something"


def _node(item: Any, text: str, depth: int) -> Node:
    if depth > DEEPEST:
        raise ExpressionError(f"The expression has more than {DEEPEST} calls inside each other.", text=text, place=0)
    if item.data == "compared":
        return _compared(item.children, text, depth)
    if item.data == "call":
        name: Token = item.children[0]
        arguments = tuple(_argument(part, text, depth) for part in item.children[1:])
        return Call(str(name), () if arguments == (None,) else arguments, name.start_pos or 0)
    token: Token = item.children[0]
    place = token.start_pos or 0
    match item.data:
        case "attribute":
            return Attribute(str(token)[1:-1], place)
        case "text":
            return Constant(_ESCAPE.sub(r"\1", str(token)[1:-1]), place)
        case "number":
            return Constant(str(token), place)
        case _:
            return Word(str(token), place)


def _argument(item: Any, text: str, depth: int) -> Node | None:
    return _node(item.children[0], text, depth + 1) if item.children else None


def _compared(parts: list[Any], text: str, depth: int) -> Node:
    node = _node(parts[0], text, depth + 1)
    for operator, right in zip(parts[1::2], parts[2::2], strict=True):
        node = Comparison(str(operator), node, _node(right, text, depth + 1), operator.start_pos or 0)
    return node
