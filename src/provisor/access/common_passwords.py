"""Passwords that everybody tries first: found by how they are made, and not by a list of them.

Nearly all common passwords of twelve characters and more are one or two of a few words, a row of keys, or a count,
with digits, signs, or themselves behind them: ``password1234``, ``Qwertyuiop12``, ``P@ssw0rdP@ssw0rd``,
``Summer2026!!``. The words here are those, and whatever else is near at hand: names of the person, of the tenant,
of the product.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

_WORDS: Final = frozenset(
    """
    abc access account admin administrator adobe amazon america andrew angel anthony apple arsenal asdf ashley
    august azure babygirl bailey baseball basketball batman blink buster butterfly change changeme charlie cheese
    chelsea chicken chocolate company computer cookie cowboys daniel data databricks december default demo dragon
    facebook family february flower football forever freedom friday friends george ginger google guest hannah happy
    harley hello hockey hunter iloveyou internet january jennifer jessica jesus jordan joshua july june justin
    killer letmein linkedin liverpool login london looking love lovely loveme lovers maggie march martin master
    matrix matthew merlin michael michelle microsoft minecraft monday money monkey mother mustang myspace naruto
    network nicole november number october office oracle orange pass passphrase passwd password patrick pepper
    pokemon princess private provisor public purple qazwsx qwer qwert qwerty rainbow ranger robert root samsung
    saturday secret security september server service shadow silver soccer spring starwars summer sunday sunshine
    superman superstar support sweet system temp temporary test testing thomas thursday tigger trustno tuesday
    twitter unknown user vagrant wednesday welcome whatever william windows winter wizard work yellow
    """.split()
)
#: Rows of keys, each both ways, and counts: any four signs that follow each other there are no more than a row.
_ROWS: Final = (
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
    "azertyuiop",
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn",
    "qazwsxedcrfvtgbyhnujm",
    "q1w2e3r4t5y6u7i8o9p0",
    "zaq12wsxcde34rfvbgt5",
    "qweasdzxc",
)
#: What stands between words and makes none the better.
_BETWEEN: Final = frozenset(("a", "am", "and", "i", "is", "me", "my", "the", "this", "you", "your"))
#: The letters that a digit or a sign is typed for.
_MEANT: Final = {"0": "o", "1": "il", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "@": "a", "$": "s", "!": "il"}
#: Digits and signs that people put around words: a year, a day, an exclamation mark.
_MOST: Final = 6
_LONGEST: Final = 64


def is_common(password: str, context: Iterable[str] = ()) -> bool:
    """Whether ``password`` is made of so little; ``context`` are words that are near at hand for whose it is."""
    text = password.casefold()
    near = {"".join(filter(str.isalnum, item.casefold())) for item in context}
    return len(text) <= _LONGEST and _made_of(text, _WORDS | {word for word in near if len(word) > 2})


def _made_of(text: str, words: frozenset[str]) -> bool:
    """Whether ``text`` is at most two different words, with rows, repeats, signs and a few digits around them."""
    found = [[word for word in words | _BETWEEN if _stands(word, text, at)] for at in range(len(text))]

    @cache
    def rest(at: int, used: frozenset[str], digits: int, signs: int) -> bool:
        if at == len(text):
            return True
        if not text[at].isalnum() and signs < _MOST and rest(at + 1, used, digits, signs + 1):
            return True
        if text[at].isdigit() and digits < _MOST and rest(at + 1, used, digits + 1, signs):
            return True
        for word in found[at]:
            more = used if word in _BETWEEN else used | {word}
            if len(more) <= 2 and rest(at + len(word), more, digits, signs):
                return True
        return any(_row(text[at:end]) and rest(end, used, digits, signs) for end in range(at + 3, len(text) + 1))

    return rest(0, frozenset(), 0, 0)


def _stands(word: str, text: str, at: int) -> bool:
    """Whether ``word`` stands there, letters typed as digits or signs included."""
    there = text[at : at + len(word)]
    return len(there) == len(word) and all(
        typed == letter or letter in _MEANT.get(typed, "") for typed, letter in zip(there, word, strict=True)
    )


def _row(piece: str) -> bool:
    """Whether it is one sign over and over, or neighbours."""
    if len(set(piece)) == 1:
        return True
    return len(piece) > 3 and any(piece in row or piece in row[::-1] for row in _ROWS)
