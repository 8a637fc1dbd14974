# SPDX-License-Identifier: Apache-2.0
"""Other topics, raw images that the node rectifies, and a distribution whose cv_bridge does not load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foundation_stereo_ros.ros.messages.point_cloud import decode_points

pytestmark = pytest.mark.ros

SIDES = ("left", "right")
RAW = "S/image_rect:=S/image_raw"
DISTORTION = [-0.3, 0.1, 0.0, 0.0, 0.0]


@pytest.fixture
def picture(small_scene: Path) -> np.ndarray:
    with np.load(small_scene) as scene:
        return scene["left"]


def shows(picture: np.ndarray, cloud: Any) -> bool:
    """Whether the colours of all points are those of the picture, pixel by pixel."""
    points, colors = decode_points(cloud)
    known = np.isfinite(points).all(axis=-1)
    assert known.any()
    return bool((colors[known] == picture[known]).all())


def remapped(*rules: str) -> tuple[str, ...]:
    """Return the words of ``--ros-args`` for rules in which S stands for left and right."""
    return tuple(word for rule in rules for side in SIDES for word in ("-r", rule.replace("S", side)))


def test_camera_info_is_looked_for_beside_a_remapped_image(stage) -> None:
    node = stage.node(words=remapped("S/image_rect:=/robot/S_eye/picture"))
    points = node.hear("points2")
    topics = ("S/image_rect:=/robot/S_eye/picture", "S/camera_info:=/robot/S_eye/camera_info")
    stage.camera(words=remapped(*topics))
    points.wait_for()


def test_raw_images_are_rectified(stage, picture) -> None:
    """They are told by their topic and the distortion, and the parameter has the last word."""
    node = stage.node(words=remapped(RAW))
    points = node.hear("points2")
    camera = stage.camera(words=remapped(RAW), d=DISTORTION)
    points.wait_for(count=2)
    assert not shows(picture, points.messages[-1])
    assert node.set(rectification="off") == []
    node.log.wait_for(1, r"\[WARN\].*rectification is off")
    points.next(lambda cloud: shows(picture, cloud))
    assert node.set(rectification="auto") == []
    points.next(lambda cloud: not shows(picture, cloud))
    camera.send(d=[0.0] * 5)
    points.next(lambda cloud: shows(picture, cloud))


def test_rectified_images_beside_the_info_of_raw_ones_are_left_alone(stage, picture) -> None:
    """As image_proc publishes them."""
    node = stage.node()
    points = node.hear("points2")
    stage.camera(d=DISTORTION)
    points.wait_for(count=2)
    assert shows(picture, points.messages[-1])
    assert node.set(rectification="on") == []
    points.next(lambda cloud: not shows(picture, cloud))


def test_without_cv_bridge(stage, tmp_path, picture) -> None:
    """As where it was built for another NumPy; said once, and the images are decoded all the same."""
    import os

    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "cv_bridge.py").write_text("raise ImportError('numpy.core.multiarray failed to import')\n")
    path = os.pathsep.join([str(broken), os.environ.get("PYTHONPATH", "")])
    node = stage.node(environment={"PYTHONPATH": path})
    points = node.hear("points2")
    stage.camera()
    points.wait_for(count=3)
    assert shows(picture, points.messages[-1])
    (line,) = node.log.wait_for(1, "cv_bridge")
    assert "without cv_bridge (ImportError: numpy.core.multiarray failed to import)" in line


def test_calibrations_that_were_sent_once_before_the_start(stage) -> None:
    """And never again, to a node that also takes those which come with every image."""
    camera = stage.camera(qos="latched", count=1)
    camera.said.wait_for(1, r"^\d+$")
    camera.send(infos=(), count=-1)
    node = stage.node()
    node.hear("points2").wait_for(count=2)
    report = node.reports(lambda r: r.message.startswith("running"))
    assert (report.level, report.count("time jumps")) == (0, 0)
    for log in (node.log, camera.log):
        assert "incompatible" not in str(log) and "WARN" not in str(log)


def test_images_of_different_sizes_are_called_that(stage) -> None:
    node = stage.node()
    node.hear("points2")
    stage.camera(right_rows=8)
    report = node.reports(lambda r: r.level == 2)
    assert "left image is 64 x 48 and right image is 64 x 40 pixels; expected the same size" in report.message


def test_images_without_a_frame_are_reported(stage) -> None:
    node = stage.node()
    node.hear("points2")
    stage.camera(framed=False)
    report = node.reports(lambda r: r.message.startswith("running"))
    assert report.level == 1
    assert "; /stereo/left/image_rect: the images have an empty frame_id" in report.message


def test_what_ends_the_start_names_the_node_in_full(stage) -> None:
    node = stage.node(namespace="/rig1", parameters={"scale": 7.0})
    assert node.wait() == 1
    fatal = node.log.wait_for(1, "FATAL")
    assert len(fatal) == 1
    assert "[rig1.stereo_node]: scale is 7.0; expected" in fatal[0]
