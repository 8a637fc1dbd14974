# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foundation_stereo_ros.errors import CheckpointError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.nets.stereo import FoundationStereo, LeanStereo
from foundation_stereo_ros.weights.shipped import (
    SHIPPED,
    SHIPPED_VIDEO,
    find_checkpoint,
    shipped_checkpoint,
    weights_in_words,
)


def test_the_shipped_weights_are_small_and_are_the_default() -> None:
    assert sum(shipped_checkpoint(name).stat().st_size for name in (*SHIPPED, SHIPPED_VIDEO)) < 6e6
    assert isinstance(StereoEstimator(PipelineConfig(device="cpu")).model, LeanStereo)


@pytest.mark.parametrize(("name", "kind"), [("lean", LeanStereo), ("tiny", FoundationStereo)])
def test_weights_that_ship_are_found_by_their_name(name: str, kind: type) -> None:
    assert isinstance(StereoEstimator(PipelineConfig(device="cpu", checkpoint=name)).model, kind)
    assert weights_in_words(name) == f"{name} (shipped with the package)"


def test_anything_else_is_a_path(tmp_path: Path) -> None:
    assert find_checkpoint("other.safetensors") == Path("other.safetensors")
    assert find_checkpoint("") == shipped_checkpoint("lean")
    assert weights_in_words("a/b.pth") == "a/b.pth"
    with pytest.raises(CheckpointError, match="no weights file at huge"):
        StereoEstimator(PipelineConfig(device="cpu", checkpoint="huge"))


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_weights_see_a_shifted_texture_in_front_of_the_camera(name: str) -> None:
    rng = np.random.default_rng(0)
    coarse = np.kron(rng.integers(0, 256, (16, 26, 3)), np.ones((8, 8, 1)))
    wide = (0.7 * coarse + 0.3 * rng.integers(0, 256, coarse.shape)).astype(np.uint8)
    camera = Camera(192, 128, fx=200, fy=200, cx=95.5, cy=63.5)
    run = StereoEstimator(PipelineConfig(device="cpu", z_far=10000, checkpoint=name))
    result = run(wide[:, :192], wide[:, 12:204], StereoRig(camera, camera, 0.1))
    inner = result.disparity[16:-16, 32:-16]
    assert abs(float(np.median(inner)) - 12) < 1
