"""Requests a second and at once, by a clock that the test moves."""

from __future__ import annotations

import pytest

from provisor.access.limits import Allowance, Exceeded, Limits


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _taken(limits: Limits, credential: bytes = b"a") -> bool:
    try:
        with limits.admitted(credential):
            return True
    except Exceeded:
        return False


def test_a_burst_of_one_second_is_taken_and_then_the_rate() -> None:
    clock = Clock()
    limits = Limits(10, 100, clock)
    assert [_taken(limits) for _ in range(12)] == [True] * 10 + [False] * 2
    clock.now += 0.1
    assert [_taken(limits), _taken(limits)] == [True, False]
    clock.now += 60
    assert sum(_taken(limits) for _ in range(30)) == 10


def test_what_was_refused_does_not_count() -> None:
    clock = Clock()
    limits = Limits(10, 100, clock)
    for _ in range(1000):
        _taken(limits)
    clock.now += 0.1
    assert _taken(limits)


@pytest.mark.parametrize("rate,after", [(10, 1), (1, 1), (0.2, 5)])
def test_the_wait_is_in_whole_seconds_and_long_enough(rate: float, after: int) -> None:
    clock = Clock()
    limits = Limits(rate, 100, clock)
    while _taken(limits):
        pass
    with pytest.raises(Exceeded) as refused, limits.admitted(b"a"):
        pass
    assert refused.value.retry_after == after
    clock.now += after
    assert _taken(limits)


def test_requests_under_way_are_counted_until_they_end_however_they_end() -> None:
    limits = Limits(1000, 2, Clock())
    with limits.admitted(b"a"):
        with pytest.raises(ValueError, match="wrong"), limits.admitted(b"a"):
            assert not _taken(limits)
            raise ValueError("wrong")
        assert _taken(limits)


def test_each_credential_has_its_own_and_idle_ones_are_forgotten() -> None:
    clock = Clock()
    limits = Limits(1, 1, clock)
    with limits.admitted(b"busy"):
        assert all(_taken(limits, str(number).encode()) for number in range(1000))
        assert not _taken(limits, b"1")
        clock.now += 5
        assert _taken(limits, b"1")
        assert limits.remembered == 2
        assert not _taken(limits, b"busy")


def test_who_is_wrong_too_often_is_told_to_wait_and_forgiven() -> None:
    clock = Clock()
    allowed = Allowance(3, 6, clock)
    assert [allowed.spend(b"a") for _ in range(5)] == [0, 0, 0, 6, 6]
    assert allowed.spend(b"b") == 0
    clock.now += 6
    assert [allowed.spend(b"a"), allowed.spend(b"a")] == [0, 6]
    clock.now += 60
    assert allowed.spend(b"c") == 0
    assert allowed.remembered == 1
