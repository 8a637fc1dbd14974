# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from dataset_trees import user_folder
from kills import disk_of

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.cli.options import ALL_INVALID
from foundation_stereo_ros.datasets.catalog import open_dataset
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.geometry.camera import Camera, StereoRig

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    user_folder(tmp_path / "pairs")
    return tmp_path / "pairs"


def words(folder: Path, *more: str) -> list[str]:
    return ["evaluate", "--dataset", "folder", "--root", str(folder), "--device", "cpu", *more]


def evaluated(folder: Path, *more: str) -> tuple[int, dict[str, Any]]:
    path = folder.parent / "figures.json"
    code = main(words(folder, "--json", str(path), *more))
    return code, json.loads(path.read_text()) if path.exists() else {}


@pytest.mark.parametrize("cx_right", [37.0, 32.0, 26.5])
def test_a_file_of_pair_against_the_truth_has_no_offset(folder: Path, cx_right: float) -> None:
    """Whatever the principal points are: npz files have taken their difference off, ground truth has not."""
    sides = [str(next((folder / side).glob("one.*"))) for side in ("left", "right")]
    camera = ["--fx", "50", "--baseline", "0.1", "--cx", "32", "--cx-right", str(cx_right)]
    out = folder.parent / "out"
    command = ["pair", *sides, *camera, "-o", str(out), "--export", "npz", "--device", "cpu"]
    assert main(command) in (0, ALL_INVALID)  # where infinity lies so, this network may see no depth
    for old in (folder / "disparity").glob("one.*"):
        old.unlink()
    shutil.copy(out / "result.npz", folder / "disparity" / "one.npz")
    code, found = evaluated(folder)
    assert code == 0
    assert found["images"][0]["network"]["all"]["epe"] == pytest.approx(0.0, abs=1e-4)


def test_an_assumed_scale_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for old in (folder / "disparity").glob("one.*"):
        old.unlink()
    cv2.imwrite(str(folder / "disparity" / "one.png"), np.full((48, 64), 512, np.uint16))
    assert evaluated(folder)[0] == 0
    assert capsys.readouterr().err == (
        "note: disparities in PNG files are taken to be multiplied by 256; --disparity-scale says otherwise\n"
    )
    assert evaluated(folder, "--disparity-scale", "256")[0] == 0
    assert capsys.readouterr().err == ""


