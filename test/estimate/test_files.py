# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from open3d_here import load_open3d

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.cloud import Cloud
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.files import parse_kinds, write_result
from foundation_stereo_ros.estimate.prediction import Prediction, StereoMatch
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.io.pictures import write_depth_png, write_png
from foundation_stereo_ros.io.ply import write_ply

CLOUD = Cloud(
    np.array([(0.5, -1.25, 2.0), (1e-3, 0, 65.0)], np.float32), np.array([(255, 0, 1), (2, 3, 4)], np.uint8)
)


def result(confidence: bool = False) -> Prediction:
    rgb = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    left = Camera(8, 6, fx=10.0, fy=11.0, cx=4.0, cy=3.0)
    stereo = StereoRig(left, Camera(8, 6, 10.0, 11.0, 3.5, 3.0), 0.1)
    disparity = np.linspace(0.2, 2, 48, dtype=np.float32).reshape(6, 8)
    valid = disparity > 0.5
    depth = np.where(valid, 1 / disparity, np.nan).astype(np.float32)
    sure = disparity / 2 if confidence else None
    return Prediction(rgb, depth, left, sure, StereoMatch(disparity, stereo))


def test_a_picture_keeps_its_colours(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", result().image)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "a.png"))[..., ::-1], result().image)


def test_depth_is_in_whole_millimetres_and_zero_where_unknown(tmp_path: Path) -> None:
    depth = np.array([[1.2344, 1.2346, np.nan, np.inf, -1.0, 65.535, 65.536, 0.0004]], np.float32)
    write_depth_png(tmp_path / "depth.png", depth)
    stored = cv2.imread(str(tmp_path / "depth.png"), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    assert stored[0].tolist() == [1234, 1235, 0, 0, 0, 65535, 0, 0]


def test_ply_is_binary_little_endian_with_colours(tmp_path: Path) -> None:
    write_ply(tmp_path / "cloud.ply", CLOUD.points, CLOUD.colors)
    header, body = (tmp_path / "cloud.ply").read_bytes().split(b"end_header\n")
    lines = header.decode().splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"] and "element vertex 2" in lines
    assert [line.split()[1:] for line in lines if line.startswith("property")] == [
        ["float", "x"],
        ["float", "y"],
        ["float", "z"],
        ["uchar", "red"],
        ["uchar", "green"],
        ["uchar", "blue"],
    ]
    stored = np.frombuffer(body, [("xyz", "<f4", 3), ("rgb", "u1", 3)])
    np.testing.assert_array_equal(stored["xyz"], CLOUD.points)
    np.testing.assert_array_equal(stored["rgb"], CLOUD.colors)


def test_open3d_reads_the_ply(tmp_path: Path) -> None:
    open3d = load_open3d()
    write_ply(tmp_path / "cloud.ply", CLOUD.points, CLOUD.colors)
    cloud = open3d.io.read_point_cloud(str(tmp_path / "cloud.ply"))
    np.testing.assert_allclose(np.asarray(cloud.points), CLOUD.points)
    np.testing.assert_allclose(np.asarray(cloud.colors) * 255, CLOUD.colors, atol=1e-6)


@pytest.mark.parametrize("confidence", [False, True])
def test_every_kind_is_written_under_its_name(tmp_path: Path, confidence: bool) -> None:
    kinds = ("npz", "png", "ply")
    written = write_result(tmp_path / "out", result(confidence), PipelineConfig(), kinds, prefix="000012_")
    names = (
        ["left.png", "disparity.png", "depth.png"]
        + ["confidence.png"] * confidence
        + ["cloud.ply", "result.npz"]
    )
    assert [path.name for path in written] == ["000012_" + name for name in names]
    assert sorted(written) == sorted((tmp_path / "out").iterdir())


def test_only_what_was_asked_for_is_written(tmp_path: Path) -> None:
    written = write_result(tmp_path, result(), PipelineConfig(), ("ply",))
    assert written == [tmp_path / "cloud.ply"] == list(tmp_path.iterdir())


def test_the_arrays_have_the_promised_names(tmp_path: Path) -> None:
    write_result(tmp_path, result(), PipelineConfig(), ("npz",))
    with np.load(tmp_path / "result.npz", allow_pickle=False) as stored:
        assert set(stored) == {"disparity", "depth", "valid", "K", "baseline", "doffs"}
        np.testing.assert_array_equal(stored["disparity"], result().disparity)
        np.testing.assert_array_equal(stored["depth"], result().depth)
        np.testing.assert_array_equal(stored["valid"], result().valid)
        assert stored["K"].tolist() == [[10, 0, 4], [0, 11, 3], [0, 0, 1]]
        assert (stored["baseline"], stored["doffs"]) == (0.1, 0.5)
        k, depth = stored["K"], stored["baseline"] * stored["K"][0, 0] / stored["disparity"]
        assert k.dtype == np.float64
        np.testing.assert_allclose(stored["depth"][stored["valid"]], depth[stored["valid"]], rtol=1e-6)
    write_result(tmp_path, result(confidence=True), PipelineConfig(), ("npz",))
    with np.load(tmp_path / "result.npz", allow_pickle=False) as stored:
        assert stored["confidence"].shape == (6, 8)


def test_the_clouds_stride_reaches_the_file(tmp_path: Path) -> None:
    write_result(tmp_path, result(), PipelineConfig(cloud_stride=3), ("ply",))
    valid = int(result().valid[::3, ::3].sum())
    assert f"element vertex {valid}\n".encode() in (tmp_path / "cloud.ply").read_bytes()


def test_kinds_are_read_from_a_list_of_words() -> None:
    assert parse_kinds(" PNG,npz,png,") == ("png", "npz")
    assert parse_kinds("") == ()
    with pytest.raises(ConfigError, match="unknown export 'pcd'; expected some of png,ply,npz"):
        parse_kinds("png,pcd")
