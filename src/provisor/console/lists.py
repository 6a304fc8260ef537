"""What an address says of a list: where its page begins, and which numbers and moments it is about."""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR, UTC, datetime
from uuid import UUID

from provisor.console.visit import Visit

FIRST = UUID(int=0)


def after(visit: Visit) -> tuple[str, UUID]:
    """(name, id) of the last row of the page before; the beginning when the address says nothing that makes sense."""
    try:
        return visit.after, UUID(visit.query("id"))
    except ValueError:
        return "", FIRST


def number(text: str) -> int | None:
    """A number of an address that a list can be at; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 15 else None


def moment(text: str) -> datetime | None:
    """A moment of an address, in UTC unless it says otherwise; None for anything else, and for what is none on some
    walls: the first and the last year that can be written."""
    try:
        found = datetime.fromisoformat(text)
        found = found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if MINYEAR < found.year < MAXYEAR else None
