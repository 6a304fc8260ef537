"""Functions of dates: reading, writing, adding, the distance of two."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from provisor.expressions import dates
from provisor.expressions.errors import ExpressionError
from provisor.expressions.function import Example, Function, eager, informed
from provisor.expressions.values import Arguments, Evaluator, Inputs, Value, is_empty, text, whole

#: FILETIME counts 100 nanoseconds from here.
_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)
_SECONDS: Final = {"d": 86_400, "y": 86_400, "w": 604_800, "h": 3_600, "n": 60, "s": 1}
_STYLES: Final = frozenset(
    {
        "none", "allowleadingwhite", "allowtrailingwhite", "allowinnerwhite", "allowwhitespaces",
        "nocurrentdatedefault", "adjusttouniversal", "assumelocal", "assumeuniversal", "roundtripkind",
    }
)  # fmt: skip


def moment(value: Value) -> datetime:
    """A value as a moment. Raises ExpressionError."""
    return value if isinstance(value, datetime) else dates.parse_any(text(value))


def _c_date(value: Value) -> datetime | None:
    return None if is_empty(value) else moment(value)


def _date_add(interval: Value, value: Value, source: Value) -> datetime | None:
    unit, count = text(interval), whole(value, "DateAdd")
    if is_empty(source):
        return None
    start = moment(source)
    try:
        if unit in ("m", "yyyy", "q"):
            months = start.year * 12 + start.month - 1 + count * {"m": 1, "q": 3, "yyyy": 12}[unit]
            year, month = divmod(months, 12)
            last = calendar.monthrange(year, month + 1)[1]
            return start.replace(year=year, month=month + 1, day=min(start.day, last))
        seconds = 604_800 if unit == "ww" else 86_400 if unit == "w" else _SECONDS.get(unit)
        if seconds is None:
            raise ExpressionError(f'DateAdd counts in yyyy, q, m, ww, d, h, n (minutes) or s, not "{unit[:40]}".')
        return start + timedelta(seconds=seconds * count)
    except (ValueError, OverflowError):
        raise ExpressionError(f"DateAdd leaves the calendar with {count}.") from None


def _date_diff(interval: Value, first: Value, second: Value) -> str | None:
    unit = text(interval)
    if is_empty(first) or is_empty(second):
        return None
    one, other = moment(first), moment(second)
    if unit == "yyyy":
        return str(other.year - one.year)
    if unit in ("m", "q"):
        size = 1 if unit == "m" else 3
        return str((other.year * 12 + other.month - 1) // size - (one.year * 12 + one.month - 1) // size)
    if unit == "ww":
        return str((_sunday(other) - _sunday(one)).days // 7)
    seconds = _SECONDS.get(unit)
    if seconds is None:
        raise ExpressionError(f'DateDiff counts in yyyy, q, m, ww, d, h, n (minutes) or s, not "{unit[:40]}".')
    elapsed = (other - one) // timedelta(microseconds=1)
    # What is elapsed is cut, towards 0.
    return str(abs(elapsed) // (seconds * 1_000_000) * (1 if elapsed >= 0 else -1))


def _sunday(at: datetime) -> date:
    """The day on which the week of ``at`` began."""
    return (at - timedelta(days=(at.weekday() + 1) % 7)).date()


def _date_from_num(value: Value) -> datetime | None:
    if is_empty(value):
        return None
    try:
        return _EPOCH + timedelta(microseconds=whole(value, "DateFromNum") // 10)
    except OverflowError:
        raise ExpressionError("DateFromNum leaves the calendar.") from None


def _num_from_date(value: Value) -> str | None:
    return None if is_empty(value) else str((moment(value) - _EPOCH) // timedelta(microseconds=1) * 10)


def _now(inputs: Inputs) -> datetime:
    if inputs.now is None:
        raise ExpressionError("Now( ) needs the time, which is not known here.")
    return inputs.now.astimezone(UTC).replace(microsecond=0)


def _format(arguments: Arguments) -> Evaluator:
    """Of the form with three arguments too, without styles."""
    source, *styles, input_format, output_format = arguments

    def value(item: Callable[[Inputs], Value] | None, inputs: Inputs) -> Any:
        return None if item is None else item(inputs)

    def evaluate(inputs: Inputs) -> str | None:
        given = value(source, inputs)
        for name in text(value(styles[0], inputs)).split(",") if styles else ():
            if name.strip() and name.strip().lower() not in _STYLES:
                raise ExpressionError(f'"{name.strip()[:40]}" is no style of dates, like AssumeUniversal.')
        if is_empty(given):
            return None
        wanted = text(value(input_format, inputs))
        found = dates.parse(text(given), wanted) if wanted else moment(given)
        return dates.write(found, text(value(output_format, inputs)) or "G")

    return evaluate


FUNCTIONS: Final = (
    Function(
        "CDate", ("expression",), 1, eager(_c_date), "The date that a text says, in UTC.",
        (
            Example('CDate("2020-03-16-07:00")', "3/16/2020 7:00:00 AM"),
            Example('CDate("2009-06-15T01:45:30-07:00")', "6/15/2009 8:45:30 AM"),
        ),
        returns="date",
    ),
    Function(
        "DateAdd", ("interval", "value", "dateTime"), 3, eager(_date_add),
        "The date so many yyyy, q, m, ww, d, h, n (minutes) or s later.",
        (
            Example('DateAdd("ww", 2, CDate("2012-03-16-07:00"))', "3/30/2012 7:00:00 AM"),
            Example('DateAdd("m", 1, CDate("2026-01-31"))', "2/28/2026 12:00:00 AM"),
        ),
        returns="date",
    ),
    Function(
        "DateDiff", ("interval", "date1", "date2"), 3, eager(_date_diff),
        "From the first date to the second, in whole yyyy, q, m, ww, d, h, n (minutes) or s.",
        (
            Example('DateDiff("d", CDate("2021-08-18"), CDate("2021-08-31"))', "13"),
            Example('DateDiff("h", CDate("2021-08-25"), CDate("2021-08-24"))', "-24"),
        ),
        returns="number",
    ),
    Function(
        "DateFromNum", ("value",), 1, eager(_date_from_num), "The date of a Windows file time.",
        (Example("DateFromNum(129699324000000000)", "1/1/2012 11:00:00 PM"),), returns="date",
    ),
    Function(
        "FormatDateTime", ("source", "[dateTimeStyles]", "inputFormat", "outputFormat"), 3, _format,
        "A date written in one .NET format, in another one; the styles may be left out.",
        (
            Example('FormatDateTime("20150123105347.1Z", , "yyyyMMddHHmmss.fZ", "yyyy-MM-dd")', "2015-01-23"),
            Example('FormatDateTime("2026-11-25", "yyyy-MM-dd", "d MMMM yyyy")', "25 November 2026"),
        ),
    ),
    Function("Now", (), 0, informed(_now), "This moment, in UTC.", (), returns="date"),
    Function(
        "NumFromDate", ("value",), 1, eager(_num_from_date), "The Windows file time of a date.",
        (Example('NumFromDate("2020-12-31 23:59:59-08:00")', "132539615990000000"),), returns="number",
    ),
)  # fmt: skip
