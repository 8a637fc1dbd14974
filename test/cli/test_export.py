# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from foundation_stereo_ros.bench.inputs import stereo_pictures
from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.nets.stereo import NetworkConfig
from foundation_stereo_ros.weights import load_checkpoint
from foundation_stereo_ros.weights.shipped import shipped_checkpoint

ABSENT = [name for name in ("onnx", "onnxscript", "onnxruntime") if importlib.util.find_spec(name) is None]


HEIGHT, WIDTH = 64, 96
CAMERA = ["--fx", "50", "--baseline", "0.1"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The network `tiny`, and what the command said; once for all, since it takes long."""
    if ABSENT:
        pytest.skip(f"not installed: {', '.join(ABSENT)} (extra 'onnx')")
    path = tmp_path_factory.mktemp("export") / "new" / "tiny.onnx"
    words = ["export", "--checkpoint", "tiny", "--onnx", str(path), "--size", f"{HEIGHT}x{WIDTH}"]
    words += ["--iterations", "2"]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main(words) == 0
    return path, said.getvalue()


def pair(height: int = HEIGHT, width: int = WIDTH) -> tuple[np.ndarray, np.ndarray]:
    return stereo_pictures(height, width)


def disparity(checkpoint: str | Path, left: np.ndarray, right: np.ndarray, **values: Any) -> np.ndarray:
    height, width = left.shape[:2]
    camera = Camera(width, height, fx=50.0, fy=50.0, cx=40.0, cy=30.0)
    config = PipelineConfig.from_mapping(
        {"checkpoint": str(checkpoint), "device": "cpu", "precision": "auto", **values}
    )
    return StereoEstimator(config)(left, right, StereoRig(camera, camera, 0.1)).disparity


def test_the_shipped_network_is_written_and_checked(exported: tuple[Path, str]) -> None:
    path, said = exported
    wrote, checked = said.splitlines()
    assert wrote.startswith(f"wrote {path} (")
    assert "left, right: 1 x 3 x 64 x 96 float32" in wrote
    apart = re.fullmatch(r"ONNX Runtime differs from PyTorch by (\S+) px at most, \S+ on average", checked)
    assert apart is not None
    assert float(apart[1]) < 1e-3
    assert [file.name for file in path.parent.iterdir()] == ["tiny.onnx"]


@pytest.mark.skipif(bool(ABSENT), reason="not installed: extra 'onnx'")
def test_the_default_weights_are_written_and_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lean.onnx"
    assert main(["export", "--onnx", str(path), "--size", f"{HEIGHT}x{WIDTH}", "--iterations", "7"]) == 0
    wrote, checked = capsys.readouterr().out.splitlines()
    assert "1 refinement;" in wrote  # it makes no more
    assert float(checked.split(" px at most")[0].rpartition(" ")[2]) < 1e-3
    left, right = pair()
    apart = disparity(path, left, right) - disparity("lean", left, right)
    assert np.abs(apart).max() < 1e-3


def test_it_runs_elsewhere(exported: tuple[Path, str]) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(exported[0], providers=["CPUExecutionProvider"])
    assert [(x.name, x.shape, x.type) for x in session.get_inputs()] == [
        (name, [1, 3, HEIGHT, WIDTH], "tensor(float)") for name in ("left", "right")
    ]
    assert [(x.name, x.shape) for x in session.get_outputs()] == [("disparity", [1, 1, HEIGHT, WIDTH])]
    model = load_checkpoint(shipped_checkpoint("tiny"))
    told = session.get_modelmeta().custom_metadata_map
    assert NetworkConfig.from_dict(json.loads(told["config"])) == model.config
    assert told["iterations"] == "2"
    left, right = 255 * torch.rand(2, 1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    (found,) = session.run(None, {"left": left.numpy(), "right": right.numpy()})
    with torch.inference_mode():
        np.testing.assert_allclose(found, model(left, right, 2).numpy(), atol=1e-3)


@pytest.mark.parametrize(("height", "width"), [(HEIGHT, WIDTH), (50, 75)])
def test_in_the_pipeline_it_gives_what_pytorch_gives(
    exported: tuple[Path, str], height: int, width: int
) -> None:
    left, right = pair(height, width)
    # Padded to 64 x 96 by both.
    expected = disparity("tiny", left, right, precision="fp32", iterations=2)
    np.testing.assert_allclose(disparity(exported[0], left, right), expected, atol=1e-3)


def test_larger_images_give_what_pytorch_gives_at_that_scale(exported: tuple[Path, str]) -> None:
    left, right = pair(2 * HEIGHT, 2 * WIDTH)
    expected = disparity("tiny", left, right, precision="fp32", iterations=2, scale=0.5)
    np.testing.assert_allclose(disparity(exported[0], left, right), expected, atol=2e-3)


def test_the_command_pair_takes_it(exported: tuple[Path, str], tmp_path: Path) -> None:
    names = [str(tmp_path / f"{side}.png") for side in ("left", "right")]
    for name, image in zip(names, pair(), strict=True):
        cv2.imwrite(name, image[..., ::-1])
    words = [
        *names,
        "-o",
        str(tmp_path),
        "--fx",
        "50",
        "--baseline",
        "0.1",
        "--device",
        "cpu",
        "--export",
        "npz",
    ]
    assert main(["pair", *words, "--checkpoint", str(exported[0])]) == 0
    found = np.load(tmp_path / "result.npz")["disparity"]
    expected = disparity("tiny", *pair(), precision="fp32", iterations=2)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_what_it_cannot_follow_is_one_line(
    exported: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [str(tmp_path / f"{side}.png") for side in ("left", "right")]
    for name, image in zip(names, pair(), strict=True):
        cv2.imwrite(name, image)
    words = [
        "pair",
        *names,
        "--fx",
        "50",
        "--baseline",
        "0.1",
        "--checkpoint",
        str(exported[0]),
        "--iterations",
        "5",
    ]
    assert main(words) == 1
    assert capsys.readouterr().err == (
        "error: iterations is 5; expected 0: tiny.onnx has 2 refinements built in\n"
    )


def test_a_file_that_is_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_text("mine")
    assert main(["export", "--onnx", str(path)]) == 1
    assert (
        capsys.readouterr().err
        == f"error: {path} exists already; use another output, or replace it (--force)\n"
    )
    assert path.read_text() == "mine"


def test_a_bad_size_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--onnx", str(tmp_path / "x.onnx"), "--size", "100x160"]) == 1
    assert capsys.readouterr().err == "error: size is 100 x 160; expected multiples of 32\n"
    assert main(["export", "--onnx", str(tmp_path / "x.onnx"), "--size", "100"]) == 2
