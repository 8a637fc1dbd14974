# SPDX-License-Identifier: Apache-2.0
import array
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rosbags.typesys import Stores, get_typestore

from foundation_stereo_ros.errors import CalibrationError
from foundation_stereo_ros.geometry.calibration import stereo_camera
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.ros.messages.camera_info import (
    calibration_numbers,
    decode_camera_info,
    encode_camera_info,
)

CAMERA = Camera(640, 480, 500.0, 510.0, 320.5, 239.5)
NUMBERS = {
    "d": np.array((-0.3, 0.1, 0.001, 0.002, 0.01)),
    "k": np.array((501.0, 0, 321, 0, 502, 241, 0, 0, 1)),
    "r": np.array((0.0, 1, 0, -1, 0, 0, 0, 0, 1)),
    "p": np.array((500.0, 0, 320, -60, 0, 500, 240, 0, 0, 0, 1, 0)),
}


def info(types, header, **changes):
    roi = types.RegionOfInterest(x_offset=10, y_offset=20, height=40, width=30, do_rectify=True)
    fields = {
        "header": header,
        "height": 480,
        "width": 640,
        "distortion_model": "plumb_bob",
        "binning_x": 2,
        "binning_y": 4,
        "roi": roi,
        **NUMBERS,
    }
    return types.CameraInfo(**{**fields, **changes})


def check(found) -> None:
    assert (found.width, found.height, found.distortion_model) == (640, 480, "plumb_bob")
    assert (found.binning_x, found.binning_y, found.roi) == (2, 4, (10, 20, 30, 40))
    assert (found.do_rectify, found.frame_id) == (True, "left_optical")
    np.testing.assert_array_equal(found.d, NUMBERS["d"])
    np.testing.assert_array_equal(found.k, NUMBERS["k"].reshape(3, 3))
    np.testing.assert_array_equal(found.r, NUMBERS["r"].reshape(3, 3))
    np.testing.assert_array_equal(found.p, NUMBERS["p"].reshape(3, 4))


def test_every_field_is_read(types, header, sent) -> None:
    check(decode_camera_info(sent(info(types, header))))


def test_numbers_are_the_same_where_all_but_the_header_is(types, header, sent) -> None:
    numbers = calibration_numbers(sent(info(types, header)))
    assert calibration_numbers(sent(info(types, replace_frame(types, header)))) == numbers
    for change in (
        {"width": 641},
        {"distortion_model": "equidistant"},
        {"binning_x": 1},
        {"d": np.zeros(5)},
        {"p": NUMBERS["p"] * 2},
        {"roi": types.RegionOfInterest(x_offset=11, y_offset=20, height=40, width=30, do_rectify=True)},
    ):
        assert calibration_numbers(sent(info(types, header, **change))) != numbers


def replace_frame(types, header):
    return types.Header(stamp=header.stamp, frame_id="another")


def test_upper_case_names_of_ros_1_are_read() -> None:
    store = get_typestore(Stores.ROS1_NOETIC)
    stamp = store.types["builtin_interfaces/msg/Time"](sec=1, nanosec=2)
    roi = store.types["sensor_msgs/msg/RegionOfInterest"](
        x_offset=10, y_offset=20, height=40, width=30, do_rectify=True
    )
    message = store.types["sensor_msgs/msg/CameraInfo"](
        header=store.types["std_msgs/msg/Header"](seq=0, stamp=stamp, frame_id="left_optical"),
        height=480,
        width=640,
        distortion_model="plumb_bob",
        binning_x=2,
        binning_y=4,
        roi=roi,
        **{name.upper(): values for name, values in NUMBERS.items()},
    )
    name = "sensor_msgs/msg/CameraInfo"
    check(decode_camera_info(store.deserialize_ros1(bytes(store.serialize_ros1(message, name)), name)))


@pytest.mark.parametrize("kind", [list, tuple, lambda values: array.array("d", values)])
def test_numbers_as_other_libraries_hold_them(types, header, kind) -> None:
    check(decode_camera_info(info(types, header, **{name: kind(v) for name, v in NUMBERS.items()})))


def test_a_calibration_is_no_alias_of_the_message(types, header) -> None:
    message = info(types, header, k=NUMBERS["k"].copy())
    found = decode_camera_info(message)
    message.k[:] = 0
    assert found.k[0, 0] == 501


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"width": 0, "height": 0}, "camera_info is for 0 x 0 pixels"),
        ({"p": np.zeros(9)}, "P has 9 values; expected 12"),
        ({"k": np.zeros(0)}, "K has 0 values; expected 9"),
        ({"k": np.full(9, np.nan)}, "K is .*expected finite"),
    ],
)
def test_malformed_infos(types, header, changes, words) -> None:
    with pytest.raises(CalibrationError, match=words):
        decode_camera_info(info(types, header, **changes))


def test_the_info_beside_a_depth_image(types, header, sent) -> None:
    found = sent(encode_camera_info(types, header, CAMERA))
    assert found.header == header
    assert (found.width, found.height, found.distortion_model) == (640, 480, "plumb_bob")
    np.testing.assert_array_equal(found.k, (500, 0, 320.5, 0, 510, 239.5, 0, 0, 1))
    np.testing.assert_array_equal(found.p, (500, 0, 320.5, 0, 0, 510, 239.5, 0, 0, 0, 1, 0))
    np.testing.assert_array_equal(found.r, np.eye(3).ravel())
    assert not found.d.any()
    assert (found.binning_x, found.binning_y, found.roi.width, found.roi.height) == (0, 0, 0, 0)


def test_k_and_p_follow_the_published_grid(types, header, sent) -> None:
    # A peer publishes the camera's unscaled info beside a scaled image, another forgets cx and cy.
    found = sent(encode_camera_info(types, header, CAMERA.scaled(320, 120), tx=-30.0))
    assert (found.width, found.height) == (320, 120)
    np.testing.assert_array_equal(found.k, (250, 0, 160.25, 0, 127.5, 59.875, 0, 0, 1))
    np.testing.assert_array_equal(found.p, (250, 0, 160.25, -30, 0, 127.5, 59.875, 0, 0, 0, 1, 0))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0.01, 5), st.floats(50, 3000), st.integers(1, 4000), st.integers(1, 3000))
def test_a_rig_survives_encoding_and_scaling(types, header, sent, baseline, focal, width, height) -> None:
    left = Camera(640, 480, focal, focal, 320.5, 239.5).scaled(width, height)
    right = replace(left, cx=left.cx + 3)
    messages = [
        sent(encode_camera_info(types, header, camera, tx))
        for camera, tx in ((left, 0.0), (right, -right.fx * baseline))
    ]
    pair = [decode_camera_info(message) for message in messages]
    stereo = stereo_camera(*pair, image_size=(width, height))
    assert (stereo.left, stereo.right) == (left, right)
    assert stereo.baseline == pytest.approx(baseline)
    assert not any(calibration.needs_rectification for calibration in pair)


def test_rclpy_gets_arrays_that_it_takes_unchecked(types, header) -> None:
    rclpy_like = replace(types, floats=lambda values: array.array("d", values))
    assert encode_camera_info(rclpy_like, header, CAMERA).d == array.array("d", (0,) * 5)
