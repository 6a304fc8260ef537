"""When an application's cycles run: as soon as something changes, or by the clock.

event       a change in the directory starts a cycle at once, and a safety cycle looks at everything now and then
PT40M, P1D  by the clock alone, so long after the last one (an ISO 8601 duration)
0 2 * * 1-5 at these moments alone (five fields of cron, in UTC)
entra       as Entra ID does, every 40 minutes

A change waits for the clock where the clock alone decides, a leaver's too: that is what somebody chose.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from croniter import CroniterError, croniter
from pydantic import TypeAdapter, ValidationError

from provisor.refusal import Invalid

EVENT: Final = "event"
_ENTRA: Final = "entra"
#: Entra ID's interval, which nobody can set there.
_ENTRA_EVERY: Final = timedelta(minutes=40)
_SHORTEST: Final = timedelta(minutes=1)
_LONGEST: Final = timedelta(days=31)
_FIELDS: Final = 5
_SOME_DAY: Final = datetime(2024, 1, 1, tzinfo=UTC)
_DURATION: Final = TypeAdapter(timedelta)


def valid(text: str) -> str:
    """``text`` as it is kept. Raises Invalid for what is no schedule."""
    words = " ".join(text.split())
    if words.lower() in (EVENT, _ENTRA):
        return words.lower()
    if words[:1] in ("P", "p"):
        return _duration(words.upper())
    if len(words.split(" ")) == _FIELDS and _comes(words):
        return words
    raise Invalid(
        f"The schedule {text!r} is none: write event, entra, a duration like PT15M, or five fields of cron like "
        '"0 2 * * 1-5" (UTC).'
    )


@cache
def every(schedule: str) -> timedelta | None:
    """The time between two cycles; None for a schedule that goes by events or by cron."""
    if schedule == _ENTRA:
        return _ENTRA_EVERY
    return _DURATION.validate_python(schedule) if schedule.startswith("P") else None


def following(schedule: str, last: datetime) -> datetime | None:
    """When the clock says that the next cycle is due, the last one having ended at ``last``; None: it does not say."""
    if schedule == EVENT:
        return None
    interval = every(schedule)
    if interval is not None:
        return last + interval
    found: Any = croniter(schedule, last).get_next(datetime)
    return found if isinstance(found, datetime) else None


def _comes(words: str) -> bool:
    """Whether these are fields of cron, and there is such a moment (the 31st of February never comes)."""
    try:
        croniter(words, _SOME_DAY).get_next(datetime)
    except (CroniterError, ValueError, TypeError, KeyError):
        return False
    return True


def _duration(text: str) -> str:
    try:
        found = _DURATION.validate_python(text)
    except ValidationError:
        raise Invalid(f"{text} is no ISO 8601 duration: write PT15M, PT1H30M or P1D.") from None
    if not _SHORTEST <= found <= _LONGEST:
        raise Invalid(f"A cycle every {text} is not possible: from PT1M to P31D is.")
    return text
