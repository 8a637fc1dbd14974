# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

from foundation_stereo_ros.geometry.camera import Camera, StereoCamera
from foundation_stereo_ros.pipeline.config import PipelineConfig
from foundation_stereo_ros.pipeline.estimator import StereoEstimator
from foundation_stereo_ros.pipeline.weights import shipped_checkpoint


def test_the_shipped_weights_are_small_and_are_the_default() -> None:
    assert shipped_checkpoint().stat().st_size < 10e6
    assert StereoEstimator(PipelineConfig(device="cpu")).model.config.monocular is None


def test_the_shipped_weights_see_a_shifted_texture_in_front_of_the_camera() -> None:
    rng = np.random.default_rng(0)
    coarse = np.kron(rng.integers(0, 256, (16, 26, 3)), np.ones((8, 8, 1)))
    wide = (0.7 * coarse + 0.3 * rng.integers(0, 256, coarse.shape)).astype(np.uint8)
    camera = Camera(192, 128, fx=200, fy=200, cx=95.5, cy=63.5)
    run = StereoEstimator(PipelineConfig(device="cpu", z_far=10000))
    result = run(wide[:, :192], wide[:, 12:204], StereoCamera(camera, camera, 0.1))
    inner = result.disparity[16:-16, 32:-16]
    assert abs(float(np.median(inner)) - 12) < 1
