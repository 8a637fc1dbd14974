# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.calibration import read_camera_info

K = [600.0, 0.0, 320.0, 0.0, 610.0, 240.0, 0.0, 0.0, 1.0]
R = [0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]
P = [500.0, 0.0, 318.0, -60.0, 0.0, 500.0, 242.0, 0.0, 0.0, 0.0, 1.0, 0.0]
D = [0.1, -0.2, 0.001, 0.002, 0.05]

PARSERS_FILE = {
    "image_width": 640,
    "image_height": 480,
    "camera_name": "right",
    "camera_matrix": {"rows": 3, "cols": 3, "data": K},
    "distortion_model": "plumb_bob",
    "distortion_coefficients": {"rows": 1, "cols": 5, "data": D},
    "rectification_matrix": {"rows": 3, "cols": 3, "data": R},
    "projection_matrix": {"rows": 3, "cols": 4, "data": P},
}
ROS2_MESSAGE = {
    "header": {"stamp": {"sec": 1, "nanosec": 2}, "frame_id": "right_optical"},
    "height": 480,
    "width": 640,
    "distortion_model": "plumb_bob",
    "d": D,
    "k": K,
    "r": R,
    "p": P,
    "binning_x": 0,
}


def text_file(folder: Path, text: str, name: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def in_ros1_spelling(message: dict) -> dict:
    return {name.upper() if len(name) == 1 else name: value for name, value in message.items()}


@pytest.mark.parametrize(
    "text",
    [
        yaml.safe_dump(PARSERS_FILE),
        yaml.safe_dump(ROS2_MESSAGE) + "---\n" + yaml.safe_dump({"width": 1}) + "---\n",
        yaml.safe_dump(in_ros1_spelling(ROS2_MESSAGE)),
    ],
)
def test_camera_info_is_read_in_all_its_spellings(tmp_path: Path, text: str) -> None:
    info = read_camera_info(text_file(tmp_path, text, "right.yaml"))
    assert (info.width, info.height, info.distortion_model) == (640, 480, "plumb_bob")
    np.testing.assert_array_equal(info.d, D)
    np.testing.assert_array_equal(info.k, np.reshape(K, (3, 3)))
    np.testing.assert_array_equal(info.r, np.reshape(R, (3, 3)))
    np.testing.assert_array_equal(info.p, np.reshape(P, (3, 4)))
    assert info.needs_rectification


def test_a_bare_camera_matrix_means_no_distortion_and_no_rotation(tmp_path: Path) -> None:
    text = yaml.safe_dump({"width": 640, "height": 480, "k": K})
    info = read_camera_info(text_file(tmp_path, text, "left.yaml"))
    assert not info.needs_rectification
    np.testing.assert_array_equal(info.p[:, :3], info.k)
    assert (info.p[:, 3] == 0).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2]", "is not a CameraInfo: expected names and values"),
        ("---\n", "is not a CameraInfo"),
        ("a: [", "is not YAML"),
        ("image_width: 4\n", "it has no height or image_height, k or K or camera_matrix"),
        ("{width: 4, height: 3, k: [1, 2]}", "k has 2 values; expected 9"),
        ("{width: 4, height: 3, k: [a, 0, 0, 0, 1, 0, 0, 0, 1]}", "k is .*; expected numbers"),
        (
            "{width: 4.5, height: 3, k: [1, 0, 0, 0, 1, 0, 0, 0, 1]}",
            "width is 4.5; expected a positive number",
        ),
    ],
)
def test_other_yaml_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(FileFormatError, match=words):
        read_camera_info(text_file(tmp_path, text, "left.yaml"))


def test_yaml_cannot_run_code(tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    text = (
        f"width: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{trap}']]\n"
    )
    with pytest.raises(FileFormatError, match="is not YAML"):
        read_camera_info(text_file(tmp_path, text, "left.yaml"))
    assert not trap.exists()


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"cannot read .*none\.yaml: No such file"):
        read_camera_info(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileFormatError, match="is not a text file"):
        read_camera_info(tmp_path / "binary.yaml")
