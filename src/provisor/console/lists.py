"""Where the page of a list that is by name and id begins, from the address."""

from __future__ import annotations

from uuid import UUID

from provisor.console.visit import Visit

FIRST = UUID(int=0)


def after(visit: Visit) -> tuple[str, UUID]:
    """(name, id) of the last row of the page before; the beginning when the address says nothing that makes sense."""
    try:
        return visit.query("after"), UUID(visit.query("id"))
    except ValueError:
        return "", FIRST


def number(text: str) -> int | None:
    """A number of an address that a list can be at; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 15 else None
