# SPDX-License-Identifier: Apache-2.0
"""The real network, small and untrained, within a memory budget; test_estimator.py runs out of memory."""

from __future__ import annotations

import dataclasses
import functools
import logging
from typing import Any

import numpy as np
import pytest
import torch

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.grid import resize_disparity, resize_image
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.estimate.stereo.tiling import tiling_for
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig

HEIGHT, WIDTH, MAX_DISP = 300, 256, 64


@functools.cache
def network() -> FoundationStereo:
    torch.manual_seed(3)
    return FoundationStereo(NetworkConfig.preset("tiny", max_disp=MAX_DISP)).eval()


def estimator(**values: Any) -> StereoEstimator:
    config = {"device": "cpu", "precision": "fp32", "iterations": 1, **values}
    return StereoEstimator(PipelineConfig.from_mapping(config), network())


def pair() -> tuple[np.ndarray, np.ndarray]:
    wide = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH + 8, 3), dtype=np.uint8)
    return wide[:, :WIDTH], wide[:, 8:]


def run(running: StereoEstimator) -> Prediction:
    camera = Camera(WIDTH, HEIGHT, fx=60.0, fy=61.0, cx=37.0, cy=22.0)
    return running(*pair(), StereoRig(camera, camera, 0.2))


def budget(pixels: int) -> int:
    """MiB for so many pixels."""
    return int(-(-estimator().backend.pair_memory.bytes_for(pixels) // 2**20))


def test_what_fits_is_computed_as_without_a_budget() -> None:
    result = run(estimator(memory_budget=budget(320 * 256)))
    assert result.note == ""
    np.testing.assert_array_equal(result.disparity, run(estimator()).disparity)


def test_what_does_not_is_computed_in_tiles_and_that_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    running = estimator(memory_budget=budget(256 * 192))
    with caplog.at_level(logging.INFO, "foundation_stereo_ros.estimate"):
        result = run(running)
        again = run(running)
    tiling = tiling_for((WIDTH, HEIGHT), 256 * 192 + 1000, MAX_DISP)
    assert tiling is not None and tiling.count > 1
    assert f"computed in {tiling.count} tiles of {tiling.size[0]} x {tiling.size[1]}" in result.note
    assert [r.getMessage() for r in caplog.records] == [result.note] == [again.note]
    expected = tiling.run(*pair(), lambda a, b: running.backend(a, b, running.config))
    np.testing.assert_array_equal(result.disparity, expected)


def test_tiles_hold_what_a_hierarchical_run_can_find() -> None:
    running = estimator(memory_budget=budget(448 * 160), hierarchical=True, small_ratio=0.25)
    plan = running._inference.plan((900, 160), running.config)
    assert plan.tiling is not None and plan.tiling.columns.lead == 4 * MAX_DISP


def test_where_no_tile_fits_the_network_sees_a_smaller_pair_on_the_same_grid() -> None:
    running = estimator(memory_budget=budget(96 * 96))
    result = run(running)
    assert "too little for tiles: shrunk to" in result.note
    size = tuple(map(int, result.note.rpartition("shrunk to ")[2].split(" x ")))
    small = running.backend(*(resize_image(image, size) for image in pair()), running.config)
    np.testing.assert_array_equal(result.disparity, resize_disparity(small, (WIDTH, HEIGHT)))


def test_tiles_also_check_from_the_right_image() -> None:
    result = run(estimator(memory_budget=budget(256 * 192), confidence=True))
    assert result.confidence is not None and result.confidence.shape == (HEIGHT, WIDTH)
    assert np.isfinite(result.confidence).all() and "tiles" in result.note


def test_a_budget_for_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"memory_budget is 1 MiB; expected [0-9]+ or more"):
        run(estimator(memory_budget=1))


def test_a_network_that_was_not_measured_has_no_budget() -> None:
    base = FoundationStereo(NetworkConfig.preset("tiny", max_disp=MAX_DISP)).eval()
    base.config = dataclasses.replace(base.config, monocular="vitb")
    config = PipelineConfig(device="cpu", precision="fp32", memory_budget=500)
    with pytest.raises(
        ConfigError, match="memory_budget is 500; expected 0: what this network takes in float32"
    ):
        StereoEstimator(config, base)
