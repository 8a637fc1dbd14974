# SPDX-License-Identifier: Apache-2.0
"""Poses of one thing, asked for at other times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.geometry.poses import pose_from_quaternion
from foundation_stereo_ros.ros.sync.pose_track import NoPose, PoseTrack

SECOND = 10**9
T0 = 1_700_000_000 * SECOND


def placed(seconds: float) -> np.ndarray:
    """Return the pose of what goes 2 m and turns 0.5 radians about z each second."""
    half = 0.25 * seconds
    return pose_from_quaternion((2 * seconds, 0, 0), (0, 0, np.sin(half), np.cos(half)))


def track(*seconds: float, gap: float = 0.2, keep: float = 10.0) -> PoseTrack:
    made = PoseTrack("it", round(gap * SECOND), round(keep * SECOND))
    for time in seconds:
        made.push(T0 + round(time * SECOND), placed(time))
    return made


def asked(poses: PoseTrack, seconds: float) -> np.ndarray | NoPose:
    return poses.at(T0 + round(seconds * SECOND))


@given(st.floats(0, 1))
@settings(deadline=None)
def test_between_two_poses_it_turns_and_goes_steadily(seconds: float) -> None:
    poses = track(*np.arange(0, 1.01, 0.1))
    np.testing.assert_allclose(asked(poses, seconds), placed(seconds), atol=1e-6)


@pytest.mark.parametrize(
    ("seconds", "reason", "why"),
    [
        (1.05, "not yet", "the last pose of it is at 1700000001.000 s"),
        (-0.05, "too old", "the first pose of it that is kept is at 1700000000.000 s"),
        (
            0.5,
            "gap",
            "the poses of it at 1700000000.100 and 1700000000.900 s are 0.800 s apart; expected at most "
            "0.2 s",
        ),
    ],
)
def test_where_there_is_none_it_says_why(seconds: float, reason: str, why: str) -> None:
    answer = asked(track(0.0, 0.1, 0.9, 1.0), seconds)
    assert isinstance(answer, NoPose)
    assert (answer.reason, answer.why) == (reason, why)
    assert answer.final == (reason != "not yet")


def test_before_the_first_pose_one_may_still_come() -> None:
    answer = asked(track(), 0.0)
    assert isinstance(answer, NoPose)
    assert (answer.reason, answer.why, answer.final) == ("not yet", "no pose of it has come", False)


def test_poses_may_come_late_and_twice() -> None:
    poses = track(0.0, 0.2, 0.1, 0.3, 0.2, 0.1)
    for seconds in (0.05, 0.15, 0.25):
        np.testing.assert_allclose(asked(poses, seconds), placed(seconds), atol=1e-6)


def test_where_time_goes_back_earlier_poses_are_forgotten() -> None:
    poses = track(50.0, 50.1, 0.0, 0.1)
    np.testing.assert_allclose(asked(poses, 0.05), placed(0.05), atol=1e-6)
    answer = asked(poses, 50.05)
    assert isinstance(answer, NoPose)
    assert answer.reason == "not yet"


def test_memory_is_bounded_in_time_and_number() -> None:
    poses = track(*np.arange(0, 30, 0.1), keep=5.0)
    answer = asked(poses, 24.0)
    assert isinstance(answer, NoPose)
    assert answer.reason == "too old"
    assert not isinstance(asked(poses, 25.0), NoPose)
    quick = track(*np.arange(0, 1, 1e-4))
    answer = asked(quick, 0.5)
    assert isinstance(answer, NoPose)
    assert answer.reason == "too old"
