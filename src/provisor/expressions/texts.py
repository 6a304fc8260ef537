"""Functions of texts: parts, letter case, joining, encodings."""

from __future__ import annotations

import base64
import re
import unicodedata
from typing import Any, Final

from provisor.expressions.errors import ExpressionError
from provisor.expressions.function import Example, Function, eager
from provisor.expressions.values import Arguments, Evaluator, Inputs, Value, several, text, whole

#: Letters that are no letter with a mark, and what is written for them.
_LETTERS: Final = str.maketrans(
    {"æ": "ae", "Æ": "AE", "ø": "oe", "Ø": "OE", "œ": "oe", "Œ": "OE", "ß": "ss", "ł": "l", "Ł": "L", "ı": "i"}
)
_BREAKS: Final = frozenset(
    {"Zs", "Zl", "Zp", "Cc", "Cf", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So"}
)
_ENCODINGS: Final = {"unicode": "utf-16-le", "utf8": "utf-8", "ascii": "ascii"}


def _append(source: Value, suffix: Value) -> str:
    return text(source) + text(suffix)


def _join(arguments: Arguments) -> Evaluator:
    separator, sources = arguments[0], [item for item in arguments[1:] if item is not None]

    def join(inputs: Inputs) -> Value:
        parts: list[str] = []
        for source in sources:
            value = source(inputs)
            if isinstance(value, str):
                parts.append(value)
            else:
                parts += several(value)
        between = text(separator(inputs)) if separator is not None else ""
        return between.join([part for part in parts if part])

    return join


def _left(source: Value, count: Value) -> str:
    wanted, found = whole(count, "Left"), text(source)
    return found if wanted < 0 else found[:wanted]


def _mid(source: Value, start: Value, length: Value) -> str | None:
    first, count = whole(start, "Mid"), whole(length, "Mid")
    if first < 1 or count < 0:
        raise ExpressionError(f"Mid counts from 1 and takes a length from 0, not {first} and {count}.")
    return None if source is None else text(source)[first - 1 : first - 1 + count]


def _word(source: Value, number: Value, delimiters: Value) -> str:
    wanted, between = whole(number, "Word"), text(delimiters)
    words = re.split(f"[{re.escape(between)}]+", text(source)) if between else [text(source)]
    words = [word for word in words if word]
    return words[wanted - 1] if 1 <= wanted <= len(words) else ""


def _pcase(source: Value, separators: Value = None) -> str | None:
    if source is None:
        return None
    own = None if separators is None else text(separators)
    found, begins = [], True
    for char in text(source):
        found.append(_single(char, char.upper()) if begins else _single(char, char.lower()))
        begins = char in own if own is not None else unicodedata.category(char) in _BREAKS
    return "".join(found)


def _single(char: str, changed: str) -> str:
    """As .NET does, a character stays one: ß has no capital letter."""
    return changed if len(changed) == 1 else char


def _lower(source: Value, culture: Value = None) -> str | None:
    if source is None:
        return None
    found = text(source)
    if _is_turkic(culture):
        found = found.replace("I", "ı").replace("İ", "i")
    return "".join([_single(char, char.lower()) for char in found])


def _upper(source: Value, culture: Value = None) -> str | None:
    if source is None:
        return None
    found = text(source)
    if _is_turkic(culture):
        found = found.replace("i", "İ")
    return "".join([_single(char, char.upper()) for char in found])


def _is_turkic(culture: Value) -> bool:
    return text(culture).lower().partition("-")[0] in ("tr", "az")


def _strip_spaces(source: Value) -> str | None:
    return None if source is None else text(source).replace(" ", "")


def _trim(source: Value) -> Value:
    if isinstance(source, list):
        return [item.strip() for item in several(source)]
    return None if source is None else text(source).strip()


def _in_str(source: Value, wanted: Value, start: Value = None, compare: Value = None) -> str:
    first = 1 if start is None else whole(start, "InStr")
    if first < 1:
        raise ExpressionError(f"InStr counts from 1, not {first}.")
    where, what = text(source), text(wanted)
    if text(compare) == "vbTextCompare":
        where, what = where.casefold(), what.casefold()
    return str(where.find(what, first - 1) + 1)


def _normalize_diacritics(source: Value) -> str | None:
    if source is None:
        return None
    found: list[str] = []
    latin = False
    for char in unicodedata.normalize("NFC", text(source)).translate(_LETTERS):
        first, *marks = list(unicodedata.normalize("NFD", char))
        if unicodedata.combining(char) and latin:
            continue
        latin = first.isascii() and first.isalpha()
        found.append(first if latin and all(map(unicodedata.combining, marks)) else char)
    return "".join(found)


def _to_base64(source: Value) -> str | None:
    return None if source is None else base64.b64encode(text(source).encode("utf-16-le", "surrogatepass")).decode()


def _from_base64(source: Value, encoding: Value = None) -> str | None:
    if source is None:
        return None
    name = _ENCODINGS.get(text(encoding).lower() or "unicode")
    if name is None:
        raise ExpressionError(f'ConvertFromBase64 knows Unicode, ASCII and UTF8, not "{text(encoding)[:40]}".')
    try:
        return base64.b64decode(text(source), validate=True).decode(name)
    except ValueError:
        raise ExpressionError(f"ConvertFromBase64 needs base64 of {name} text.") from None


def _to_hex(source: Value) -> str | None:
    return None if source is None else text(source).encode("utf-8", "surrogatepass").hex().upper()


def _as_it_is(source: Value) -> Value:
    return source


_ZOE: Final[dict[str, Any]] = {"displayName": "Zoë"}

FUNCTIONS: Final = (
    Function(
        "Append", ("source", "suffix"), 2, eager(_append), "The source with a suffix behind it.",
        (Example('Append([mail], ".test")', "ada@contoso.com.test", {"mail": "ada@contoso.com"}),),
    ),
    Function(
        "ConvertFromBase64", ("source", "[encoding]"), 1, eager(_from_base64),
        "The text that base64 stands for, in Unicode (UTF-16), ASCII or UTF8.",
        (Example('ConvertFromBase64("SABpAA==")', "Hi"), Example('ConvertFromBase64("SGk=", UTF8)', "Hi")),
        cloud_sync=True,
    ),
    Function(
        "ConvertToBase64", ("source",), 1, eager(_to_base64), "The text in base64, as UTF-16.",
        (Example('ConvertToBase64("Hello world!")', "SABlAGwAbABvACAAdwBvAHIAbABkACEA"),),
    ),
    Function(
        "ConvertToUTF8Hex", ("source",), 1, eager(_to_hex), "The bytes of the text in UTF-8, in hexadecimal.",
        (Example('ConvertToUTF8Hex("Hello world!")', "48656C6C6F20776F726C6421"),),
    ),
    Function("CStr", ("value",), 1, eager(text), "The value as a text.", (Example("CStr(12)", "12"),)),
    Function(
        "InStr", ("value1", "value2", "[start]", "[compareType]"), 2, eager(_in_str),
        "Where the second text begins in the first, from 1; 0 when it does not. vbTextCompare takes A for a.",
        (
            Example('InStr("The quick brown fox", "quick")', "5"),
            Example('InStr("repEated", "e", 3, vbBinaryCompare)', "7"),
            Example('InStr("repEated", "e", 3, vbTextCompare)', "4"),
        ),
        returns="number",
    ),
    Function(
        "Join", ("separator", "source"), 2, _join,
        "The sources, every value of them, with the separator between; what is null or empty is passed over.",
        (
            Example('Join(" ", [givenName], [surname])', "Ada Lovelace", {"givenName": "Ada", "surname": "Lovelace"}),
            Example('Join(", ", "", [surname], [givenName])', "Doe, John", {"surname": "Doe", "givenName": "John"}),
        ),
        repeats=1,
    ),
    Function(
        "Left", ("source", "numChars"), 2, eager(_left), "The first characters of the source.",
        (Example('Left("John Doe", 3)', "Joh"), Example('Left("Jo", 5)', "Jo"), Example("Left([x], 3)", "")),
    ),
    Function(
        "Mid", ("source", "start", "length"), 3, eager(_mid), "Characters from the middle; the first one is number 1.",
        (Example('Mid("Doe", 1, 5)', "Doe"), Example('Mid("Lovelace", "2", "3")', "ove")),
    ),
    Function(
        "NormalizeDiacritics", ("source",), 1, eager(_normalize_diacritics),
        "Letters without their marks: Zoë becomes Zoe.",
        (
            Example("NormalizeDiacritics([displayName])", "Zoe", _ZOE),
            Example('NormalizeDiacritics("Łukasz Groß")', "Lukasz Gross"),
        ),
    ),
    Function(
        "PCase", ("source", "[wordSeparators]"), 1, eager(_pcase),
        "Each word with a capital letter and small ones after it.",
        (
            Example('PCase("PABLO GONSALVES (SECOND)")', "Pablo Gonsalves (Second)"),
            Example("PCase(\"PINTO-DE'SILVA\", \" '-\")", "Pinto-De'Silva"),
        ),
    ),
    Function(
        "Redact", ("value",), 1, eager(_as_it_is), "The value as it is; plans and logs do not show it.",
        (Example('Redact("secret")', "secret"),),
    ),
    Function(
        "StripSpaces", ("source",), 1, eager(_strip_spaces), "The source without its spaces.",
        (Example('StripSpaces("a b c")', "abc"),),
    ),
    Function(
        "ToLower", ("source", "[culture]"), 1, eager(_lower), "The source in small letters.",
        (Example('ToLower("Ada@Contoso.COM")', "ada@contoso.com"), Example('ToLower("I", "tr-TR")', "ı")),
    ),
    Function(
        "ToUpper", ("source", "[culture]"), 1, eager(_upper), "The source in capital letters.",
        (Example('ToUpper("Straße")', "STRAßE"), Example('ToUpper("i", "tr")', "İ")),
    ),
    Function(
        "Trim", ("value",), 1, eager(_trim), "The source, or every value of it, without space at the ends.",
        (Example('Trim("  a b ")', "a b"),), cloud_sync=True,
    ),
    Function(
        "Word", ("source", "number", "delimiters"), 3, eager(_word),
        "One of the words between delimiters, of which every character is one; empty when there are fewer.",
        (
            Example('Word("The quick brown fox", 3, " ")', "brown"),
            Example('Word("This,string!has&many separators", 3, ",!&#")', "has"),
            Example('Word("one", 2, " ")', ""),
        ),
    ),
)  # fmt: skip
