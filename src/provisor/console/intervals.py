"""Stretches of time that a page counts over, and the intervals they fall into: hours, quarters of days, days.

Intervals begin where they do on the viewer's wall, so a day in October can have 25 hours, and one is never cut. Nothing
here knows the time or a database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Final


@dataclass(frozen=True, slots=True)
class Span:
    """``text`` names it; one in ``labelled`` intervals has a label under it."""

    text: str
    count: int
    labelled: int


@dataclass(frozen=True, slots=True)
class Interval:
    """From ``begin`` up to ``end``; ``text`` says so on the viewer's wall, ``label`` in short."""

    begin: datetime
    end: datetime
    text: str
    label: str


SPANS: Final[Mapping[str, Span]] = {
    "24h": Span("24 hours", 24, 4),
    "7d": Span("7 days", 28, 4),
    "30d": Span("30 days", 30, 5),
}


def of(span: str, now: datetime, zone: tzinfo) -> list[Interval]:
    """The intervals of a span, the oldest first; ``now`` is in the last one, or in the last day of them."""
    found = _BOUNDS[span](now, zone)
    return [_interval(span, begin, end, zone) for begin, end in pairwise(found)]


def bounds(intervals: Sequence[Interval]) -> list[datetime]:
    """Where each begins, and where the last one ends."""
    return [*(item.begin for item in intervals), intervals[-1].end]


def in_words(begin: datetime | None, end: datetime | None, zone: tzinfo) -> str:
    """``from 26 Nov 2026, 14:00 to 26 Nov 2026, 15:00 (UTC)``, or one side of it; empty for neither."""
    parts = [
        f"{word} {_day(local)} {local.year}, {local:%H:%M}"
        for word, moment in (("from", begin), ("to", end))
        if moment is not None and (local := moment.astimezone(zone))
    ]
    return f"{' '.join(parts)} ({zone})" if parts else ""


def _hours(now: datetime, zone: tzinfo) -> list[datetime]:
    local = now.astimezone(zone)
    # Full hours on the wall, which in some zones are half past the world's.
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    last = now.astimezone(UTC) - past + timedelta(hours=1)
    return [last - timedelta(hours=back) for back in range(SPANS["24h"].count, -1, -1)]


def _quarters(now: datetime, zone: tzinfo) -> list[datetime]:
    return _on_the_wall(now, zone, timedelta(hours=6), SPANS["7d"].count)


def _days(now: datetime, zone: tzinfo) -> list[datetime]:
    return _on_the_wall(now, zone, timedelta(days=1), SPANS["30d"].count)


def _on_the_wall(now: datetime, zone: tzinfo, step: timedelta, count: int) -> list[datetime]:
    """So many steps up to the end of today, each at the same times of the day."""
    tomorrow = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None) + timedelta(days=1)
    walls = (tomorrow - step * back for back in range(count, -1, -1))
    return [wall.replace(tzinfo=zone).astimezone(UTC) for wall in walls]


_BOUNDS: Final = {"24h": _hours, "7d": _quarters, "30d": _days}


def _interval(span: str, begin: datetime, end: datetime, zone: tzinfo) -> Interval:
    since, until = begin.astimezone(zone), end.astimezone(zone)
    day = _day(since)
    text = day if span == "30d" else f"{day}, {since:%H:%M} to {until:%H:%M}"
    label = f"{since:%H:%M}" if span == "24h" else day
    return Interval(begin, end, text, label)


def _day(local: datetime) -> str:
    return f"{local.day} {local:%b}"
