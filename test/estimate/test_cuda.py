# SPDX-License-Identifier: Apache-2.0
"""Rectified pairs through the pipeline on a CUDA device.

With DEVICE=cpu in the environment the tests themselves are tried, on the CPU (`device_tests`).
"""

from __future__ import annotations

import copy
import gc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from device_tests import DEVICE, MARKS, MEAN, WORST, full_float32, network

from foundation_stereo_ros.bench.inputs import SHIFT, stereo_pictures
from foundation_stereo_ros.errors import DeviceMemoryError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.device import memory_use
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.geometry.camera import Camera, StereoRig

pytestmark = MARKS
of_cuda_alone = pytest.mark.skipif(DEVICE.type != "cuda", reason="a matter of CUDA's memory")

HEIGHT, WIDTH = 96, 160
MIB = 2**20


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    with full_float32():
        yield


def estimator(preset: str | None, device: torch.device = DEVICE, **values: Any) -> StereoEstimator:
    """Return an estimator of a preset with random weights, or of the shipped weights."""
    config = PipelineConfig.from_mapping({"device": str(device), "precision": "fp32", **values})
    return StereoEstimator(config, copy.deepcopy(network(preset)) if preset else None)


def run(running: StereoEstimator, height: int = HEIGHT, width: int = WIDTH) -> Prediction:
    camera = Camera(width, height, fx=100.0, fy=100.0, cx=width / 2, cy=height / 2)
    return running(*stereo_pictures(height, width), StereoRig(camera, camera, 0.1))


def check(found: Prediction, expected: Prediction) -> None:
    error = np.abs(found.disparity - expected.disparity)
    assert error.mean() < MEAN and error.max() < WORST


@pytest.mark.parametrize("preset", ["lean", "tiny"])
@pytest.mark.parametrize(
    "values",
    [{}, {"hierarchical": True}, {"scale": 0.7}, {"early_stop": 0.5, "iterations": 4}],
    ids=lambda values: next(iter(values), "plain"),
)
def test_the_device_gives_what_the_cpu_gives(preset: str, values: dict[str, Any]) -> None:
    found, expected = (
        run(estimator(preset, device, **values), 90, 150) for device in (DEVICE, torch.device("cpu"))
    )
    check(found, expected)
    assert found.refinements == expected.refinements
    assert (found.valid == expected.valid).mean() > 0.99


@pytest.mark.parametrize("preset", ["lean", "tiny"])
def test_confidence_is_that_of_the_cpu(preset: str) -> None:
    found, expected = (
        run(estimator(preset, device, confidence=True)) for device in (DEVICE, torch.device("cpu"))
    )
    assert found.confidence is not None and expected.confidence is not None
    assert np.mean(np.abs(found.confidence - expected.confidence)) < 1e-3


def test_tiles_are_those_of_the_cpu() -> None:
    values = {"memory_budget": 90, "hierarchical": True}
    running = [estimator("tiny", device, **values) for device in (DEVICE, torch.device("cpu"))]
    found, expected = (run(one, 384, 512) for one in running)
    assert "tiles" in found.note and found.note == expected.note
    check(found, expected)


@pytest.mark.parametrize("precision", ["auto", "fp32", "fp16", "bf16"])
def test_the_shipped_weights_find_the_plane_in_every_arithmetic(precision: str) -> None:
    running = estimator(None, precision=precision, iterations=1, remove_invisible=False)
    if precision == "auto" and DEVICE.type == "cuda":
        assert running.dtype == torch.float16
    result = run(running)
    inside = result.disparity[:, 2 * SHIFT :]
    assert np.isfinite(result.disparity).all() and result.valid.mean() > 0.9
    assert np.median(np.abs(inside - SHIFT)) < 0.5


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
@pytest.mark.parametrize("preset", ["lean", "tiny"])
def test_half_precision_runs_hierarchically_and_with_confidence(preset: str, precision: str) -> None:
    result = run(estimator(preset, precision=precision, hierarchical=True, confidence=True, iterations=2))
    assert np.isfinite(result.disparity).all()
    assert result.confidence is not None and np.isfinite(result.confidence).all()


def test_warm_up_leaves_the_numbers_alone() -> None:
    fresh, warmed = estimator("tiny"), estimator("tiny")
    warmed.warm_up(WIDTH, HEIGHT)
    check(run(warmed), run(fresh))


def test_the_network_can_leave_the_device_and_come_back() -> None:
    running = estimator("tiny")
    expected = run(running)
    running.to_host()
    assert {parameter.device.type for parameter in running.model.parameters()} == {"cpu"}
    running.to_device()
    assert {parameter.device.type for parameter in running.model.parameters()} == {DEVICE.type}
    check(run(running), expected)


@of_cuda_alone
def test_a_network_that_leaves_gives_the_memory_back() -> None:
    running = estimator("tiny")
    run(running)
    weights = sum(p.numel() * p.element_size() for p in running.model.parameters())
    before, reserved = torch.cuda.memory_allocated(DEVICE), memory_use(DEVICE).used_bytes
    running.to_host()
    assert before - torch.cuda.memory_allocated(DEVICE) >= weights
    assert memory_use(DEVICE).used_bytes < reserved
    running.to_device()
    assert torch.cuda.memory_allocated(DEVICE) >= weights


@pytest.fixture
def held_before() -> Iterator[int]:
    """Allow this process 400 MiB of the device more than it holds, and return how many bytes that is."""
    gc.collect()
    torch.cuda.empty_cache()
    held = memory_use(DEVICE)
    torch.cuda.set_per_process_memory_fraction((held.used_bytes + 400 * MIB) / held.total_bytes, DEVICE)
    yield held.used_bytes
    torch.cuda.set_per_process_memory_fraction(1.0, DEVICE)
    torch.cuda.empty_cache()


@of_cuda_alone
@pytest.mark.parametrize("preset", ["lean", "tiny"])
def test_out_of_memory_is_one_clear_error_and_the_next_pair_works(preset: str, held_before: int) -> None:
    running = estimator(preset)
    expected = run(running)
    with pytest.raises(DeviceMemoryError, match=r"out of memory for a pair of 3072 x 2048 pixels: .* GiB"):
        run(running, 2048, 3072)
    left_over = memory_use(DEVICE).used_bytes - held_before
    assert left_over < 200 * MIB  # the failed pair's memory was given back
    check(run(running), expected)


def test_a_compiled_network_gives_the_same() -> None:
    running = estimator("lean", compile=True)
    torch._dynamo.reset()
    try:
        found = run(running)
    except Exception as error:
        # A compiler may be missing, or not know this device; what it throws depends on where it stopped.
        if type(error).__module__.partition(".")[0] != "torch":
            raise
        pytest.skip(f"compiling does not work here: {str(error).splitlines()[0]}")
    check(found, run(estimator("lean")))
