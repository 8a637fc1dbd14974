# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo video`` on folders of images with poses."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from open3d_here import load_open3d
from posed_scenes import small_clip, small_lean, small_network, write_deepvideomvs

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.scenes.moving.worlds import MovingClip
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
    assert there == {"image.png", "depth.png", "confidence.png", "cloud.ply"}
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


def _stopped_after(folder: Path, output: Path, weights: Path, files: int, *more: str) -> None:
    """Run until some files are there, then kill the process."""
    words = [sys.executable, "-m", "foundation_stereo_ros", "video", str(folder), "-o", str(output)]
    words += ["--checkpoint", str(weights), "--size", "64x96", "--device", "cpu", *more]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        end = time.monotonic() + 120
        while len(list(output.glob("*.npz"))) < files:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < end
            time.sleep(0.001)
    finally:
        process.kill()
        process.wait()


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name[0] != "."}


@pytest.mark.parametrize("kind", ["pairnet", "fusionnet", "lean", "all frames"])
def test_a_killed_run_goes_on_to_the_same_results(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = small_clip(24)
    write_deepvideomvs(tmp_path / "in", clip, lost=(5,))
    (tmp_path / "in" / "images" / "00003.png").write_bytes(b"no image")
    network = small_lean() if kind == "lean" else small_network(recurrent=kind != "pairnet")
    weights = tmp_path / "small.safetensors"
    save_checkpoint(weights, network)
    # Some frames are no keyframes, few are kept, and everything is forgotten once.
    more = ["--keyframe-distance", "0.2", "--keyframes", "3", "--jump-distance", "0.25"]
    more += ["--export", "npz,png"]
    if kind == "all frames":
        more.append("--every-frame")
    assert _run(tmp_path / "in", tmp_path / "once", weights, *more) == 0
    once = capsys.readouterr().out
    _stopped_after(tmp_path / "in", tmp_path / "out", weights, 5, *more)
    names = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("0*")}
    assert len(names) < len(list((tmp_path / "once").glob("0*")))
    assert _run(tmp_path / "in", tmp_path / "out", weights, *more, "--resume") == 0
    assert _contents(tmp_path / "out") == _contents(tmp_path / "once")
    assert capsys.readouterr().out.replace("/out", "/once") == once
    # The last one or two may have been written after the last note.
    same = [name for name, when in names.items() if (tmp_path / "out" / name).stat().st_mtime_ns == when]
    assert len(same) >= 3 * 3


def test_a_run_that_is_done_or_not_begun_may_be_resumed(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_deepvideomvs(tmp_path / "in", small_clip())
    assert _run(tmp_path / "in", tmp_path / "out", weights, "--resume") == 0
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.npz")}
    assert len(before) == 5
    assert _run(tmp_path / "in", tmp_path / "out", weights, "--resume") == 0
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.npz")} == before
    assert "going on after 6 of 6 frames" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["a result is gone", "the state is damaged", "the state is gone"])
def test_missing_results_are_made_again(tmp_path: Path, weights: Path, damage: str) -> None:
    write_deepvideomvs(tmp_path / "in", small_clip())
    assert _run(tmp_path / "in", tmp_path / "out", weights) == 0
    whole = _contents(tmp_path / "out")
    if damage == "a result is gone":
        (tmp_path / "out" / "00002.npz").unlink()
    elif damage == "the state is gone":
        (tmp_path / "out" / "run.state").unlink()
    else:
        (tmp_path / "out" / "run.state").write_bytes(whole["run.state"][:-7])
    assert _run(tmp_path / "in", tmp_path / "out", weights, "--resume") == 0
    assert _contents(tmp_path / "out") == whole


