"""When failures are tried again, and when they are too many (entra.md §2.9, §2.10; reliability.md E9)."""

from __future__ import annotations

import pytest

from provisor.provisioning.retries import LONGEST_REST, POLICIES, Retries, Standing, verdict

HOUR = 3600.0
OURS, ENTRA = POLICIES["provisor"], POLICIES["entra"]


@pytest.mark.parametrize(
    ("policy", "waits"),
    [
        ("provisor", [60, 300, 1800, 2 * HOUR, 6 * HOUR, 24 * HOUR, 24 * HOUR]),
        ("entra", [6 * HOUR, 12 * HOUR] + [24 * HOUR] * 3),
    ],
)
def test_each_try_waits_longer_and_chance_adds_a_fifth_at_most(policy: str, waits: list[float]) -> None:
    least, most = Retries(POLICIES[policy], lambda: 0.0), Retries(POLICIES[policy], lambda: 1.0)
    assert [least.after(failures) for failures in range(len(waits))] == waits
    assert [most.after(failures) for failures in range(len(waits))] == [pytest.approx(1.2 * wait) for wait in waits]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_leaver_never_waits_longer_than_five_minutes(policy: str) -> None:
    retries = Retries(POLICIES[policy], lambda: 0.9)
    assert max(retries.after(failures, leaver=True) for failures in range(10)) == 300


def test_what_the_target_asks_for_counts_up_to_an_hour() -> None:
    retries = Retries(OURS, lambda: 0.0)
    assert retries.after(0, rest=600) == 600
    assert retries.after(0, rest=5) == 60
    assert retries.after(0, rest=1e9) == LONGEST_REST
    assert retries.after(0, leaver=True, rest=600) == 600


@pytest.mark.parametrize(
    ("failing", "working", "held"),
    [
        (7, 12, False),
        (8, 12, False),
        (9, 12, True),
        (9, 10, False),
        (1, 0, False),
        (20, 0, True),
        (400, 600, False),
        (401, 599, True),
    ],
)
def test_more_than_two_fifths_of_twenty_objects_are_too_many(failing: int, working: int, held: bool) -> None:
    assert (verdict(OURS, Standing(working, failing)) is not None) == held


@pytest.mark.parametrize(
    ("failing", "working", "references", "held"),
    [
        (4_000, 0, 0, False),
        (45_000, 200_000, 0, True),
        (30_000, 5_000, 0, True),
        (20_000, 100_000, 0, False),
        (40_000, 200_000, 21_000, True),
        (40_000, 200_000, 0, False),
    ],
)
def test_the_documented_cases_of_entra(failing: int, working: int, references: int, held: bool) -> None:
    assert (verdict(ENTRA, Standing(working, failing, references)) is not None) == held


def test_the_sentence_names_the_numbers() -> None:
    assert verdict(OURS, Standing(30, 70)) == "70 of 100 objects fail, more than 40 %."
    assert verdict(ENTRA, Standing(0, 40_001)) == "40001 objects fail, more than 40000."
    assert verdict(ENTRA, Standing(0, 1, 60_000)) == "60001 objects fail, 60000 or more."
