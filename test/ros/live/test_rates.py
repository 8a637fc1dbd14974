# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from foundation_stereo_ros.ros.live.rates import SlidingRate


def test_a_steady_stream_has_its_rate_and_goes_to_zero_when_it_stops() -> None:
    rate = SlidingRate(window=10)
    assert rate.rate(0) == 0
    for n in range(600):
        rate.note(n / 30)
    assert rate.rate(20) == pytest.approx(30, rel=0.01)
    assert rate.rate(25) == pytest.approx(15, rel=0.05)
    assert rate.rate(30.1) == 0
    assert rate.count(30.1) == 0


def test_the_first_second_is_not_divided_by_the_whole_window() -> None:
    rate = SlidingRate(window=10)
    for n in range(61):
        rate.note(n / 30)
    assert rate.rate(2) == pytest.approx(30, rel=0.05)
    single = SlidingRate()
    single.note(5)
    assert single.rate(5) == 1


def test_memory_is_bounded() -> None:
    rate = SlidingRate(window=10, capacity=50)
    for n in range(1000):
        rate.note(n / 1000)
    assert rate.count(1) == 50
