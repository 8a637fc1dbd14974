# SPDX-License-Identifier: Apache-2.0
"""Recordings of a clip of `posed_scenes`, with its poses as a robot would tell them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from foundation_stereo_ros.geometry.poses import AXES, Trajectory, pose_from_quaternion
from foundation_stereo_ros.ros.bags.qos import offered_profile
from foundation_stereo_ros.ros.bags.writer import BagWriter
from foundation_stereo_ros.ros.messages.camera_info import encode_camera_info
from foundation_stereo_ros.ros.messages.cdr import CAMERA_INFO, IMAGE, message_types, typestore
from foundation_stereo_ros.ros.messages.images import encode_image
from foundation_stereo_ros.ros.messages.stamps import header_of
from foundation_stereo_ros.scenes.moving.worlds import MovingClip

SECOND = 10**9
START = 1_700_000_000 * SECOND
STEP = SECOND // 2  # from image to image
TF, ODOMETRY, POSE = "tf2_msgs/msg/TFMessage", "nav_msgs/msg/Odometry", "geometry_msgs/msg/PoseStamped"
CAMERA, BODY = "camera_optical", "base_link"
MOUNT = pose_from_quaternion((0.3, -0.1, 0.2), (0.1, 0.2, -0.1, 0.95)) @ AXES["ros"]
"""Of the camera's optical frame in the body."""
LINK = pose_from_quaternion((0.3, -0.1, 0.2), (0.1, 0.2, -0.1, 0.95))
DRIFT = pose_from_quaternion((5.0, -3.0, 1.0), (0.0, 0.0, 0.6, 0.8))
"""Of odom in map."""


class Written(NamedTuple):
    """A message to be written."""

    log_time: int
    topic: str
    msgtype: str
    message: Any
    latched: bool = False


def xyz_q(pose: np.ndarray) -> list[float]:
    """Return x, y, z and the quaternion x, y, z, w of a pose."""
    turn = cv2.Rodrigues(pose[:3, :3])[0][:, 0]
    angle = float(np.linalg.norm(turn))
    axis = turn / angle if angle else turn
    return [*pose[:3, 3].tolist(), *(axis * np.sin(angle / 2)).tolist(), float(np.cos(angle / 2))]


def _header(stamp_ns: int, frame: str) -> Any:
    return header_of(message_types(), stamp_ns, frame)


def _types() -> dict[str, Any]:
    return dict(typestore().types)


def _pose(pose: np.ndarray | Sequence[float]) -> Any:
    types = _types()
    x, y, z, *q = pose if len(pose) == 7 else xyz_q(np.asarray(pose))
    place = types["geometry_msgs/msg/Point"](x=x, y=y, z=z)
    turn = types["geometry_msgs/msg/Quaternion"](*q)
    return types["geometry_msgs/msg/Pose"](position=place, orientation=turn)


def transform(stamp_ns: int, parent: str, child: str, pose: np.ndarray | Sequence[float]) -> Any:
    """Return a TransformStamped; a pose is a matrix, or seven numbers."""
    types, placed = _types(), _pose(pose)
    place = placed.position
    vector = types["geometry_msgs/msg/Vector3"](x=place.x, y=place.y, z=place.z)
    made = types["geometry_msgs/msg/Transform"](translation=vector, rotation=placed.orientation)
    return types["geometry_msgs/msg/TransformStamped"](
        header=_header(stamp_ns, parent), child_frame_id=child, transform=made
    )


def tf(*transforms: Any) -> Any:
    """Return a TFMessage."""
    return _types()[TF](transforms=list(transforms))


def odometry(stamp_ns: int, frame: str, child: str, pose: np.ndarray | Sequence[float]) -> Any:
    """Return an Odometry."""
    types = _types()
    zero = types["geometry_msgs/msg/Vector3"](x=0.0, y=0.0, z=0.0)
    twist = types["geometry_msgs/msg/Twist"](linear=zero, angular=zero)
    return types[ODOMETRY](
        header=_header(stamp_ns, frame),
        child_frame_id=child,
        pose=types["geometry_msgs/msg/PoseWithCovariance"](pose=_pose(pose), covariance=np.zeros(36)),
        twist=types["geometry_msgs/msg/TwistWithCovariance"](twist=twist, covariance=np.zeros(36)),
    )


def pose_stamped(stamp_ns: int, frame: str, pose: np.ndarray | Sequence[float]) -> Any:
    """Return a PoseStamped."""
    return _types()[POSE](header=_header(stamp_ns, frame), pose=_pose(pose))


def image_stamps(clip: MovingClip) -> list[int]:
    """Return the stamps of the images of a clip."""
    return [START + number * STEP for number in range(len(clip.images))]


def way(clip: MovingClip) -> Trajectory:
    """Return the camera's poses over time."""
    return Trajectory(image_stamps(clip), clip.poses, 10 * SECOND)


def images(clip: MovingClip, frame: str = CAMERA, topic: str = "/cam/image_rect") -> list[Written]:
    """Return the images of a clip, each with its camera_info."""
    written, types = [], message_types()
    info = topic.rpartition("/")[0] + "/camera_info"
    for stamp, image in zip(image_stamps(clip), clip.images, strict=True):
        header = _header(stamp, frame)
        made = encode_camera_info(types, header, clip.camera)
        written.append(Written(stamp, info, CAMERA_INFO, made))
        written.append(Written(stamp, topic, IMAGE, encode_image(types, header, image, "rgb8")))
    return written


def pose_stamps(clip: MovingClip, rate_hz: float = 20.0, phase_ns: int = 0) -> list[int]:
    """Return stamps from the first image's to the last one's."""
    first, last = image_stamps(clip)[0], image_stamps(clip)[-1]
    step = round(SECOND / rate_hz)
    return [*range(first + phase_ns, last + 1, step)]


def static_tf(stamp_ns: int = START) -> Written:
    """Return the place of the camera on the body, in two steps."""
    steps = tf(
        transform(stamp_ns, BODY, "camera_link", LINK),
        transform(stamp_ns, "camera_link", CAMERA, AXES["ros"]),
    )
    return Written(stamp_ns, "/tf_static", TF, steps, latched=True)


def moving_tf(clip: MovingClip, stamps: Iterable[int], late_ns: int = 0) -> list[Written]:
    """Return odom in map, and the body in odom, so that the camera is where the clip has it."""
    at, written = way(clip), []
    for stamp in stamps:
        camera = at.at(stamp)
        assert camera is not None
        body = np.linalg.inv(DRIFT) @ camera @ np.linalg.inv(MOUNT)
        steps = tf(transform(stamp, "map", "odom", DRIFT), transform(stamp, "odom", BODY, body))
        written.append(Written(stamp + late_ns, "/tf", TF, steps))
    return written


def body_poses(
    clip: MovingClip, stamps: Iterable[int], make: Callable[[int, np.ndarray], Any], topic: str, msgtype: str
) -> list[Written]:
    """Return the poses of the body as messages that ``make`` makes."""
    at = way(clip)
    return [Written(t, topic, msgtype, make(t, at.at(t) @ np.linalg.inv(MOUNT))) for t in stamps]


def write_recording(path: Path, messages: Iterable[Written]) -> Path:
    """Write messages in the order of their log times, in a chunk up to each image."""
    with BagWriter(path) as writer:
        for one in sorted(messages, key=lambda one: one.log_time):
            offered = offered_profile(latched=True) if one.latched else None
            writer.write(one.topic, one.msgtype, one.message, one.log_time, offered=offered)
            if one.msgtype == IMAGE:
                writer.flush()
    return path
