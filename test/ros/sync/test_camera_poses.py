# SPDX-License-Identifier: Apache-2.0
"""Images that wait for the poses of their camera."""

from __future__ import annotations

import numpy as np
import pytest

from foundation_stereo_ros.geometry.poses import pose_from_quaternion
from foundation_stereo_ros.ros.sync.camera_poses import CameraPoses, HeldBack, Posed, two_clocks
from foundation_stereo_ros.ros.sync.pose_track import NoPose

TENTH = 10**8


def shifted(x: float, y: float = 0.0) -> np.ndarray:
    return pose_from_quaternion((x, y, 0), (0, 0, 0, 1))


def told(posed: list[Posed[str]]) -> list[tuple[str, object]]:
    return [
        (one.item, one.pose.reason if isinstance(one.pose, NoPose) else round(one.pose[0, 3], 6))
        for one in posed
    ]


def test_a_body_carries_the_camera_by_transforms_or_by_what_is_given() -> None:
    by_tree, given = CameraPoses(), CameraPoses(mount=shifted(0, 0.5))
    by_tree.push_transform("base", "camera", 0, shifted(0, 0.5), static=True)
    for poses in (by_tree, given):
        poses.push_body("base", 0, shifted(1))
        poses.push_body("base", TENTH, shifted(2))
        found = poses.at("camera", TENTH // 2)
        assert not isinstance(found, NoPose)
        np.testing.assert_allclose(found, shifted(1.5, 0.5), atol=1e-12)
        assert poses.span == (0, TENTH)
    answer = by_tree.at("elsewhere", 0)
    assert isinstance(answer, NoPose)
    assert answer.why.startswith("no transforms lead from 'elsewhere' to 'base'")


def test_a_body_in_the_tree_may_carry_a_camera_that_is_not() -> None:
    poses = CameraPoses(fixed="map", body="base", mount=shifted(0, 0.5))
    poses.push_transform("map", "base", 0, shifted(3))
    found = poses.at("whatever", 0)
    assert not isinstance(found, NoPose)
    np.testing.assert_allclose(found, shifted(3, 0.5))


def moving() -> tuple[CameraPoses, HeldBack[str]]:
    poses = CameraPoses(fixed="map")
    return poses, HeldBack(poses, most=3, patience_ns=10 * TENTH)


def test_images_wait_for_poses_and_leave_in_order() -> None:
    poses, held = moving()
    poses.push_transform("map", "camera", 0, shifted(0))
    assert told(held.push(0, "camera", "a")) == [("a", 0.0)]
    assert held.push(TENTH, "camera", "b") == []
    assert held.push(2 * TENTH, "camera", "c") == []
    poses.push_transform("map", "camera", 3 * TENTH // 2, shifted(1.5))
    assert told(held.release()) == [("b", 1.0)]
    assert held.release() == []
    poses.push_transform("map", "camera", 6 * TENTH, shifted(6))
    assert told(held.release()) == [("c", "gap")]


def test_too_many_do_not_wait() -> None:
    _, held = moving()
    waiting = [held.push(number * TENTH, "camera", str(number)) for number in range(5)]
    assert [told(done) for done in waiting] == [
        [],
        [],
        [],
        [("0", "not connected")],
        [("1", "not connected")],
    ]
    assert len(held) == 3


def test_none_waits_too_long() -> None:
    _, held = moving()
    assert held.push(0, "camera", "a") == []
    assert told(held.push(11 * TENTH, "camera", "b")) == [("a", "not connected")]
    assert told(held.finish()) == [("b", "not connected")]
    assert len(held) == 0


@pytest.mark.parametrize(
    ("images", "poses", "apart"),
    [
        ((0, 5 * TENTH), (4 * TENTH, 9 * TENTH), False),
        ((0, 5 * TENTH), None, False),
        ((0, 5 * TENTH), (6 * TENTH, 9 * TENTH), True),
        ((10 * TENTH, 15 * TENTH), (6 * TENTH, 9 * TENTH), True),
    ],
)
def test_two_clocks_are_told_by_their_ranges(images, poses, apart: bool) -> None:
    assert bool(two_clocks(images, poses)) == apart
    if apart:
        assert two_clocks((0, TENTH), (9 * TENTH, 10 * TENTH)) == (
            "the images have stamps from 0.000 to 0.100 s, the poses from 0.900 to 1.000 s; expected "
            "stamps of one clock"
        )
