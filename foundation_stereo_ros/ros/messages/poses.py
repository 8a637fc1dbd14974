# SPDX-License-Identifier: Apache-2.0
"""Messages that tell where something is: tf2_msgs/TFMessage, nav_msgs/Odometry and those of geometry_msgs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from foundation_stereo_ros.errors import PoseError
from foundation_stereo_ros.geometry.poses import pose_from_quaternion
from foundation_stereo_ros.ros.messages.stamps import stamp_ns
from foundation_stereo_ros.shapes import Matrix

TRANSFORMS = ("tf2_msgs/msg/TFMessage", "tf/msg/tfMessage")
"""Types of /tf, the second one in old recordings of ROS 1."""

BODY_POSES = (
    "nav_msgs/msg/Odometry",
    "geometry_msgs/msg/PoseWithCovarianceStamped",
    "geometry_msgs/msg/PoseStamped",
    "geometry_msgs/msg/TransformStamped",
)
"""Types of a topic with the poses of one body."""


class PlacedFrame(NamedTuple):
    """Where a frame is.

    Attributes:
        parent: the frame that the pose is in.
        child: the frame whose pose it is; empty where the message does not say.
        stamp_ns: when.
        pose: 4 x 4, takes points from child to parent, metres.
    """

    parent: str
    child: str
    stamp_ns: int
    pose: Matrix


def decode_poses(message: Any, refuse: Callable[[PoseError], None]) -> Iterator[PlacedFrame]:
    """Yield the poses of a message of one of these types, whichever library made it.

    Args:
        message: with the fields of one of `TRANSFORMS` or `BODY_POSES`.
        refuse: is told of each pose that is none, as with a quaternion of zeros or a NaN; the others go on.
    """
    for one in message.transforms if hasattr(message, "transforms") else (message,):
        parent, child = str(one.header.frame_id), str(getattr(one, "child_frame_id", ""))
        if hasattr(one, "transform"):
            place, turn = one.transform.translation, one.transform.rotation
        else:
            pose = getattr(one.pose, "pose", one.pose)  # with a covariance around it
            place, turn = pose.position, pose.orientation
        try:
            matrix = pose_from_quaternion((place.x, place.y, place.z), (turn.x, turn.y, turn.z, turn.w))
        except PoseError as error:
            of = f" of {child!r}" if child else ""
            refuse(PoseError(f"at {stamp_ns(one.header) / 1e9:.3f} s{of} in {parent!r}: {error}"))
            continue
        yield PlacedFrame(parent, child, stamp_ns(one.header), matrix)
