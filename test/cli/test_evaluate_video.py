# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo evaluate --dataset video`` on generated clips."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from posed_scenes import small_clip, small_network, write_deepvideomvs

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.evaluate.depth_metrics import DepthErrors
from foundation_stereo_ros.evaluate.video_report import HEADINGS
from foundation_stereo_ros.weights import save_checkpoint

METHODS = ["network", "best plane", "SGM of two"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_checkpoint(path, small_network())
    return path


def evaluated(root: Path, weights: Path, *more: str) -> tuple[int, dict[str, Any]]:
    figures = root.parent / "figures.json"
    words = ["evaluate", "--dataset", "video", "--root", str(root), "--json", str(figures)]
    code = main([*words, "--checkpoint", str(weights), "--size", "64x96", "--device", "cpu", *more])
    return code, json.loads(figures.read_text()) if figures.exists() else {}


def test_a_table_a_file_and_pictures(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_deepvideomvs(tmp_path / "walk", small_clip())
    out = tmp_path / "out"
    code, found = evaluated(tmp_path / "walk", weights, "--every", "2", "--max-depth", "15", "-o", str(out))
    assert code == 0
    assert json.loads((out / "results.json").read_text()) == found
    assert (found["every"], found["max_depth"]) == (2, 15.0)
    assert list(found["means"]) == METHODS
    assert set(found["means"]["network"]) == {*DepthErrors._fields, "seconds"}
    assert [frame["name"] for frame in found["frames"]] == ["00001", "00003", "00005"]
    for name in METHODS:
        each = [frame[name]["relative"] for frame in found["frames"]]
        known = [x for x in each if x is not None]
        assert found["means"][name]["relative"] == pytest.approx(np.mean(known))
    walk = found["videos"]["walk"]
    assert (walk["frames"], walk["keyframes"], walk["compared"]) == (6, 6, 3)
    assert found["settings"]["size"] == "64x96"
    assert found["weights"]["name"] == "small.safetensors"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("depth from posed video, one of 2 keyframes, truth from 0.5 to 15 m")
    assert lines[1].split() == ["video", "frames", *HEADINGS.values(), "ms"]
    assert lines[2].split()[:3] == ["walk", "network", "3"]
    assert float(lines[2].split()[4]) == pytest.approx(found["means"]["network"]["relative"], abs=6e-5)
    assert len(list((out / "pictures").glob("*.png"))) == 3
    assert (out / "index.html").read_text().count("<img") == 3 * 8


def test_several_videos_of_one_folder(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, name in enumerate(("one", "two")):
        write_deepvideomvs(tmp_path / "all" / name, small_clip(3, seed))
    shutil.copytree(tmp_path / "all" / "one" / "images", tmp_path / "all" / "without poses")
    code, found = evaluated(tmp_path / "all", weights)
    assert code == 0
    assert {name: video["compared"] for name, video in found["videos"].items()} == {"one": 2, "two": 2}
    first = [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:]]
    assert first[0::3][:2] == ["one", "two"]
    alone = evaluated(tmp_path / "all" / "two", weights)[1]
    assert alone["means"]["best plane"]["relative"] == found["videos"]["two"]["best plane"]["relative"]


def test_a_damaged_frame_is_reported_and_left_out(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_deepvideomvs(tmp_path / "walk", small_clip())
    (tmp_path / "walk" / "depth" / "00002.png").write_bytes(b"no image")
    code, found = evaluated(tmp_path / "walk", weights)
    assert code == 3
    assert [frame["name"] for frame in found["frames"]] == ["00001", "00003", "00004", "00005"]
    assert "failed: walk/00002: " in capsys.readouterr().err
    assert found["failed"][0]["name"] == "walk/00002"


def test_what_cannot_be_evaluated_is_one_sentence(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_deepvideomvs(tmp_path / "walk", small_clip())
    assert evaluated(tmp_path / "walk", weights, "--every", "50")[0] == 1
    assert "nothing to compare: none of 6 keyframes counts and has truth" in capsys.readouterr().err
    (tmp_path / "walk" / "K.txt").rename(tmp_path / "K.txt")
    (tmp_path / "walk" / "poses.txt").rename(tmp_path / "walk" / "trajectory.txt")
    shutil.rmtree(tmp_path / "walk" / "depth")
    assert evaluated(tmp_path / "walk", weights)[0] == 1
    assert "has no true depth; expected depth images" in capsys.readouterr().err


def test_true_depth_is_not_compared_with_undistorted_images(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = small_clip()
    write_deepvideomvs(tmp_path / "walk", clip)
    camera = clip.camera
    plain = f"{camera.fx} {camera.fy} {camera.cx + 0.5} {camera.cy + 0.5}"
    file = tmp_path / "cameras.txt"
    file.write_text(f"1 PINHOLE 128 96 {plain}\n2 OPENCV 128 96 {plain} 0.1 0 0 0\n")
    assert evaluated(tmp_path / "walk", weights, "--intrinsics", str(file), "--camera", "1")[0] == 0
    assert evaluated(tmp_path / "walk", weights, "--intrinsics", str(file), "--camera", "2")[0] == 1
    assert "true depth is that of the images as they are; expected no distortion" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("dataset", "words", "said"),
    [
        ("video", ("--iterations", "2"), "--iterations 2: posed video has no such choice"),
        ("video", ("--warm",), "--warm: posed video has no such choice"),
        ("video", ("--baseline", "sgbm"), "--baseline sgbm: posed video has no such choice"),
        ("kitti", ("--every", "2"), "--every 2: dataset kitti has no such choice"),
        ("kitti", ("--size", "64x96"), "--size 64x96: dataset kitti has no such choice"),
        ("kitti", ("--pose-axes", "ros"), "--pose-axes ros: dataset kitti has no such choice"),
    ],
)
def test_flags_of_the_other_kind_are_refused(
    tmp_path: Path, dataset: str, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--dataset", dataset, "--root", str(tmp_path), *words]) == 1
    assert said in capsys.readouterr().err
