"""When what failed is tried again, and when so much fails that the application is put in quarantine.

Failures of one object wait for themselves, longer each time, and with some chance in it, so that what failed together
does not come back together. Somebody who should lose access is tried more often than that, whatever the policy. Two
policies: ours, and the figures that Microsoft documents for Entra ID (how-provisioning-works and
application-provisioning-quarantine-status).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
#: Whoever should lose access is tried at least this often (seconds).
LEAVERS_EVERY: Final = 5 * _MINUTE
#: The longest time (seconds) for which a target may ask to be left in peace.
LONGEST_REST: Final = _HOUR
#: The share of a delay that is added by chance, at most.
_SPREAD: Final = 0.2


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``delays``: seconds until the next try after one failure, two and so on; the last counts for all that follow.

    Quarantine: when more than ``percent`` % of at least ``objects`` objects fail and no less than ``failures`` of them,
    or more than ``most`` do, or, with those whose members or manager could not be set, ``all`` or more.
    """

    delays: tuple[float, ...]
    objects: int
    failures: int
    percent: int
    most: int | None = None
    all: int | None = None


POLICIES: Final[Mapping[str, RetryPolicy]] = {
    "provisor": RetryPolicy(
        (_MINUTE, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 6 * _HOUR, 24 * _HOUR), objects=20, failures=1, percent=40
    ),
    "entra": RetryPolicy(
        (6 * _HOUR, 12 * _HOUR, 24 * _HOUR), objects=1, failures=5000, percent=40, most=40_000, all=60_000
    ),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How many objects have an account and no failure (``working``), fail themselves, or fail only in what they refer
    to."""

    working: int
    failing: int
    references: int = 0


@dataclass(frozen=True, slots=True)
class Retries:
    """A policy and the chance that is in it: ``draw`` gives numbers from 0 up to 1."""

    policy: RetryPolicy
    draw: Callable[[], float]

    def after(self, failures: int, *, leaver: bool = False, rest: float | None = None) -> float:
        """Seconds until the next try of an object that has failed ``failures`` times before, and now again.

        ``rest``: what the target asked for (seconds).
        """
        delays = self.policy.delays
        wait = delays[min(failures, len(delays) - 1)] * (1 + _SPREAD * self.draw())
        if leaver:
            wait = min(wait, LEAVERS_EVERY)
        return wait if rest is None else max(wait, min(rest, LONGEST_REST))


def verdict(policy: RetryPolicy, standing: Standing) -> str | None:
    """Why an application with so many failures is put in quarantine, as a sentence; None when it is not."""
    failing, total = standing.failing, standing.failing + standing.working
    if policy.all is not None and failing + standing.references >= policy.all:
        return f"{failing + standing.references} objects fail, {policy.all} or more."
    if failing < policy.failures or total < policy.objects:
        return None
    if policy.most is not None and failing > policy.most:
        return f"{failing} objects fail, more than {policy.most}."
    if failing * 100 > policy.percent * total:
        return f"{failing} of {total} objects fail, more than {policy.percent} %."
    return None
