# SPDX-License-Identifier: Apache-2.0
"""Posed video on a CUDA device.

With DEVICE=cpu in the environment the tests themselves are tried, on the CPU (`device_tests`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from device_tests import DEVICE, MARKS, full_float32
from posed_scenes import small_clip, small_network

from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.video.config import VideoSettings
from foundation_stereo_ros.estimate.video.estimator import PosedImage, VideoEstimator
from foundation_stereo_ros.nets.video import VideoNetwork

pytestmark = MARKS


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    with full_float32():
        yield


def predictions(model: VideoNetwork | None, device: torch.device, precision: str) -> list[Prediction]:
    clip = small_clip(6, 0, 192, 256)
    config = VideoSettings(size="192x256", device=str(device), precision=precision, remove_invisible=False)
    estimator = VideoEstimator(config, copy.deepcopy(model))
    frames = zip(clip.images, clip.poses, strict=True)
    found = [estimator.step(PosedImage(image, clip.camera, pose)) for image, pose in frames]
    return [prediction for prediction in found if prediction is not None]


@pytest.mark.parametrize("name", ["lean-video", "pairnet", "fusionnet"])
@pytest.mark.parametrize(("precision", "close"), [("fp32", 0.999), ("auto", 0.97), ("bf16", 0.9)])
def test_depths_are_those_of_the_cpu(name: str, precision: str, close: float) -> None:
    """But for pixels where two planes score alike."""
    model = None if name == "lean-video" else small_network(name == "fusionnet")
    expected = predictions(model, torch.device("cpu"), "fp32")
    found = predictions(model, DEVICE, precision)
    assert len(found) == len(expected) == 5
    for one, other in zip(found, expected, strict=True):
        error = np.abs(one.depth - other.depth) / other.depth
        assert (error < 0.02).mean() > close
        assert one.confidence is not None
        assert other.confidence is not None
        assert np.abs(one.confidence - other.confidence).mean() < 0.02


def test_it_goes_to_the_device_and_back() -> None:
    config = VideoSettings(size="64x96", device=str(DEVICE))
    estimator = VideoEstimator(config, copy.deepcopy(small_network(True)))
    estimator.warm_up(96, 64)
    estimator.to_host()
    estimator.to_device()
    estimator.warm_up(96, 64)
    assert str(DEVICE) in estimator.engine().device
