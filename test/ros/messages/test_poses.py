# SPDX-License-Identifier: Apache-2.0
"""Messages that tell where something is, from their bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from posed_recordings import ODOMETRY, POSE, TF, odometry, pose_stamped, tf, transform, xyz_q

from foundation_stereo_ros.geometry.poses import pose_from_quaternion
from foundation_stereo_ros.ros.messages.cdr import deserialize, serialize, typestore
from foundation_stereo_ros.ros.messages.poses import PlacedFrame, decode_poses

STAMP = 1_700_000_000_123_456_789
PLACE = pose_from_quaternion((1, 2, 3), (0.1, -0.2, 0.3, 0.9))
TRANSFORM, COVARIANCE = (
    "geometry_msgs/msg/TransformStamped",
    "geometry_msgs/msg/PoseWithCovarianceStamped",
)


def sent(message: Any, msgtype: str) -> tuple[list[PlacedFrame], list[str]]:
    """Return what is read from the bytes of a message, and what is refused."""
    refused: list[str] = []
    received = deserialize(serialize(message, msgtype), msgtype, "/topic")
    return list(decode_poses(received, lambda error: refused.append(str(error)))), refused


def with_covariance() -> Any:
    types: dict[str, Any] = dict(typestore().types)
    told = odometry(STAMP, "map", "", PLACE)
    return types[COVARIANCE](header=told.header, pose=told.pose)


@pytest.mark.parametrize(
    ("message", "msgtype", "child"),
    [
        (odometry(STAMP, "map", "base", PLACE), ODOMETRY, "base"),
        (pose_stamped(STAMP, "map", PLACE), POSE, ""),
        (transform(STAMP, "map", "base", PLACE), TRANSFORM, "base"),
        (with_covariance(), COVARIANCE, ""),
        (tf(transform(STAMP, "map", "base", PLACE)), TF, "base"),
    ],
)
def test_each_type_tells_frames_stamp_and_pose(message: Any, msgtype: str, child: str) -> None:
    (placed,), refused = sent(message, msgtype)
    assert (placed.parent, placed.child, placed.stamp_ns) == ("map", child, STAMP)
    np.testing.assert_allclose(placed.pose, PLACE, atol=1e-12)
    assert refused == []


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0), "0, 0, 0, 0, 0, 0, 0"),
        ((np.nan, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0), "nan, 0, 0, 0, 0, 0, 1"),
        ((0.0, np.inf, 0.0, 0.0, 0.0, 0.0, 1.0), "0, inf, 0, 0, 0, 0, 1"),
        ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, np.nan), "0, 0, 0, 0, 0, 0, nan"),
    ],
)
def test_a_transform_that_is_none_costs_itself_alone(numbers: tuple[float, ...], shown: str) -> None:
    good = transform(STAMP, "map", "base", PLACE)
    bad = transform(STAMP, "map", "arm", numbers)
    placed, refused = sent(tf(good, bad, good), TF)
    assert [one.child for one in placed] == ["base", "base"]
    assert refused == [
        f"at 1700000000.123 s of 'arm' in 'map': a pose is {shown}; expected x, y, z and a quaternion "
        "x, y, z, w that is not 0"
    ]


def test_a_quaternion_of_any_length_is_one() -> None:
    x, y, z, *q = xyz_q(PLACE)
    (placed,), _ = sent(tf(transform(STAMP, "map", "base", [x, y, z, *(3 * part for part in q)])), TF)
    np.testing.assert_allclose(placed.pose, PLACE, atol=1e-12)
