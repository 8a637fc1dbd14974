# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from array import array

import numpy as np
import pytest

from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.ros.messages.camera_info import encode_camera_info
from foundation_stereo_ros.ros.messages.disparity import decode_disparity, encode_disparity
from foundation_stereo_ros.ros.messages.images import decode_image, encode_image
from foundation_stereo_ros.ros.messages.point_cloud import decode_points, encode_points

pytestmark = pytest.mark.ros

RNG = np.random.default_rng(3)
CAMERA = Camera(4, 3, 10.0, 11.0, 2.0, 1.5)


@pytest.fixture
def types():
    from foundation_stereo_ros.ros.node.message_types import ros_types

    return ros_types()


@pytest.fixture
def header():
    from builtin_interfaces.msg import Time
    from std_msgs.msg import Header

    return Header(stamp=Time(sec=7, nanosec=8), frame_id="left_optical")


def passed_on(message):
    """Return the message as a subscriber gets it."""
    from rclpy.serialization import deserialize_message, serialize_message

    return deserialize_message(serialize_message(message), type(message))


def test_image(types, header) -> None:
    rgb = RNG.integers(0, 256, (3, 4, 3), np.uint8)
    made = encode_image(types, header, rgb, "rgb8")
    assert isinstance(made.data, array) and made.data.typecode == "B"
    received = passed_on(made)
    assert received == made and received.header == header
    np.testing.assert_array_equal(decode_image(received), rgb)


def test_cloud(types, header) -> None:
    points = RNG.random((3, 4, 3), np.float32)
    rgb = RNG.integers(0, 256, (3, 4, 3), np.uint8)
    made = encode_points(types, header, points, rgb)
    assert isinstance(made.data, array) and made.data.typecode == "B"
    got_points, got_rgb = decode_points(passed_on(made))
    np.testing.assert_array_equal(got_points, points)
    np.testing.assert_array_equal(got_rgb, rgb)


def test_cloud_reads_as_one_with_the_tools_of_ros(types, header) -> None:
    point_cloud2 = pytest.importorskip("sensor_msgs_py.point_cloud2")
    points = RNG.random((3, 4, 3), np.float32)
    points[1, 2] = np.nan
    cloud = encode_points(types, header, points, np.zeros((3, 4, 3), np.uint8))
    read = point_cloud2.read_points(cloud, ("x", "y", "z"))
    np.testing.assert_array_equal(np.stack([read[axis] for axis in "xyz"], -1).reshape(points.shape), points)
    assert len(list(point_cloud2.read_points(cloud, ("x", "y", "z"), skip_nans=True))) == 11


def test_disparity(types, header) -> None:
    disparity = RNG.uniform(1, 5, (3, 4)).astype(np.float32)
    stereo = StereoRig(CAMERA, CAMERA, 0.1)
    made = encode_disparity(types, header, disparity, np.ones((3, 4), bool), stereo, 0.1, 100.0)
    values = decode_disparity(passed_on(made))
    np.testing.assert_array_equal(values.disparity, disparity)
    assert (values.focal, values.baseline) == (pytest.approx(10.0), pytest.approx(0.1))


def test_camera_info(types, header) -> None:
    made = encode_camera_info(types, header, CAMERA)
    assert isinstance(made.d, array) and made.d.typecode == "d"
    received = passed_on(made)
    assert received == made
    assert (received.k[0], received.k[4], received.width) == (10.0, 11.0, 4)


def test_bytes_are_never_looked_at_one_by_one(types) -> None:
    # The setter of the generated class raises for these when it looks at them.
    cloud = types.PointCloud2(height=1, width=1, data=np.arange(16, dtype=np.uint8))
    assert cloud.data.tobytes() == bytes(range(16))
