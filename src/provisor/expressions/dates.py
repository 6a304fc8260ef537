"""Dates as .NET reads and writes them, in its invariant culture and in UTC (entra.md §4.3).

``parse_any`` reads what ``CDate`` reads; ``parse`` and ``write`` follow a custom or standard format string of .NET. A
date that bears an offset is that moment in UTC; one without is UTC already.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from provisor.expressions.errors import ExpressionError

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
#: Standard formats of one letter, as custom ones.
_STANDARD: Final = {
    "d": "MM/dd/yyyy", "D": "dddd, dd MMMM yyyy", "f": "dddd, dd MMMM yyyy HH:mm", "F": "dddd, dd MMMM yyyy HH:mm:ss",
    "g": "MM/dd/yyyy HH:mm", "G": "MM/dd/yyyy HH:mm:ss", "m": "MMMM dd", "M": "MMMM dd",
    "o": "yyyy-MM-ddTHH:mm:ss.fffffffK", "O": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'", "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'", "s": "yyyy-MM-ddTHH:mm:ss",
    "t": "HH:mm", "T": "HH:mm:ss", "u": "yyyy-MM-dd HH:mm:ss'Z'", "y": "yyyy MMMM", "Y": "yyyy MMMM",
}  # fmt: skip
_TOKEN: Final = re.compile(
    r"d{1,4}|f{1,7}|F{1,7}|g{1,2}|h{1,2}|H{1,2}|K|m{1,2}|M{1,4}|s{1,2}|t{1,2}|y{1,5}|z{1,3}"
    r"|'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|\\(?P<escaped>.)|%|(?P<other>.)",
    re.DOTALL,
)
_ISO: Final = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?\s*(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_AMERICAN: Final = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4})(?:\s+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s*([AP]M)?)?\s*(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII | re.IGNORECASE,
)


def parse_any(text: str) -> datetime:
    """The moment that ``text`` says in ISO 8601 or as ``M/d/yyyy h:mm:ss tt``. Raises ExpressionError."""
    found = text.strip()
    try:
        if match := _ISO.fullmatch(found):
            year, month, day, hour, minute, second, fraction, offset = match.groups()
            return _moment(year, month, day, hour, minute, second, fraction, offset)
        if match := _AMERICAN.fullmatch(found):
            month, day, year, hour, minute, second, fraction, half, offset = match.groups()
            return _moment(year, month, day, _hour(hour, half), minute, second, fraction, offset)
    except (ValueError, OverflowError):
        pass
    raise ExpressionError(f'"{text[:40]}" is no date, like 2026-11-25 or 2026-11-25T08:00:00Z.')


def parse(text: str, pattern: str) -> datetime:
    """The moment that ``text`` says, written as the .NET format ``pattern`` has it. Raises ExpressionError."""
    expression, fields = _reader(pattern)
    match = expression.fullmatch(text.strip())
    if match is None:
        raise ExpressionError(f'"{text[:40]}" is not written as {pattern}.')
    parts = dict.fromkeys(("year", "month", "day", "hour", "minute", "second", "fraction", "half", "offset"), "")
    for name, value in zip(fields, match.groups(), strict=True):
        parts[name] = value or parts[name]
    try:
        month = parts["month"]
        if month and not month.isdecimal():
            names = [name.lower() for name in _MONTHS]
            found = month.lower()
            month = str(1 + next((place for place, name in enumerate(names) if found in (name, name[:3])), -1))
        year = parts["year"] or "1"
        if len(year) <= 2 and "yyy" not in pattern:
            # As .NET does: two digits up to 49 are this century's.
            year = str(int(year) + (2000 if int(year) < 50 else 1900))
        hour = _hour(parts["hour"], parts["half"])
        return _moment(
            year, month or "1", parts["day"] or "1", hour, parts["minute"], parts["second"], parts["fraction"],
            parts["offset"],
        )  # fmt: skip
    except (ValueError, OverflowError):
        raise ExpressionError(f'"{text[:40]}" is no date.') from None


def write(moment: datetime, pattern: str) -> str:
    """``moment`` as the .NET format ``pattern`` has it."""
    return "".join(part(moment) for part in _writer(pattern))


def _hour(hour: str | None, half: str | None) -> str | None:
    if not hour or not half:
        return hour
    return str(int(hour) % 12 + (12 if half[0] in "pP" else 0))


def _moment(
    year: str, month: str, day: str, hour: str | None, minute: str | None, second: str | None, fraction: str | None,
    offset: str | None,
) -> datetime:  # fmt: skip
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    found = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micro, UTC)
    if not offset or offset in ("Z", "z"):
        return found
    digits = offset[1:].replace(":", "").ljust(4, "0") if len(offset) > 3 else offset[1:].rjust(2, "0") + "00"
    distance = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return found - distance if offset[0] == "+" else found + distance


def _tokens(pattern: str) -> list[re.Match[str]]:
    return list(_TOKEN.finditer(_STANDARD.get(pattern, pattern)))


def _literal(token: re.Match[str]) -> str | None:
    """What stands in a format for itself; None for a field."""
    if token[0] == "%":
        return ""
    return next((part for part in token.groups() if part is not None), None)


_FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "d": ("day", r"(\d{1,2})"), "dd": ("day", r"(\d{2})"), "ddd": ("", "[A-Za-z]{3}"), "dddd": ("", "[A-Za-z]+"),
    "M": ("month", r"(\d{1,2})"), "MM": ("month", r"(\d{2})"), "MMM": ("month", "([A-Za-z]{3})"),
    "MMMM": ("month", "([A-Za-z]+)"), "y": ("year", r"(\d{1,2})"), "yy": ("year", r"(\d{2})"),
    "yyy": ("year", r"(\d{3,4})"), "yyyy": ("year", r"(\d{4})"), "yyyyy": ("year", r"(\d{5})"),
    "h": ("hour", r"(\d{1,2})"), "hh": ("hour", r"(\d{1,2})"), "H": ("hour", r"(\d{1,2})"), "HH": ("hour", r"(\d{2})"),
    "m": ("minute", r"(\d{1,2})"), "mm": ("minute", r"(\d{2})"), "s": ("second", r"(\d{1,2})"),
    "ss": ("second", r"(\d{2})"), "t": ("half", "([AaPp])"), "tt": ("half", "([AaPp][Mm])"),
    "z": ("offset", r"([+-]\d{1,2})"), "zz": ("offset", r"([+-]\d{2})"), "zzz": ("offset", r"([+-]\d{2}:?\d{2}|Z)"),
    "K": ("offset", r"(Z|[+-]\d{2}:\d{2})?"), "g": ("", "A\\.?D\\.?"), "gg": ("", "A\\.?D\\.?"),
}  # fmt: skip


@lru_cache(maxsize=512)
def _reader(pattern: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    parts, fields = [], []
    for token in _tokens(pattern):
        literal = _literal(token)
        if literal is not None:
            parts.append(re.escape(literal))
            continue
        name = token[0]
        if name[0] in "fF":
            field, expression = "fraction", rf"(\d{{{len(name)}}})" if name[0] == "f" else rf"(\d{{0,{len(name)}}})"
        else:
            field, expression = _FIELDS[name]
        parts.append(expression)
        if field:
            fields.append(field)
    return re.compile("".join(parts), re.ASCII), tuple(fields)


_Part = Callable[[datetime], str]
_WRITTEN: Final[Mapping[str, _Part]] = {
    "d": lambda at: str(at.day), "dd": lambda at: f"{at.day:02}", "ddd": lambda at: _DAYS[at.weekday()][:3],
    "dddd": lambda at: _DAYS[at.weekday()], "M": lambda at: str(at.month), "MM": lambda at: f"{at.month:02}",
    "MMM": lambda at: _MONTHS[at.month - 1][:3], "MMMM": lambda at: _MONTHS[at.month - 1],
    "y": lambda at: str(at.year % 100), "yy": lambda at: f"{at.year % 100:02}", "yyy": lambda at: f"{at.year:03}",
    "yyyy": lambda at: f"{at.year:04}", "yyyyy": lambda at: f"{at.year:05}",
    "h": lambda at: str(at.hour % 12 or 12), "hh": lambda at: f"{at.hour % 12 or 12:02}",
    "H": lambda at: str(at.hour), "HH": lambda at: f"{at.hour:02}", "m": lambda at: str(at.minute),
    "mm": lambda at: f"{at.minute:02}", "s": lambda at: str(at.second), "ss": lambda at: f"{at.second:02}",
    "t": lambda at: "AP"[at.hour // 12], "tt": lambda at: ("AM", "PM")[at.hour // 12],
    "z": lambda at: "+0", "zz": lambda at: "+00", "zzz": lambda at: "+00:00", "K": lambda at: "Z",
    "g": lambda at: "A.D.", "gg": lambda at: "A.D.",
}  # fmt: skip


@lru_cache(maxsize=512)
def _writer(pattern: str) -> tuple[_Part, ...]:
    return tuple(_written(token) for token in _tokens(pattern))


def _written(token: re.Match[str]) -> _Part:
    literal = _literal(token)
    if literal is not None:
        return lambda at: literal
    name = token[0]
    if name[0] == "f":
        return lambda at: f"{at.microsecond:06}0"[: len(name)]
    if name[0] == "F":
        return lambda at: f"{at.microsecond:06}0"[: len(name)].rstrip("0")
    return _WRITTEN[name]
