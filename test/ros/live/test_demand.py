# SPDX-License-Identifier: Apache-2.0
"""The limit of the rate; what else is wanted is tried with the worker."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from foundation_stereo_ros.ros.live.demand import RateLimit


def test_without_a_limit_everything_passes() -> None:
    limit = RateLimit()
    assert all(limit.allows(0, 5.0) for _ in range(10))


@given(st.integers(1, 60), st.lists(st.floats(-0.29, 0.29), min_size=90, max_size=90))
def test_on_average_no_more_than_the_limit_and_no_less_than_the_stream_gives(
    hz: int, jitter: list[float]
) -> None:
    """A camera of 30 Hz whose images come almost a third of a frame early or late, for three seconds."""
    limit = RateLimit()
    passed = sum(limit.allows(hz, (n + j) / 30) for n, j in enumerate(jitter))
    assert passed <= 3 * hz + 2
    if hz >= 30:
        assert passed == 90
    elif 30 % hz == 0:
        assert passed >= 3 * hz


def test_a_pause_does_not_save_up_for_a_burst() -> None:
    limit = RateLimit()
    assert limit.allows(10, 0)
    assert [n for n in range(41) if limit.allows(10, 100 + n / 100)] == [0, 4, 14, 24, 34]


def test_a_limit_that_changes_counts_at_once() -> None:
    limit = RateLimit()
    assert limit.allows(0.01, 0)
    assert not limit.allows(0.01, 5)
    assert limit.allows(10, 5)
    assert not limit.allows(10, 5.01)
    assert limit.allows(0, 5.01)
