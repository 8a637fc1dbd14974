# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.ros.sync import SIDES, Side
from foundation_stereo_ros.ros.sync.matching import StampMatcher


def pairing(tolerance_ns: int = 0, queue_size: int = 30) -> StampMatcher[int]:
    return StampMatcher(SIDES, tolerance_ns, queue_size)


def push_all(matcher: StampMatcher[int], events: list[tuple[Side, int]]) -> list[tuple[int, int]]:
    """Push stamps as their own items and return all pairs."""
    matches = [matcher.push(side, stamp, stamp) for side, stamp in events]
    return [(match["left"], match["right"]) for match in matches if match is not None]


def interleaved(draw: st.DrawFn, left: list[int], right: list[int]) -> list[tuple[Side, int]]:
    turns = draw(st.permutations(["left"] * len(left) + ["right"] * len(right)))
    streams = {"left": iter(left), "right": iter(right)}
    return [(side, next(streams[side])) for side in turns]  # type: ignore[misc]


@st.composite
def two_streams(draw: st.DrawFn) -> list[tuple[Side, int]]:
    stamps = st.lists(st.integers(0, 200), max_size=12, unique=True).map(sorted)
    return interleaved(draw, draw(stamps), draw(stamps))


@st.composite
def one_rig(draw: st.DrawFn) -> tuple[list[int], list[tuple[Side, int]]]:
    stamps = sorted(draw(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=12, unique=True)))
    return stamps, interleaved(draw, stamps, stamps)


def test_equal_stamps_pair_without_tolerance() -> None:
    assert push_all(pairing(), [("right", 5), ("left", 5)]) == [(5, 5)]


def test_unequal_stamps_do_not_pair_without_tolerance() -> None:
    matcher = pairing()
    assert push_all(matcher, [("left", 5), ("right", 6)]) == []
    assert matcher.waiting == {"left": 1, "right": 1}


def test_the_nearest_stamp_within_the_tolerance_is_taken() -> None:
    assert push_all(pairing(10), [("left", 0), ("left", 8), ("left", 20), ("right", 10)]) == [(8, 10)]


def test_a_difference_of_exactly_the_tolerance_pairs() -> None:
    assert push_all(pairing(10), [("left", 0), ("right", 10)]) == [(0, 10)]
    assert push_all(pairing(10), [("left", 0), ("right", 11)]) == []


@given(one_rig(), st.sampled_from([0, 3, 10**6]))
def test_streams_with_equal_stamps_pair_completely(rig: tuple[list[int], list], tolerance: int) -> None:
    stamps, events = rig
    matcher = pairing(tolerance)
    assert push_all(matcher, events) == [(stamp, stamp) for stamp in stamps]
    assert matcher.unmatched == {"left": 0, "right": 0}


@given(two_streams(), st.integers(0, 60), st.integers(1, 5))
def test_items_are_used_once_in_order_within_tolerance_and_all_accounted_for(
    events: list[tuple[Side, int]], tolerance: int, queue_size: int
) -> None:
    matcher = pairing(tolerance, queue_size)
    pairs = push_all(matcher, events)
    assert all(abs(left - right) <= tolerance for left, right in pairs)
    for index, side in enumerate(SIDES):
        used = [pair[index] for pair in pairs]
        assert used == sorted(set(used))
        pushed = sum(1 for s, _ in events if s == side)
        assert pushed == len(used) + matcher.unmatched[side] + matcher.waiting[side]
        assert matcher.waiting[side] <= queue_size


def test_a_stamp_that_comes_again_replaces_the_first() -> None:
    matcher: StampMatcher[str] = StampMatcher(SIDES)
    matcher.push("left", 1, "old")
    matcher.push("left", 1, "new")
    assert matcher.push("right", 1, "right") == {"left": "new", "right": "right"}
    assert matcher.unmatched == {"left": 1, "right": 0}


