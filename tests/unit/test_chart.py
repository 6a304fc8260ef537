"""The geometry of charts, and the intervals that are counted by: hours, quarters and days on the viewer's wall."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisor.console import intervals
from provisor.console.chart import HEIGHT, LEAST, STEP, chart
from provisor.console.figures import Figures, Subject

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 26, 12, 34, 56, tzinfo=UTC)


def test_bars_stand_on_each_other_and_are_as_high_as_their_figures() -> None:
    drawn = chart({"good": [60, 0, 10], "bad": [40, 0, 0]})
    assert (drawn.width, drawn.most, drawn.lines) == (3 * STEP, 100, {100: 0.0, 50: HEIGHT / 2, 0: HEIGHT})
    assert [(bar.kind, bar.place, bar.count, bar.y, bar.height) for bar in drawn.bars] == [
        ("good", 0, 60, HEIGHT * 0.4, HEIGHT * 0.6),
        ("bad", 0, 40, 0.0, HEIGHT * 0.4),
        ("good", 2, 10, HEIGHT * 0.9, HEIGHT * 0.1),
    ]
    assert drawn.path("bad") == "M2 0h16v48h-16z"


@pytest.mark.parametrize(("most", "top"), [(0, 1), (1, 1), (2, 2), (3, 5), (5, 5), (6, 10), (11, 20), (999_999, 10**6)])
def test_the_number_at_the_top_is_round(most: int, top: int) -> None:
    drawn = chart({"good": [most]})
    assert drawn.most == top
    assert all(number == int(number) for number in drawn.lines)


def test_nothing_at_all_is_a_chart_too() -> None:
    assert chart({"good": [0, 0]}).bars == []
    assert chart({"good": []}).width == 0


counts = st.lists(st.tuples(*[st.integers(0, 10**7)] * 4), min_size=1, max_size=30)


@given(counts)
def test_whatever_is_there_is_seen_and_stays_inside(columns: list[tuple[int, ...]]) -> None:
    drawn = chart({str(kind): list(column) for kind, column in enumerate(zip(*columns, strict=True))})
    assert sum(bar.count for bar in drawn.bars) == sum(map(sum, columns))
    for place, column in enumerate(columns):
        bars = [bar for bar in drawn.bars if bar.place == place]
        assert len(bars) == sum(count > 0 for count in column)
        assert all(bar.height >= LEAST and -0.1 <= bar.y <= HEIGHT for bar in bars)
        for below, above in pairwise(bars):
            assert abs(above.y + above.height - below.y) < 0.1


def test_a_day_is_counted_by_full_hours_of_the_viewers_clock() -> None:
    kolkata = ZoneInfo("Asia/Kolkata")
    found = intervals.of("24h", NOON, kolkata)
    assert len(found) == 24 and found[-1].begin <= NOON < found[-1].end
    assert (found[-1].text, found[-1].begin) == ("26 Nov, 18:00 to 19:00", datetime(2026, 11, 26, 12, 30, tzinfo=UTC))
    assert {item.end - item.begin for item in found} == {timedelta(hours=1)}


def test_a_week_is_counted_by_quarters_of_days_and_a_month_by_days() -> None:
    week, month = intervals.of("7d", NOON, BERLIN), intervals.of("30d", NOON, BERLIN)
    assert [week[0].text, week[-1].text] == ["20 Nov, 00:00 to 06:00", "26 Nov, 18:00 to 00:00"]
    assert [month[0].text, month[-1].text, len(month)] == ["28 Oct", "26 Nov", 30]
    assert month[-1].begin == datetime(2026, 11, 25, 23, tzinfo=UTC)


def test_the_day_on_which_clocks_are_put_back_has_25_hours() -> None:
    month = intervals.of("30d", datetime(2026, 10, 30, tzinfo=UTC), BERLIN)
    longest = max(month, key=lambda item: item.end - item.begin)
    assert (longest.text, longest.end - longest.begin) == ("25 Oct", timedelta(hours=25))


zones = st.sampled_from(["UTC", "Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu"])


@given(st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)), zones, st.sampled_from(sorted(intervals.SPANS)))
def test_intervals_follow_each_other_and_hold_the_present(now: datetime, zone: str, span: str) -> None:
    found = intervals.of(span, now.replace(tzinfo=UTC), ZoneInfo(zone))
    assert len(found) == intervals.SPANS[span].count
    assert all(one.begin < one.end == other.begin for one, other in pairwise(found))
    assert any(item.begin <= now.replace(tzinfo=UTC) < item.end for item in found)


def test_figures_say_what_they_are_and_where_they_lead() -> None:
    found = intervals.of("24h", NOON, UTC)
    subject = Subject("What happened", {"created": "Created", "failed": "Failed"}, "/logs", "result")
    figures = Figures(subject, "24h", UTC, found, {"created": [0] * 23 + [7], "failed": [0] * 24})
    assert (figures.summary, figures.totals) == ("created 7.", {"created": 7, "failed": 0})
    assert [place for place, _ in figures.eventful] == [23]
    assert figures.links == {
        ("created", 23): "/logs?result=created&since=2026-11-26T12:00Z&until=2026-11-26T13:00Z&span=24h#list",
        ("created", None): "/logs?result=created&since=2026-11-25T13:00Z&until=2026-11-26T13:00Z&span=24h#list",
    }
    assert figures.labels == ["13:00", "17:00", "21:00", "01:00", "05:00", "09:00"]


def test_a_choice_of_time_is_said_in_words() -> None:
    assert intervals.in_words(found := datetime(2026, 11, 26, 13, tzinfo=UTC), None, BERLIN) == (
        "from 26 Nov 2026, 14:00 (Europe/Berlin)"
    )
    assert intervals.in_words(found, found + timedelta(hours=1), UTC) == (
        "from 26 Nov 2026, 13:00 to 26 Nov 2026, 14:00 (UTC)"
    )
    assert intervals.in_words(None, None, UTC) == ""
