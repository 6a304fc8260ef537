"""When cycles run: schedules as they are written, and when the next cycle is due by them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from provisor.provisioning.policies import DEFAULT, changed
from provisor.provisioning.schedules import following, valid
from provisor.refusal import Invalid
from provisor.sync.schedule import due

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)


@pytest.mark.parametrize(
    ("written", "kept", "after"),
    [
        ("event", "event", None),
        ("Event", "event", None),
        ("entra", "entra", timedelta(minutes=40)),
        ("PT15M", "PT15M", timedelta(minutes=15)),
        ("pt1h30m", "PT1H30M", timedelta(hours=1, minutes=30)),
        ("P1D", "P1D", timedelta(days=1)),
        ("*/20 * * * *", "*/20 * * * *", timedelta(minutes=20)),
        ("0   2 * * 1-5", "0 2 * * 1-5", timedelta(hours=14)),
        ("0 2 * * mon", "0 2 * * mon", timedelta(days=3, hours=14)),
    ],
)
def test_schedules(written: str, kept: str, after: timedelta | None) -> None:
    assert valid(written) == kept
    assert following(kept, NOON) == (None if after is None else NOON + after)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "40",
        "PT",
        "P",
        "PT30S",
        "P2M",
        "-PT5M",
        "hourly",
        "@daily",
        "* * * * * *",
        "61 * * * *",
        "0 2 * *",
        "0 0 31 2 *",
    ],
)
def test_what_is_no_schedule_is_said_in_a_sentence(written: str) -> None:
    with pytest.raises(Invalid, match=r"schedule|duration|possible"):
        changed(DEFAULT, schedule=written)


def row(**more: Any) -> dict[str, Any]:
    """An application whose last cycle ended at noon and that has nothing to do; it is ten past."""
    found = {"last_cycle": NOON, "now": NOON + timedelta(minutes=10), "quarantine": None, "initial": False, "seq": 7}
    found |= {"watermark": 7, "resting": False, "leavers": False, "refused": 0, "retries": False, "schedule": None}
    return {**found, **more}


@pytest.mark.parametrize(
    ("standing", "why"),
    [
        ({}, None),
        ({"seq": 8}, "change"),
        ({"retries": True}, "change"),
        ({"now": NOON + HALF_AN_HOUR}, "time"),
        ({"last_cycle": None}, "time"),
        ({"initial": True}, "time"),
        ({"seq": 8, "resting": True}, None),
        # By the clock alone: a change waits for it, and it does not wait for a change.
        ({"seq": 8, "retries": True, "schedule": "PT15M"}, None),
        ({"now": NOON + timedelta(minutes=15), "schedule": "PT15M"}, "time"),
        ({"seq": 8, "schedule": "entra"}, None),
        ({"now": NOON + timedelta(minutes=40), "schedule": "entra"}, "time"),
        ({"now": NOON + HALF_AN_HOUR, "schedule": "0 2 * * *"}, None),
        ({"now": NOON + timedelta(hours=14), "schedule": "0 2 * * *"}, "time"),
        # What is restarted or new waits for nothing.
        ({"initial": True, "schedule": "0 2 * * *"}, "time"),
        # Cycles that do not go through wait longer and longer, but not while a leaver may be inside.
        ({"seq": 8, "refused": 2, "now": NOON + timedelta(minutes=4)}, None),
        ({"seq": 8, "refused": 2}, "time"),
        ({"seq": 8, "refused": 3}, None),
        ({"seq": 8, "refused": 9, "leavers": True}, "time"),
        ({"seq": 8, "quarantine": "too many", "now": NOON + timedelta(seconds=59)}, None),
    ],
)
def test_when_a_cycle_is_due(standing: dict[str, Any], why: str | None) -> None:
    assert due(row(**standing), HALF_AN_HOUR) == why