def test_the_shipped_weights_on_a_small_tree(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = evaluated(folder)
    assert code == 0
    sample = next(open_dataset("folder", folder).items()).load()
    camera = Camera(64, 48, fx=50, fy=50, cx=32, cy=24)
    result = StereoEstimator()(sample.left, sample.right, StereoRig(camera, camera, 0.1))
    error = np.abs(result.disparity - 2.0, dtype=np.float64)
    known = np.isfinite(sample.disparity)
    seen = known & (np.arange(64) > 1)
    first = found["images"][0]
    assert (first["name"], first["pixels"]) == ("one", {"all": 48 * 64 - 16, "noc": 48 * 62 - 8})
    for region, mask in (("all", known), ("noc", seen)):
        assert first["network"][region] == pytest.approx(
            {
                "epe": error[mask].mean(),
                **{f"bp{bound}": 100 * (error[mask] > bound).mean() for bound in (1, 2, 3)},
                "d1": 100 * (error[mask] > 3).mean(),  # 5 % of 2 pixels is less than 3
            }
        )
    # Both pairs are alike.
    assert found["means"]["network"]["images"] == first["network"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("pairs: 2 images")
    assert lines[2].split() == ["image", *["EPE", "BP-1", "BP-2", "BP-3", "D1"] * 2]
    assert [line.split()[0] for line in lines[3:5]] == ["one", "two"]
    assert lines[-1].startswith("mean of images")


def test_the_figures_come_with_all_that_made_them(folder: Path) -> None:
    _, found = evaluated(folder, "--iterations", "1", "--precision", "fp32", "--scale", "0.5", "--limit", "1")
    assert found["dataset"]["root"] == str(folder)
    assert (found["settings"]["scale"], found["iterations"], found["precision"]) == (0.5, 1, "float32")
    assert found["weights"]["name"] == "lean.safetensors"
    assert len(found["weights"]["sha256"]) == 64
    assert {"foundation_stereo_ros", "torch", "opencv"} < set(found["versions"])
    assert found["device"]["kind"] == "cpu"
    assert [image["name"] for image in found["images"]] == ["one"]
    assert "z_near" not in found["settings"]


def test_beside_sgbm_and_warm(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, found = evaluated(folder, "--baseline", "sgbm", "--warm", "--iterations", "1")
    assert list(found["means"]) == ["network", "sgbm"]
    # Noise moved by two pixels is what a matcher of blocks is made for.
    assert found["means"]["sgbm"]["images"]["noc"]["epe"] < 0.1
    for name in ("network", "sgbm"):
        means = found["means"][name]
        assert means["frames_per_second"] == pytest.approx(1 / means["seconds"])
        assert means["peak_bytes"] == max(image[name]["peak_bytes"] for image in found["images"]) > 2**20
    out = capsys.readouterr().out
    assert "ms     MiB" in out
    assert "frames/s" in out


def test_pictures_and_a_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = folder.parent / "out"
    assert main(words(folder, "-o", str(output), "--iterations", "1")) == 0
    names = [path.name for path in sorted((output / "pictures").iterdir())]
    assert names == ["0001_one.png", "0002_two.png"]
    page = (output / "index.html").read_text()
    assert page.count("<img") == 8
    assert "network, noc: BP-2" in page
    assert json.loads((output / "results.json").read_text())["images"]
    assert str(output / "index.html") in capsys.readouterr().out


def test_a_pair_that_fails_is_reported_and_left_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "left" / "one.png").write_bytes(b"no image")
    code, found = evaluated(folder, "--iterations", "1")
    assert code == 3
    assert [image["name"] for image in found["images"]] == ["two"]
    (failure,) = found["failed"]
    assert failure["name"] == "one"
    assert "one.png is not an image" in failure["reason"]
    assert "failed: one: " in capsys.readouterr().err


def test_when_all_fail_nothing_is_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (folder / "right").iterdir():
        path.unlink()
    assert evaluated(folder) == (1, {})
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("failed: ") == 2


def test_truth_beyond_a_bound_is_not_counted(folder: Path) -> None:
    _, found = evaluated(folder, "--max-disparity", "2", "--iterations", "1")
    assert found["max_disparity"] == 2.0
    assert found["images"][0]["pixels"] == {"all": 0, "noc": 0}
    assert found["images"][0]["network"]["all"]["epe"] is None
    assert found["means"]["network"]["images"] == {}


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--root", "nowhere"], "error: nowhere is not a folder"),
        (["--dataset", "kitti"], "is neither KITTI 2015 nor 2012"),
        (["--split", "train"], "error: split is 'train'; dataset folder has no such choice"),
        (["--checkpoint", "none.safetensors"], "error: no weights file at none.safetensors"),
        (["--limit", "0"], "'0'; expected a whole number, 1 or more"),
        (["--max-disparity", "-1"], "'-1'; expected a positive number"),
    ],
)
def test_mistakes(folder: Path, capsys: pytest.CaptureFixture[str], more: list[str], complaint: str) -> None:
    assert main(words(folder, *more)) in (1, 2)
    assert complaint in capsys.readouterr().err


INTERRUPTED = """
import os, signal, sys
from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.evaluate.job import EvaluationJob

evaluate = EvaluationJob.evaluate


def evaluate_and_interrupt(job, item):
    evaluate(job, item)
    os.kill(os.getpid(), signal.SIGINT)


EvaluationJob.evaluate = evaluate_and_interrupt
sys.exit(main(sys.argv[1:]))
"""


def test_ctrl_c_keeps_what_is_done(folder: Path) -> None:
    """The signal comes after the first pair."""
    figures = folder.parent / "figures.json"
    running = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, *words(folder, "--json", str(figures), "--iterations", "1")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, errors = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 130, errors
    assert errors == "interrupted: the figures are those of the images done\n"
    assert "mean of images" in out
    found = json.loads(figures.read_text())
    assert found["interrupted"] is True
    assert [image["name"] for image in found["images"]] == ["one"]


def test_a_disk_too_full_for_pictures_does_not_cost_the_figures(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, path = folder.parent / "out", folder.parent / "figures.json"
    with disk_of(20_000):
        assert main(words(folder, "-o", str(out), "--json", str(path))) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"error: cannot write {out}/pictures/0001_one.png: File too large")
    assert "mean of images" in said.out
    assert [image["name"] for image in json.loads(path.read_text())["images"]] == ["one"]
