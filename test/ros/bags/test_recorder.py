# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import cv2
import numpy as np
import pytest

from foundation_stereo_ros.geometry.calibration import stereo_camera
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.ros.bags.reader import Recording
from foundation_stereo_ros.ros.bags.storage import decode
from foundation_stereo_ros.ros.bags.writer import BagWriter, StereoRecorder
from foundation_stereo_ros.ros.messages.camera_info import decode_camera_info
from foundation_stereo_ros.ros.messages.images import decode_image
from foundation_stereo_ros.ros.messages.stereo_topics import find_stereo

DATA = Path(__file__).parents[3] / "shared" / "data"


def check(path: Path, stereo: StereoRig, left: np.ndarray, right: np.ndarray) -> None:
    size = (left.shape[1], left.shape[0])
    with BagWriter(path) as writer:
        StereoRecorder(writer, stereo).add(left, right, 12_345_678_901)
    with Recording(path) as recording:
        topics = find_stereo(recording.topics)
        found = {message.topic.name: decode(message) for message in recording.messages()}
    np.testing.assert_array_equal(decode_image(found[topics.left]), left)
    np.testing.assert_array_equal(decode_image(found[topics.right]), right)
    infos = [decode_camera_info(found[name]) for name in (topics.left_info, topics.right_info)]
    assert stereo_camera(*infos, image_size=size) == stereo
    assert topics.namespace == "/stereo"
    assert {(m.header.stamp.sec, m.header.stamp.nanosec) for m in found.values()} == {(12, 345_678_901)}


def test_what_is_recorded_is_found_again(tmp_path) -> None:
    left = np.random.default_rng(0).integers(0, 256, (4, 6, 3)).astype(np.uint8)
    cameras = (Camera(6, 4, 10.0, 11.0, 2.5, 1.5), Camera(6, 4, 10.0, 11.0, 3.5, 1.5))
    check(tmp_path / "one.mcap", StereoRig(*cameras, 0.25), left, left[:, ::-1].copy())


@pytest.mark.skipif(not DATA.is_dir(), reason="needs real images")
@pytest.mark.parametrize("name", ["tsukuba", "cones"])
def test_real_pairs(tmp_path, name) -> None:
    left, right = (
        cv2.imread(str(DATA / f"{name}_{side}.png"))[..., ::-1].copy() for side in ("left", "right")
    )
    camera = Camera(left.shape[1], left.shape[0], 400.0, 400.0, left.shape[1] / 2, left.shape[0] / 2)
    check(tmp_path / f"{name}.mcap", StereoRig(camera, camera, 0.1), left, right)