def test_results_of_another_run_are_not_gone_on_with(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_deepvideomvs(tmp_path / "in", small_clip())
    assert _run(tmp_path / "in", tmp_path / "out", weights) == 0
    whole = _contents(tmp_path / "out")

    def refused(*more: str) -> str:
        capsys.readouterr()
        assert _run(tmp_path / "in", tmp_path / "out", weights, "--resume", *more) == 1
        assert _contents(tmp_path / "out") == whole
        return capsys.readouterr().err

    assert "results with views 2, and now it is 3; expected the same settings" in refused("--views", "3")
    assert "with export 'npz', and now it is 'npz,png'" in refused("--export", "png,npz")
    assert "with metres 1.0, and now it is 0.5" in refused("--pose-scale", "0.5")
    (tmp_path / "K.txt").write_text("100 0 64 0 100 48 0 0 1")
    other = "results of other images, poses or intrinsics; expected those"
    assert other in refused("--intrinsics", str(tmp_path / "K.txt"))
    poses = tmp_path / "in" / "poses.txt"
    poses.write_text(poses.read_text().replace("1.000000", "1.000001", 1))
    assert other in refused()
    whole.pop("run.json")
    (tmp_path / "out" / "run.json").unlink()
    assert "has no run.json; expected results of an interrupted run" in refused()


def test_all_depths_are_fused_by_a_resumed_run_too(tmp_path: Path, weights: Path) -> None:
    load_open3d()
    write_deepvideomvs(tmp_path / "in", small_clip())
    fuse = ("--fuse", "--fuse-far", "20")
    assert _run(tmp_path / "in", tmp_path / "once", weights, *fuse) == 0
    assert _run(tmp_path / "in", tmp_path / "out", weights) == 0
    assert _run(tmp_path / "in", tmp_path / "out", weights, *fuse, "--resume") == 0
    assert _contents(tmp_path / "out") == _contents(tmp_path / "once")


def _calibrated_chain(folder: Path, clip: MovingClip) -> Path:
    """Write a chain whose second camera took the clip."""
    camera = clip.camera
    values = [camera.fx, camera.fy, camera.cx, camera.cy]
    size = [camera.width, camera.height]
    chain = {
        "cam0": {"camera_model": "pinhole", "intrinsics": [9.0, 9.0, 1.0, 1.0], "resolution": size},
        "cam1": {"camera_model": "pinhole", "intrinsics": list(map(float, values)), "resolution": size},
    }
    (folder / "camchain.yaml").write_text(yaml.safe_dump(chain))
    return folder / "camchain.yaml"


def test_a_camera_of_a_calibration_is_chosen_by_its_name(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = small_clip()
    write_deepvideomvs(tmp_path / "in", clip)
    chain = str(_calibrated_chain(tmp_path, clip))
    assert _run(tmp_path / "in", tmp_path / "own", weights) == 0
    assert _run(tmp_path / "in", tmp_path / "second", weights, "--intrinsics", chain, "--camera", "cam1") == 0
    assert "is used" not in capsys.readouterr().err
    for name in ("00001.npz", "00004.npz"):
        one, other = (np.load(tmp_path / folder / name)["depth"] for folder in ("own", "second"))
        np.testing.assert_array_equal(one, other)
    assert _run(tmp_path / "in", tmp_path / "first", weights, "--intrinsics", chain) == 0
    assert capsys.readouterr().err.count("camchain.yaml has the cameras cam0, cam1; cam0 is used") == 1
    assert np.load(tmp_path / "first" / "00001.npz")["K"][0, 0] == 9.0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--camera cam7", "has no camera 'cam7'; expected one of cam0, cam1 (--camera)"),
        ("--intrinsics poses.txt", "poses.txt has 96 numbers; expected nine numbers of K"),
        ("--intrinsics none.txt", "none.txt is no calibration that is known"),
    ],
)
def test_a_calibration_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, weights: Path, words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_deepvideomvs(tmp_path / "in", small_clip())
    (tmp_path / "none.txt").write_text("hello\n")
    (tmp_path / "poses.txt").write_bytes((tmp_path / "in" / "poses.txt").read_bytes())
    chain = str(_calibrated_chain(tmp_path, small_clip()))
    flag, name = words.split()
    more = ["--intrinsics", chain, flag, name] if flag == "--camera" else [flag, str(tmp_path / name)]
    assert _run(tmp_path / "in", tmp_path / "out", weights, *more) == 1
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1
