# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo video`` on folders of images with poses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from open3d_here import load_open3d
from posed_scenes import small_clip, small_network, write_deepvideomvs

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.weights import save_checkpoint


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_checkpoint(path, small_network())
    return path


def _run(folder: Path, output: Path, weights: Path, *more: str) -> int:
    words = ["video", str(folder), "-o", str(output), "--checkpoint", str(weights), "--size", "64x96"]
    return main([*words, "--device", "cpu", *more])


def test_each_keyframe_gets_its_files(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_deepvideomvs(tmp_path / "in", small_clip(), lost=(3,))
    assert _run(tmp_path / "in", tmp_path / "out", weights, "--export", "npz,png,ply") == 0
    names = sorted(path.name for path in (tmp_path / "out").glob("*.npz"))
    assert names == ["00001.npz", "00002.npz", "00004.npz", "00005.npz"]
    content = np.load(tmp_path / "out" / "00002.npz")
    assert content["depth"].shape == (96, 128)
    assert content["K"][0, 0] == pytest.approx(small_clip().camera.fx)
    there = {path.name.partition("_")[2] for path in (tmp_path / "out").glob("00002_*")}
    assert there == {"image.png", "depth.png", "cloud.ply"}
    said = capsys.readouterr().out
    assert "4 depth maps from 6 frames" in said
    assert "frames without a pose: 1" in said


def test_poses_in_another_convention_are_found_out(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = small_clip(6, 1, 120, 160)
    write_deepvideomvs(tmp_path / "in", clip)
    opengl = [pose @ np.diag((1.0, -1.0, -1.0, 1.0)) for pose in clip.poses]
    np.savetxt(tmp_path / "in" / "poses.txt", [pose.ravel() for pose in opengl])
    assert _run(tmp_path / "in", tmp_path / "out", weights) == 0
    said = capsys.readouterr().err
    assert "y up and z backwards (opengl)" in said
    assert "they are taken as that" in said
    assert _run(tmp_path / "in", tmp_path / "told", weights, "--pose-axes", "opengl") == 0
    assert "opengl" not in capsys.readouterr().err
    for name in ("00001.npz", "00004.npz"):
        one, other = (np.load(tmp_path / folder / name)["depth"] for folder in ("out", "told"))
        np.testing.assert_array_equal(one, other)


def test_a_camera_that_does_not_move_is_told(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = small_clip()
    write_deepvideomvs(tmp_path / "in", clip)
    np.savetxt(tmp_path / "in" / "poses.txt", [clip.poses[0].ravel()] * 6)
    assert _run(tmp_path / "in", tmp_path / "out", weights) == 3
    assert "the camera does not move: its poses lie within 0.0 mm" in capsys.readouterr().err


def test_intrinsics_may_be_given(tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = small_clip()
    write_deepvideomvs(tmp_path / "in", clip)
    (tmp_path / "in" / "K.txt").rename(tmp_path / "camera.txt")
    (tmp_path / "in" / "poses.txt").rename(tmp_path / "in" / "trajectory.txt")
    assert _run(tmp_path / "in", tmp_path / "out", weights) == 1
    assert "has no intrinsics (--intrinsics)" in capsys.readouterr().err
    assert _run(tmp_path / "in", tmp_path / "out", weights, "--intrinsics", str(tmp_path / "camera.txt")) == 0


def test_results_are_not_mixed_with_others(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_deepvideomvs(tmp_path / "in", small_clip())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep")
    assert _run(tmp_path / "in", tmp_path / "out", weights) == 1
    assert "is not empty (--force)" in capsys.readouterr().err
    assert _run(tmp_path / "in", tmp_path / "out", weights, "--force") == 0
    assert (tmp_path / "out" / "mine.txt").read_text() == "keep"


def test_all_depths_are_fused_into_one_mesh(tmp_path: Path, weights: Path) -> None:
    open3d = load_open3d()
    write_deepvideomvs(tmp_path / "in", small_clip())
    assert _run(tmp_path / "in", tmp_path / "out", weights, "--fuse", "--fuse-far", "20") == 0
    mesh = open3d.io.read_triangle_mesh(str(tmp_path / "out" / "mesh.ply"))
    assert len(mesh.vertices) > 100
    assert len(open3d.io.read_point_cloud(str(tmp_path / "out" / "cloud.ply")).points) > 100


def test_poses_that_are_none_and_damaged_images_are_left_out(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = small_clip()
    write_deepvideomvs(tmp_path / "in", clip)
    poses = [pose.ravel() for pose in clip.poses]
    poses[2] = np.zeros(16)
    np.savetxt(tmp_path / "in" / "poses.txt", poses)
    (tmp_path / "in" / "images" / "00003.png").write_bytes(b"no image")
    assert _run(tmp_path / "in", tmp_path / "out", weights) == 0
    shown = capsys.readouterr()
    assert "00002: the last row of a pose is" in shown.err
    assert "00003.png is not an image" in shown.err
    assert "left out: 2" in shown.out
    assert sorted(path.name for path in (tmp_path / "out").glob("*.npz")) == [
        "00001.npz",
        "00004.npz",
        "00005.npz",
    ]