@pytest.mark.parametrize("tolerance", [0, 4])
@pytest.mark.parametrize("queue_size", [1, 2, 30])
@given(laps=st.integers(2, 4), lag=st.integers(0, 3))
def test_a_looped_recording_keeps_pairing(tolerance: int, queue_size: int, laps: int, lag: int) -> None:
    """The right stream lags, so at each loop one is in the new lap, the other still in the old one."""
    lag = min(lag, queue_size - 1)
    stamps = [10 * i for i in range(20)] * laps
    matcher = pairing(tolerance, queue_size)
    events: list[tuple[Side, int]] = []
    for i in range(len(stamps) + lag):
        events += [("left", stamps[i])] if i < len(stamps) else []
        events += [("right", stamps[i - lag])] if i >= lag else []
    pairs = push_all(matcher, events)
    assert matcher.time_jumps == laps - 1
    # The lag's items of the old lap are lost on both sides at each loop; nothing else is.
    assert len(pairs) == len(stamps) - lag * (laps - 1)
    assert all(left == right for left, right in pairs)


def test_leftovers_from_before_a_jump_back_do_not_stall_the_pairing() -> None:
    matcher = pairing(queue_size=1)
    push_all(matcher, [("right", 1000)])
    assert push_all(matcher, [("left", 0), ("right", 0), ("left", 10), ("right", 10)]) == [(0, 0), (10, 10)]
    assert matcher.unmatched == {"left": 0, "right": 1}


def test_a_hiccup_of_one_stream_does_not_stop_the_pairing() -> None:
    matcher = pairing()
    push_all(matcher, [("left", 10), ("left", 9)])
    assert push_all(matcher, [("right", 20), ("left", 20), ("left", 30), ("right", 30)]) == [
        (20, 20),
        (30, 30),
    ]


def test_drop_counts_what_was_waiting() -> None:
    matcher = pairing()
    push_all(matcher, [("left", 1), ("left", 2), ("right", 3)])
    matcher.drop()
    assert matcher.unmatched == {"left": 2, "right": 1}
    assert matcher.waiting == {"left": 0, "right": 0}
    assert push_all(matcher, [("left", 4), ("right", 4)]) == [(4, 4)]
    assert matcher.time_jumps == 0
    assert push_all(matcher, [("left", 1), ("right", 1)]) == [(1, 1)]
    assert matcher.time_jumps == 1


def test_each_stream_can_jump_by_itself() -> None:
    matcher = pairing()
    push_all(matcher, [("left", 5), ("right", 5), ("left", 3), ("left", 6), ("right", 6)])
    assert matcher.time_jumps == 1
    push_all(matcher, [("right", 4), ("left", 7), ("right", 7)])
    assert matcher.time_jumps == 2


@given(st.data(), st.integers(1, 4))
def test_any_number_of_streams_with_equal_stamps_match_where_all_have_one(
    data: st.DataObject, count: int
) -> None:
    streams = [f"s{number}" for number in range(count)]
    drawn = st.lists(st.integers(0, 12), max_size=10, unique=True).map(sorted)
    stamps = {stream: data.draw(drawn) for stream in streams}
    turns = data.draw(st.permutations([stream for stream in streams for _ in stamps[stream]]))
    following = {stream: iter(stamps[stream]) for stream in streams}
    matcher: StampMatcher[int] = StampMatcher(streams)
    matches = []
    for stream in turns:
        stamp = next(following[stream])
        match = matcher.push(stream, stamp, stamp)
        matches += [match] if match else []
    common = sorted(set.intersection(*(set(own) for own in stamps.values())))
    assert matches == [dict.fromkeys(streams, stamp) for stamp in common]


def test_the_first_stream_is_the_one_that_the_others_have_to_be_near() -> None:
    matcher: StampMatcher[int] = StampMatcher(["image", "pose", "range"], tolerance_ns=10)
    for stream, stamp in (("pose", 90), ("pose", 98), ("range", 110)):
        assert matcher.push(stream, stamp, stamp) is None
    assert matcher.push("image", 100, 100) == {"image": 100, "pose": 98, "range": 110}
    for stream, stamp in (("pose", 200), ("range", 210)):
        assert matcher.push(stream, stamp, stamp) is None
    assert matcher.push("image", 212, 212) is None
    assert matcher.push("pose", 219, 219) == {"image": 212, "pose": 219, "range": 210}
    assert matcher.unmatched == {"image": 0, "pose": 2, "range": 0}


def test_senseless_limits_are_refused() -> None:
    with pytest.raises(ConfigError, match="tolerance_ns is -1"):
        pairing(-1)
    with pytest.raises(ConfigError, match="queue_size is 0"):
        pairing(queue_size=0)
    for streams in ([], ["left", "left"]):
        with pytest.raises(ConfigError, match="streams is"):
            StampMatcher(streams)
