# SPDX-License-Identifier: Apache-2.0
"""Models that give mean(left) - mean(right) / 2, in the estimator; test/cli/test_export.py has a real one."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx_models
import pytest
import torch

from foundation_stereo_ros.errors import CheckpointError, ConfigError, ImageError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.grid import Fit
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.geometry.camera import Camera, StereoRig

pytest.importorskip("onnx", reason="not installed (extra 'onnx')")
pytest.importorskip("onnxruntime", reason="not installed (extra 'onnx')")

HEIGHT, WIDTH = 64, 96
MEAN, STD = np.array((0.485, 0.456, 0.406)), np.array((0.229, 0.224, 0.225))
OWN = {"foundation_stereo_ros": "0.1.0", "iterations": "3", "config": '{"max_disp": 64}'}


def pair(height: int = HEIGHT, width: int = WIDTH) -> tuple[np.ndarray, np.ndarray]:
    """Smooth pictures, so that shrinking changes little."""
    small = np.random.default_rng(2).integers(0, 256, (2, 4, 6, 3), dtype=np.uint8)
    left, right = (cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR) for image in small)
    return left, right


def run(path: Path, left: np.ndarray, right: np.ndarray, **settings: Any) -> np.ndarray:
    height, width = left.shape[:2]
    camera = Camera(width, height, fx=50.0, fy=50.0, cx=10.0, cy=10.0)
    config = PipelineConfig.from_mapping({"checkpoint": str(path), "device": "cpu", **settings})
    return StereoEstimator(config)(left, right, StereoRig(camera, camera, 0.1)).disparity


def expected(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return left.astype(np.float64).mean(axis=-1) - right.astype(np.float64).mean(axis=-1) / 2


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"inputs": ("right_image", "left_image"), "first_is_left": False},
        {"inputs": ("a", "b")},
        {"output": "result", "output_rank": 3},
        {"shape": ("batch", 3, "height", "width")},
        {"shape": (1, 3, "height", WIDTH)},
        {"kind": "UINT8"},
    ],
)
def test_inputs_and_outputs_are_read_from_the_model(options: dict[str, Any], tmp_path: Path) -> None:
    path = onnx_models.write_mean_model(tmp_path / "m.onnx", **options)
    found = run(path, *pair(), onnx_input="rgb255")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected(*pair()), atol=1e-3)


def test_float16_models_get_float16(tmp_path: Path) -> None:
    path = onnx_models.write_mean_model(tmp_path / "m.onnx", kind="FLOAT16")
    np.testing.assert_allclose(run(path, *pair(), onnx_input="rgb255"), expected(*pair()), atol=0.5)
    assert StereoEstimator(PipelineConfig(checkpoint=str(path), device="cpu")).dtype == torch.float16


@pytest.mark.parametrize("colours", ["rgb255", "rgb1", "imagenet", "auto"])
def test_colours_are_what_the_setting_says(colours: str, tmp_path: Path) -> None:
    path = onnx_models.write_mean_model(tmp_path / "m.onnx")
    left, right = (image.astype(np.float64) for image in pair())
    scaled = {
        "rgb255": (left, right),
        "rgb1": (left / 255, right / 255),
        "imagenet": ((left / 255 - MEAN) / STD, (right / 255 - MEAN) / STD),
    }
    wanted = scaled.get(colours, scaled["imagenet"])
    found = run(path, *pair(), onnx_input=colours)
    np.testing.assert_allclose(found, expected(*wanted), atol=1e-3)


def test_what_was_guessed_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = onnx_models.write_mean_model(tmp_path / "m.onnx", inputs=("a", "b"))
    with caplog.at_level(logging.INFO, "foundation_stereo_ros"):
        run(path, *pair())
    said = [record.getMessage() for record in caplog.records]
    assert any(
        line.startswith("m.onnx runs in ONNX Runtime ") and line.endswith("on the CPU") for line in said
    )
    assert "m.onnx: it does not name its left image: taken for a, the first one" in said
    assert "m.onnx: it does not say which colours it takes: taken for imagenet (onnx_input)" in said


@pytest.mark.parametrize(
    ("height", "width"), [(30, 40), (64, 80), (50, 96), (128, 192), (200, 300), (40, 400), (300, 60)]
)
def test_larger_images_are_shrunk_and_their_disparity_scaled_back(
    height: int, width: int, tmp_path: Path
) -> None:
    path = onnx_models.write_mean_model(tmp_path / "m.onnx")
    left, right = (image // 32 for image in pair(height, width))  # no step that looks like a depth edge
    found = run(path, left, right, onnx_input="rgb255")
    assert found.shape == (height, width)
    fit = Fit.of((width, height), HEIGHT, WIDTH)
    by_hand = fit.undo(expected(fit.apply(left), fit.apply(right)).astype(np.float32))
    np.testing.assert_allclose(found, by_hand, atol=0.01)


def test_a_model_of_any_size_is_not_scaled(tmp_path: Path) -> None:
    path = onnx_models.write_mean_model(tmp_path / "m.onnx", shape=(1, 3, "h", "w"), metadata=OWN)
    left, right = pair(135, 211)
    np.testing.assert_allclose(run(path, left, right), expected(left, right), atol=1e-3)
    small = run(path, left, right, scale=0.5, full_resolution=False)
    assert small.shape == (68, 106)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"iterations": 4}, "iterations is 4; expected 0: m.onnx has 3 refinements built in"),
        ({"hierarchical": True}, "hierarchical is on; expected off: m.onnx runs in one pass"),
        ({"compile": True}, "compile is on; expected off"),
        ({"early_stop": 0.1}, "early_stop is 0.1; expected 0: m.onnx always refines to the end"),
        ({"memory_budget": 500}, "memory_budget is 500; expected 0: what m.onnx takes is not known"),
        ({"precision": "bf16"}, "precision is 'bf16'; expected auto"),
        ({"precision": "fp16"}, "precision is 'fp16'; expected auto"),
        ({"device": "cuda:7"}, "device is 'cuda:7'"),
    ],
)
def test_settings_that_cannot_be_followed_are_refused(
    settings: dict[str, Any], words: str, tmp_path: Path
) -> None:
    path = onnx_models.write_mean_model(tmp_path / "m.onnx", metadata=OWN)
    with pytest.raises(ConfigError, match=words):
        run(path, *pair(), **settings)


def test_and_so_they_are_while_it_runs(tmp_path: Path) -> None:
    path = onnx_models.write_mean_model(tmp_path / "m.onnx", metadata=OWN)
    running = StereoEstimator(PipelineConfig(checkpoint=str(path), device="cpu"))
    running.reconfigure(running.config.replace(iterations=3, z_far=5.0))
    with pytest.raises(ConfigError, match="hierarchical is on"):
        running.reconfigure(running.config.replace(hierarchical=True))
    assert running.config.z_far == 5.0 and not running.config.hierarchical
    assert running.iterations == 3 and not running.in_torch
    with pytest.raises(ConfigError, match="expected weights for PyTorch"):
        running.model  # noqa: B018


def test_a_foreign_model_does_not_say_its_refinements(tmp_path: Path) -> None:
    path = onnx_models.write_mean_model(tmp_path / "m.onnx")
    assert StereoEstimator(PipelineConfig(checkpoint=str(path), device="cpu")).iterations is None
    with pytest.raises(ConfigError, match=r"m\.onnx has its refinements built in"):
        run(path, *pair(), iterations=1)


def test_no_stereo_model_is_named_in_one_line(tmp_path: Path) -> None:
    path = onnx_models.write_mean_model(tmp_path / "m.onnx", shape=(1, 6, HEIGHT, WIDTH))
    with pytest.raises(CheckpointError, match=r"m\.onnx: its input left .1 x 6 x 64 x 96.; expected 1 x 3 x"):
        run(path, *pair())


def test_an_output_of_another_size_is_told_with_the_pair(tmp_path: Path) -> None:
    import onnx

    path = onnx_models.write_mean_model(tmp_path / "m.onnx", shape=(1, 3, "h", "w"), metadata=OWN)
    model = onnx.load(path)
    model.graph.node[-1].output[0] = "whole"
    model.graph.node.append(onnx.helper.make_node("Transpose", ["whole"], ["disparity"], perm=[0, 1, 3, 2]))
    for dimension, name in zip(model.graph.output[0].type.tensor_type.shape.dim[2:], "xy", strict=True):
        dimension.dim_param = name
    onnx.save(model, path)
    with pytest.raises(ImageError, match=r"m.onnx gives \(1, 1, 96, 64\) for images of 64 x 96; expected"):
        run(path, *pair())


def test_the_live_node_can_rest_and_go_on(tmp_path: Path) -> None:
    path = onnx_models.write_mean_model(tmp_path / "m.onnx", metadata=OWN)
    estimator = StereoEstimator(PipelineConfig(checkpoint=str(path), device="cpu"))
    estimator.warm_up(WIDTH, HEIGHT)
    estimator.to_host()
    estimator.to_device()
    estimator.warm_up(WIDTH, HEIGHT)
    told = estimator.engine()
    assert (told.weights, told.device, told.precision) == (str(path), "cpu", "float32")
    assert "process" in told.memory
