# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.errors import ConfigError, PoseError
from foundation_stereo_ros.geometry.poses import (
    Trajectory,
    between,
    check_pose,
    in_optical_axes,
    is_known,
    jump,
    motion,
    pose_distance,
    pose_from_quaternion,
    quaternion_of,
)

CASE = np.load(Path(__file__).parents[1] / "data" / "video_keyframes.npz")


def turned(angle: float, translation: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> np.ndarray:
    pose = np.eye(4)
    pose[:2, :2] = ((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle)))
    pose[:3, 3] = translation
    return pose


def test_distance_is_the_published_one() -> None:
    for (first, second), expected in zip(CASE["pose_distance_pairs"], CASE["pose_distance"], strict=True):
        found = pose_distance(CASE["poses"][first], CASE["poses"][second])
        np.testing.assert_allclose(found, expected, rtol=1e-9)


@settings(deadline=None)
@given(st.floats(-1, 1), st.floats(-3, 3), st.floats(-3, 3))
def test_motion_takes_points_from_camera_to_camera(angle: float, x: float, z: float) -> None:
    source, target = turned(angle, (x, 0.5, z)), turned(-angle, (z, x, 0.0))
    point = np.array((0.3, -0.2, 2.0, 1.0))
    np.testing.assert_allclose(target @ motion(source, target) @ point, source @ point, atol=1e-9)


def test_small_rotations_count_about_0_82_of_their_angle() -> None:
    assert pose_distance(turned(0.0), turned(0.1)).rotation == pytest.approx(0.0816, abs=1e-4)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_lost_pose_is_not_known(value: float) -> None:
    pose = np.eye(4)
    pose[1, 2] = value
    assert not is_known(pose)
    assert is_known(np.eye(4))


@pytest.mark.parametrize(
    ("pose", "message"),
    [
        (np.eye(3), r"shape \(3, 3\); expected \(4, 4\)"),
        (2 * np.eye(4), "last row"),
        (np.diag((2.0, 2, 2, 1)), "perpendicular"),
        (np.diag((1.0, 1, -1, 1)), "mirrors"),
        (np.full((4, 4), np.nan), "last row"),
    ],
)
def test_what_is_no_pose_is_named(pose: np.ndarray, message: str) -> None:
    with pytest.raises(PoseError, match=message):
        check_pose(pose)
    assert check_pose(turned(0.3, (1, 2, 3))).dtype == np.float64


def _turned(angle: float) -> np.ndarray:
    pose = np.eye(4)
    pose[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return pose


def test_half_way_is_half_the_turn_and_half_the_way() -> None:
    then = _turned(1.0)
    then[:3, 3] = (2.0, 0.0, -4.0)
    half = between(np.eye(4), then, 0.5)
    expected = _turned(0.5)
    expected[:3, 3] = (1.0, 0.0, -2.0)
    np.testing.assert_allclose(half, expected, atol=1e-12)


@given(st.floats(-3, 3), st.floats(0, 1))
@settings(deadline=None)
def test_what_is_between_poses_is_one(angle: float, share: float) -> None:
    check_pose(between(_turned(0.3), _turned(angle), share))


def test_a_quaternion_is_read_as_ros_has_it() -> None:
    pose = pose_from_quaternion((1, 2, 3), (0, 0, 2 * np.sin(0.35), 2 * np.cos(0.35)))  # of any length
    expected = _turned(0.7)
    expected[:3, 3] = (1, 2, 3)
    np.testing.assert_allclose(pose, expected, atol=1e-12)
    with pytest.raises(PoseError, match="a quaternion x, y, z, w that is not 0"):
        pose_from_quaternion((1, 2, 3), (0, 0, 0, 0))


def test_a_trajectory_ends_at_its_ends_and_in_gaps() -> None:
    way = Trajectory([2.0, 0.0, 1.0, 9.0], [_turned(x) for x in (0.2, 0.0, 0.1, 0.9)], gap=1.5)
    assert way.span == (0.0, 9.0)
    found = way.at(1.5)
    assert found is not None
    np.testing.assert_allclose(found, _turned(0.15), atol=1e-12)
    np.testing.assert_allclose(way.at(9.0), _turned(0.9))
    assert way.at(-0.1) is None
    assert way.at(5.0) is None
    assert way.at(9.1) is None


@pytest.mark.parametrize(
    ("axes", "forward"),
    [("opencv", (0, 0, 1)), ("opengl", (0, 0, -1)), ("ros", (1, 0, 0))],
)
def test_the_camera_looks_along_its_axis(axes: str, forward: tuple[int, ...]) -> None:
    """Of a camera without rotation: where its optical z axis points to, in the file's world."""
    pose = np.eye(4)
    pose[:3, 3] = (1000, 0, 0)
    optical = in_optical_axes(pose, axes, metres=0.001)
    np.testing.assert_allclose(optical[:3, 2], forward)
    np.testing.assert_allclose(optical[:3, 3], (1, 0, 0))
    check_pose(optical)


def test_unknown_axes_are_named() -> None:
    with pytest.raises(ConfigError, match="pose_axes is 'blender'; expected one of opencv, opengl, ros"):
        in_optical_axes(np.eye(4), "blender")


def test_a_jump_is_in_metres_and_degrees() -> None:
    after = _turned(np.pi / 4)
    after[:3, 3] = (3, 4, 0)
    assert jump(np.eye(4), after) == pytest.approx((5.0, 45.0))


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 0.1))
def test_quaternions_come_back(quaternion: list[float]) -> None:
    pose = pose_from_quaternion((1, 2, 3), quaternion)
    found = quaternion_of(pose)
    assert found[3] >= 0
    np.testing.assert_allclose(pose_from_quaternion((1, 2, 3), found), pose, atol=1e-12)


def test_half_turns_have_quaternions_too() -> None:
    for axis in np.eye(3):
        found = quaternion_of(pose_from_quaternion((0, 0, 0), (*axis, 0)))
        np.testing.assert_allclose(np.abs(found), (*axis, 0), atol=1e-9)
