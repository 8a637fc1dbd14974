# SPDX-License-Identifier: Apache-2.0
"""A tree of frames whose composition is known."""

from __future__ import annotations

import numpy as np
import pytest

from foundation_stereo_ros.errors import PoseError
from foundation_stereo_ros.geometry.poses import pose_from_quaternion
from foundation_stereo_ros.ros.sync.pose_track import NoPose
from foundation_stereo_ros.ros.sync.transform_tree import TransformTree

SECOND = 10**9
QUARTER = (0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5))  # a quarter turn from x to y


def shifted(x: float, y: float = 0.0, z: float = 0.0) -> np.ndarray:
    return pose_from_quaternion((x, y, z), (0, 0, 0, 1))


def robot(rate: int = 10, seconds: int = 2) -> TransformTree:
    """Of map, odom (10 m along y, a quarter turned), base (drives 1 m/s along odom's x), left and right."""
    tree = TransformTree()
    tree.push("base", "left", 0, shifted(0, 0.1), static=True)
    tree.push("/base", "/right", 0, shifted(0, -0.1), static=True)
    for number in range(seconds * rate + 1):
        stamp = number * SECOND // rate
        tree.push("map", "odom", stamp, pose_from_quaternion((0, 10, 0), QUARTER))
        tree.push("odom", "base", stamp, shifted(number / rate))
    return tree


def test_a_chain_is_composed_at_the_time_asked_for() -> None:
    found = robot().lookup("map", "left", SECOND + 50_000_000)
    assert not isinstance(found, NoPose)
    # In odom it is at (1.05, 0.1); a quarter turn makes that (-0.1, 1.05).
    np.testing.assert_allclose(found[:3, 3], (-0.1, 11.05, 0), atol=1e-12)
    np.testing.assert_allclose(found[:3, :3] @ (1, 0, 0), (0, 1, 0), atol=1e-12)


def test_up_and_down_again_and_both_ways() -> None:
    tree = robot()
    one, back = tree.lookup("left", "right", 7), tree.lookup("right", "left", 7)
    assert not isinstance(one, NoPose)
    assert not isinstance(back, NoPose)
    np.testing.assert_allclose(one, shifted(0, -0.2), atol=1e-12)
    np.testing.assert_allclose(one @ back, np.eye(4), atol=1e-12)
    down, up = tree.lookup("left", "map", SECOND), tree.lookup("/map", "/left", SECOND)
    assert not isinstance(down, NoPose)
    assert not isinstance(up, NoPose)
    np.testing.assert_allclose(down @ up, np.eye(4), atol=1e-12)
    np.testing.assert_array_equal(tree.lookup("left", "left", 7), np.eye(4))


def test_moving_frames_that_both_hang_below_a_third_need_it_not() -> None:
    """Between two frames, what is above both plays no part, whatever its gaps."""
    tree = robot()
    tree.push("odom", "other", SECOND, shifted(5))
    found = tree.lookup("base", "other", SECOND)
    assert not isinstance(found, NoPose)
    np.testing.assert_allclose(found, shifted(4), atol=1e-12)


@pytest.mark.parametrize(
    ("target", "source", "stamp", "reason", "why"),
    [
        ("map", "left", 3 * SECOND, "not yet", "the last pose of 'base' in 'odom' is at 2.000 s"),
        ("map", "left", -1, "too old", "the first pose of 'base' in 'odom' that is kept is at 0.000 s"),
        ("world", "left", 0, "not connected", "'left' is below 'map', no transform names 'world'"),
        ("map", "tool", 0, "not connected", "no transform names 'tool', 'map' is a root"),
    ],
)
def test_where_there_is_none_it_says_why(target: str, source: str, stamp: int, reason: str, why: str) -> None:
    answer = robot().lookup(target, source, stamp)
    assert isinstance(answer, NoPose)
    assert answer.reason == reason
    assert why in answer.why


def test_what_waiting_cannot_mend_is_told_first() -> None:
    tree = robot()
    tree.push("odom", "base", 4 * SECOND, shifted(4))  # odom in map is known up to 2 s
    answer = tree.lookup("map", "left", 3 * SECOND)
    assert isinstance(answer, NoPose)
    assert (answer.reason, answer.final) == ("gap", True)


def test_where_time_goes_back_what_moves_is_forgotten_and_what_is_static_stays() -> None:
    tree = robot(seconds=5)
    tree.push("odom", "base", SECOND, shifted(7))
    answer = tree.lookup("map", "left", SECOND)  # odom in map is of the time before the jump
    assert isinstance(answer, NoPose)
    assert answer.reason == "not yet"
    tree.push("map", "odom", SECOND, shifted(0))
    found = tree.lookup("map", "left", SECOND)
    assert not isinstance(found, NoPose)
    np.testing.assert_allclose(found, shifted(7, 0.1), atol=1e-12)


def test_a_frame_that_gets_another_parent_hangs_there() -> None:
    tree = robot()
    tree.push("lift", "base", SECOND, shifted(0, 0, 3))
    found = tree.lookup("lift", "left", SECOND)
    assert not isinstance(found, NoPose)
    np.testing.assert_allclose(found, shifted(0, 0.1, 3), atol=1e-12)
    assert not tree.connected("map", "left")
    answer = tree.lookup("lift", "left", 2 * SECOND)
    assert isinstance(answer, NoPose)
    assert "given two parents, 'odom' and 'lift'" in answer.why


def test_a_loop_ends() -> None:
    tree = TransformTree()
    for parent, child in (("a", "b"), ("b", "c"), ("c", "a")):
        tree.push(parent, child, 0, shifted(1), static=True)
    assert not tree.connected("a", "elsewhere")
    assert tree.connected("a", "c")


@pytest.mark.parametrize(("parent", "child"), [("a", "a"), ("", "b"), ("a", ""), ("a", "/a")])
def test_a_transform_needs_two_frames(parent: str, child: str) -> None:
    with pytest.raises(PoseError, match="expected two frames"):
        TransformTree().push(parent, child, 0, np.eye(4))


def test_frames_are_bounded() -> None:
    tree = TransformTree()
    with pytest.raises(PoseError, match="there are more frames than 1000; 'f1000' is not taken"):
        for number in range(1001):
            tree.push("root", f"f{number}", 0, np.eye(4), static=True)
    tree.push("root", "f7", 0, shifted(1), static=True)
