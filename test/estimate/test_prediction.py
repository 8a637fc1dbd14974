# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foundation_stereo_ros.errors import ConfigError, ImageError
from foundation_stereo_ros.estimate.config import CloudSettings
from foundation_stereo_ros.estimate.prediction import Prediction, StereoMatch
from foundation_stereo_ros.geometry.camera import Camera, StereoRig

CAMERA = Camera(4, 3, fx=10.0, fy=20.0, cx=1.0, cy=1.0)
DEPTH = np.full((3, 4), np.nan, np.float32)
DEPTH[2, 3], DEPTH[0, 1] = 5.0, 2.0
PREDICTION = Prediction(np.zeros((3, 4, 3), np.uint8), DEPTH, CAMERA)


def test_points_lie_where_the_camera_sees_them() -> None:
    points = PREDICTION.points()
    assert points.shape == (3, 4, 3) and points.dtype == np.float32
    np.testing.assert_allclose(points[2, 3], (1.0, 0.25, 5.0), atol=1e-6)
    np.testing.assert_allclose(points[0, 1], (0.0, -0.1, 2.0), atol=1e-6)
    np.testing.assert_array_equal(np.isnan(points).all(axis=-1), ~PREDICTION.valid)
    assert PREDICTION.valid.sum() == 2


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("image", {"image": np.zeros((3, 5, 3), np.uint8)}),
        ("depth", {"depth": np.zeros((4, 3), np.float32)}),
        ("confidence", {"confidence": np.zeros((2, 4), np.float32)}),
        (
            "disparity",
            {"match": StereoMatch(np.zeros((3, 3), np.float32), StereoRig(CAMERA, CAMERA, 0.1))},
        ),
    ],
)
def test_all_arrays_share_the_cameras_grid(name: str, change: dict[str, Any]) -> None:
    with pytest.raises(ImageError, match=rf"{name} is \(.*\); expected \(3, 4\)"):
        dataclasses.replace(PREDICTION, **change)


def test_saving_makes_the_folder_and_tells_the_files(tmp_path: Path) -> None:
    written = PREDICTION.save(tmp_path / "a" / "b")
    assert {path.name for path in written} == {"left.png", "depth.png", "cloud.ply", "result.npz"}
    assert all(path.is_file() and path.parent == tmp_path / "a" / "b" for path in written)


def test_saving_takes_kinds_as_words_or_as_one_text(tmp_path: Path) -> None:
    assert PREDICTION.save(str(tmp_path), "ply") == [tmp_path / "cloud.ply"]
    assert PREDICTION.save(tmp_path, ["npz"]) == [tmp_path / "result.npz"]
    with pytest.raises(ConfigError, match="unknown export 'obj'; expected some of png,ply,npz"):
        PREDICTION.save(tmp_path, ["obj"])


def test_saving_follows_the_clouds_settings(tmp_path: Path) -> None:
    (path,) = PREDICTION.save(tmp_path, "ply", CloudSettings(cloud_stride=2))
    assert b"element vertex 0\n" in path.read_bytes()
    (path,) = PREDICTION.save(tmp_path, "ply")
    assert b"element vertex 2\n" in path.read_bytes()
