# SPDX-License-Identifier: Apache-2.0
"""Which topics are a camera and its poses."""

from __future__ import annotations

import pytest

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.ros.messages.cdr import Schema
from foundation_stereo_ros.ros.messages.topics import Topic
from foundation_stereo_ros.ros.messages.video_topics import find_camera, find_poses

TYPES = {
    "image": "sensor_msgs/msg/Image",
    "compressed": "sensor_msgs/msg/CompressedImage",
    "info": "sensor_msgs/msg/CameraInfo",
    "tf": "tf2_msgs/msg/TFMessage",
    "old_tf": "tf/msg/tfMessage",
    "odom": "nav_msgs/msg/Odometry",
    "pose": "geometry_msgs/msg/PoseStamped",
}


def topics(**named: str) -> list[Topic]:
    """Return topics; each name in a text, of the type that the argument says."""
    return [
        Topic(name, Schema(TYPES[kind]), count=3) for kind, names in named.items() for name in names.split()
    ]


@pytest.mark.parametrize(
    ("image", "compressed", "info", "expected"),
    [
        ("/camera/image_raw", "", "/camera/camera_info", "/camera/image_raw"),
        ("/cam/image_raw /cam/image_rect", "", "/cam/camera_info", "/cam/image_rect"),
        ("/cam/depth/image_rect /cam/color/image_raw", "", "/cam/color/camera_info", "/cam/color/image_raw"),
        ("", "/cam/image_raw/compressed", "/cam/camera_info", "/cam/image_raw/compressed"),
        ("/bare/image_rect /cam/image_raw", "", "/cam/camera_info", "/cam/image_raw"),
    ],
)
def test_the_best_camera_with_a_calibration_is_taken(
    image: str, compressed: str, info: str, expected: str
) -> None:
    found = find_camera(topics(image=image, compressed=compressed, info=info))
    assert (found.image, found.image_info) == (expected, info)


def test_outputs_belong_beside_the_images() -> None:
    for image in ("/cam/color/image_raw", "/cam/color/image_raw/compressed"):
        found = find_camera(topics(compressed=image), image=image, calibrated=False)
        assert found.namespace == "/cam/color"
        assert found.infos == {}
    assert find_camera(topics(image="/image"), calibrated=False).namespace == ""


def test_what_is_not_taken_is_named() -> None:
    found = find_camera(topics(image="/a/image /b/image", info="/a/camera_info /b/camera_info"))
    assert found.note == "images of /a/image are taken; there are also /b/image"
    assert find_camera(topics(image="/a/image /b/image"), image="/b/image", calibrated=False).note == ""


@pytest.mark.parametrize(
    ("tf", "odom", "pose", "moving", "static", "bodies"),
    [
        ("/tf /tf_static", "", "", ("/tf",), ("/tf_static",), []),
        ("/robot/tf /tf", "", "", ("/tf",), (), []),
        ("/robot/tf /robot/tf_static", "", "", ("/robot/tf",), ("/robot/tf_static",), []),
        ("", "/odom", "/pose", (), (), ["/odom", "/pose"]),
        ("", "", "/move_base_simple/goal /goal_pose /vio/pose", (), (), ["/vio/pose"]),
    ],
)
def test_transforms_of_one_namespace_and_poses_of_bodies(tf, odom, pose, moving, static, bodies) -> None:
    found = find_poses(topics(tf=tf, odom=odom, pose=pose))
    assert (found.moving, found.static, list(found.bodies)) == (moving, static, bodies)


def test_a_named_topic_is_taken_whatever_its_name() -> None:
    there = topics(tf="/tf /robot/tf /robot/tf_static", pose="/goal_pose")
    assert list(find_poses(there, "/goal_pose").bodies) == ["/goal_pose"]
    assert find_poses(there, "robot/tf").static == ("/robot/tf_static",)
    assert find_poses(topics(old_tf="/tf")).moving == ("/tf",)


def test_no_poses_are_told_with_what_there_is() -> None:
    with pytest.raises(BagError, match=r"nothing tells where the camera is; (.|\n)*/cam/image") as caught:
        find_poses(topics(image="/cam/image"))
    assert caught.value.remedies == ({"pose_topic": "TOPIC"},)
