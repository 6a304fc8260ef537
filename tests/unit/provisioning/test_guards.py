"""How much harm a plan may do before somebody has to say that it is meant."""

from __future__ import annotations

from typing import Any

import pytest

from provisor.provisioning.change import Change
from provisor.provisioning.guards import Guard, harmed, verdict


def change(action: Any, **more: Any) -> Change:
    return Change(action, "User", "1", "ada", "", 1, 1, **more)


@pytest.mark.parametrize(
    ("item", "who"),
    [
        (change("disable"), ["1"]),
        (change("delete"), ["1"]),
        (change("remove members", members=("2", "3")), ["2", "3"]),
        (change("update", attributes={"title": ("Countess", None)}), ["1"]),
        (change("update", attributes={"emails": (["a"], [])}), ["1"]),
        (change("update", attributes={"active": (True, False)}), ["1"]),
        (change("update", attributes={"title": ("Countess", "Lady"), "nick": (None, None)}), []),
        (change("create", attributes={"title": (None, "Lady")}), []),
        (change("add members", members=("2",)), []),
        (change("unlink"), []),
        (change("removed", missed=True), ["1"]),
        # Somebody who left long ago, and whose closed account the target has thrown away.
        (change("removed"), []),
        (change("refuse"), []),
    ],
)
def test_what_harms_whom(item: Change, who: list[str]) -> None:
    assert list(harmed(item)) == who


@pytest.mark.parametrize(
    ("harms", "earlier", "accounts", "held"),
    [
        (0, 1000, 10, False),
        (18, 0, 19, False),
        (19, 0, 19, True),
        (4, 0, 4, False),
        (5, 0, 5, True),
        (4, 0, 20, False),
        (5, 0, 20, True),
        (20, 0, 100, False),
        (21, 0, 100, True),
        (11, 10, 90, True),
        (10, 10, 90, False),
        (499, 0, 100_000, False),
        (500, 0, 100_000, True),
        (1, 499, 100_000, True),
        # Everybody who is left, after the first has gone.
        (10, 1, 10, True),
        (4, 1, 4, True),
        (3, 1, 3, False),
        (9, 1, 10, False),
    ],
)
def test_when_a_plan_is_held(harms: int, earlier: int, accounts: int, held: bool) -> None:
    assert (verdict(Guard(), harms, earlier, accounts) is not None) is held


def test_limits_can_be_others_and_none() -> None:
    assert verdict(Guard(0, 0), 10_000, 0, 10_000) is None
    assert verdict(Guard(0, 3), 3, 0, 10_000) == (
        "it disables, deletes, clears, takes out of groups or finds gone 3 accounts, 3 or more"
    )
    assert verdict(Guard(10, 0), 11, 5, 95) == (
        "it disables, deletes, clears, takes out of groups or finds gone 11 accounts after 5 in the last 24 hours, "
        "more than 10 % of 100"
    )
