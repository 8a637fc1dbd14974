# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses

import pytest

from foundation_stereo_ros.ros.live.statistics import LiveStatistics


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_times_of_lately_have_their_median_and_95th_percentile() -> None:
    clock = Clock()
    statistics = LiveStatistics(window=10, clock=clock)
    for n in range(101):
        clock.now += 0.05
        statistics.note_result(n / 10, n / 100, {"decode": n / 1000, "network": 1.0})
    snapshot = statistics.snapshot()
    assert snapshot.latency == pytest.approx((5.0, 9.5))
    assert snapshot.compute == pytest.approx((0.5, 0.95))
    assert list(snapshot.stages) == ["decode", "network"]
    assert snapshot.stages["decode"] == pytest.approx((0.05, 0.095))
    assert snapshot.output_rate == pytest.approx(20, rel=0.02)
    assert (snapshot.results, snapshot.recent_results, snapshot.result_age) == (101, 101, 0)


def test_without_a_clock_there_is_no_latency() -> None:
    statistics = LiveStatistics()
    statistics.note_result(None, 0.5, {})
    snapshot = statistics.snapshot()
    assert (snapshot.latency, snapshot.compute, snapshot.results) == (None, pytest.approx((0.5, 0.5)), 1)


def test_what_is_long_ago_counts_only_in_the_totals() -> None:
    clock = Clock()
    statistics = LiveStatistics(window=10, clock=clock)
    statistics.note_result(1, 1, {"network": 1})
    statistics.note_rejected("bad encoding")
    clock.now += 10.5
    snapshot = statistics.snapshot()
    assert (snapshot.results, snapshot.rejected, snapshot.reason) == (1, 1, "bad encoding")
    assert (snapshot.output_rate, snapshot.recent_results, snapshot.recent_rejected) == (0, 0, 0)
    assert (snapshot.latency, snapshot.compute, dict(snapshot.stages)) == (None, None, {})
    assert snapshot.result_age == pytest.approx(10.5)


def test_counters() -> None:
    statistics = LiveStatistics()
    statistics.note_rejected("one")
    statistics.note_rejected("two")
    for reason in ("disabled", "rate limit", "rate limit"):
        statistics.note_skipped(reason)
    statistics.note_saved()
    snapshot = statistics.snapshot()
    assert (snapshot.rejected, snapshot.recent_rejected, snapshot.reason, snapshot.saved) == (2, 2, "two", 1)
    assert snapshot.skipped == {"no subscriber": 0, "disabled": 1, "rate limit": 2}


def test_a_snapshot_does_not_change() -> None:
    statistics = LiveStatistics()
    before = statistics.snapshot()
    statistics.note_skipped("disabled")
    statistics.note_result(1, 1, {"network": 1})
    assert (before.results, before.skipped["disabled"], dict(before.stages)) == (0, 0, {})
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.results = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        before.skipped["disabled"] = 3  # type: ignore[index]


def test_a_restart_forgets_the_times_and_keeps_the_counters() -> None:
    clock = Clock()
    statistics = LiveStatistics(clock=clock)
    statistics.note_result(1, 1, {})
    statistics.note_rejected("bad")
    clock.now += 5
    statistics.restart()
    snapshot = statistics.snapshot()
    assert (snapshot.results, snapshot.rejected) == (1, 1)
    assert (snapshot.latency, snapshot.recent_rejected, snapshot.result_age) == (None, 0, 0)
