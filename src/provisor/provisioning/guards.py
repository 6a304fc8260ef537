"""The guard against accidental deletion: a plan that would harm too many is held before its first write.

It is held as well when it would take something from everybody, however few they are: that is what an empty source
looks like. Harm is an account that is disabled or deleted, that loses a value that Provisor gave it, or that is taken
out of a group; and one that is not there any more, which would be nobody's from then on: that is what another target
behind the same application looks like. What earlier cycles of the last 24 hours did counts too, so that a mistake that
comes in small steps is noticed; what somebody released by name does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from provisor.provisioning.change import Change

#: Below so many accounts a share says nothing.
LEAST: Final = 20
#: From so many accounts on, taking something from every single one is never routine.
EVERYBODY: Final = 5


@dataclass(frozen=True, slots=True)
class Guard:
    """``percent`` of the accounts and groups, or ``most`` of them, hold a plan; 0 for either: it holds none."""

    percent: int = 20
    most: int = 500


def harmed(change: Change) -> Iterator[str]:
    """The source ids of those whom ``change`` takes something from."""
    if change.action in ("disable", "delete") or (change.action == "removed" and change.missed):
        yield change.source_id
    elif change.action == "remove members":
        yield from change.members
        yield from change.strangers
    elif change.action == "update":
        for name, (before, after) in change.attributes.items():
            if (before not in (None, "", []) and after in (None, "", [])) or (name == "active" and after is False):
                yield change.source_id
                return


def verdict(guard: Guard, harms: int, earlier: int, accounts: int) -> str | None:
    """Why a plan that harms so many is held, as a clause; None when it is not.

    ``earlier``: how many were harmed in the last 24 hours, ``accounts``: how many accounts and groups there are now.
    """
    if not harms:
        return None
    total, base = harms + earlier, accounts + earlier
    if guard.percent and harms >= accounts and total >= EVERYBODY:
        limit = "all that there are"
    elif guard.most and total >= guard.most:
        limit = f"{guard.most} or more"
    elif guard.percent and base >= LEAST and total * 100 > guard.percent * base:
        limit = f"more than {guard.percent} % of {base}"
    else:
        return None
    accounts_of = f"{harms} account{'s' if harms > 1 else ''}"
    before = f" after {earlier} in the last 24 hours" if earlier else ""
    return f"it disables, deletes, clears, takes out of groups or finds gone {accounts_of}{before}, {limit}"
