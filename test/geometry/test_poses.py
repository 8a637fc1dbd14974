# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.errors import PoseError
from foundation_stereo_ros.geometry.poses import check_pose, is_known, motion, pose_distance

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
