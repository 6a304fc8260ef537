"""What happened over time, as pages show it: figures by interval, their chart, and where each of them leads.

A figure leads to the log, filtered to its interval and kind, so that no number has to be believed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from typing import Final

from provisor.console import intervals
from provisor.console.chart import Chart, chart
from provisor.console.intervals import SPANS, Interval

USUAL: Final = "24h"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is counted: ``kinds`` (key → name), the first at the bottom of the bars. ``path`` is the log's, where
    ``parameter`` chooses a kind."""

    title: str
    kinds: Mapping[str, str]
    path: str
    parameter: str


@dataclass(frozen=True)
class Figures:
    """``counts``: kind → how many in each of the ``intervals`` of ``span``, which are those of ``zone``."""

    subject: Subject
    span: str
    zone: tzinfo
    intervals: Sequence[Interval]
    counts: Mapping[str, Sequence[int]]

    @property
    def chart(self) -> Chart:
        return chart({kind: self.counts[kind] for kind in self.subject.kinds})

    @property
    def spans(self) -> list[tuple[str, str]]:
        """What can be looked at instead."""
        return [(key, span.text) for key, span in SPANS.items()]

    @property
    def span_text(self) -> str:
        return SPANS[self.span].text

    @property
    def labels(self) -> list[str]:
        """What stands below the bars, at equal distances."""
        return [interval.label for interval in self.intervals[:: SPANS[self.span].labelled]]

    @property
    def eventful(self) -> list[tuple[int, Interval]]:
        """The intervals in which there was anything, the newest first, each with its place."""
        found = [place for place, column in enumerate(zip(*self.counts.values(), strict=True)) if any(column)]
        return [(place, self.intervals[place]) for place in reversed(found)]

    @cached_property
    def totals(self) -> dict[str, int]:
        """How many of each kind in the whole span."""
        return {kind: sum(self.counts[kind]) for kind in self.subject.kinds}

    @property
    def summary(self) -> str:
        """The chart in a sentence."""
        parts = [f"{self.subject.kinds[kind].lower()} {count:,}" for kind, count in self.totals.items() if count]
        return f"{', '.join(parts)}." if parts else "Nothing."

    @cached_property
    def links(self) -> dict[tuple[str, int | None], str]:
        """Kind and place (None for the whole span) → the address of its rows, for all there is any of."""
        last = len(self.intervals) - 1
        # A full chart has many more addresses than times.
        times = [(_written(interval.begin), _written(interval.end)) for interval in self.intervals]
        places = {(kind, place): (place, place) for kind in self.subject.kinds for place in self._filled(kind)}
        spans = {(kind, None): (0, last) for kind, count in self.totals.items() if count}
        return {
            (kind, place): (
                f"{self.subject.path}?{self.subject.parameter}={kind}&since={times[begin][0]}"
                f"&until={times[end][1]}&span={self.span}#list"
            )
            for (kind, place), (begin, end) in [*places.items(), *spans.items()]
        }

    def _filled(self, kind: str) -> list[int]:
        return [place for place, count in enumerate(self.counts[kind]) if count]


def span_of(text: str) -> str:
    """The span that an address names, or the usual one."""
    return text if text in SPANS else USUAL


def within(span: str, zone: tzinfo) -> list[Interval]:
    """The intervals of a span up to now."""
    return intervals.of(span, datetime.now(UTC), zone)


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")
