# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from foundation_stereo_ros.estimate.stopwatch import Stopwatch


def test_laps_are_kept_in_order_and_repeats_are_summed() -> None:
    watch = Stopwatch()
    for stage in ("b", "a", "b"):
        watch.lap(stage)
    assert list(watch.seconds) == ["b", "a"]
    assert all(seconds >= 0 for seconds in watch.seconds.values())
