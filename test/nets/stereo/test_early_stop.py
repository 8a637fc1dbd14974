# SPDX-License-Identifier: Apache-2.0
"""Refinement that ends once it rests."""

import pytest
import torch

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.nets.stereo import EarlyStop, FoundationStereo, NetworkConfig


def moved(*quarter_pixels: float) -> torch.Tensor:
    return torch.tensor(quarter_pixels).view(1, 1, 1, -1)


def test_ends_when_enough_pixels_rest_but_not_before_the_minimum():
    stop = EarlyStop(below=0.5, minimum=2, share=0.75)
    still, restless = moved(0.1, -0.1, 0.1, 3.0), moved(0.1, -0.2, 0.1, 3.0)  # 0.4, 0.8 and 12 pixels
    assert not stop(1, still)
    assert stop(2, still)
    assert not stop(3, restless)
    assert stop.iterations == 3


def test_a_lost_disparity_does_not_rest():
    assert not EarlyStop(below=1.0)(1, moved(float("nan"), 0.0))


@pytest.mark.parametrize("wrong", [{"below": 0.0}, {"below": 1.0, "minimum": 0}, {"below": 1.0, "share": 2}])
def test_nonsense_is_refused(wrong):
    with pytest.raises(ConfigError, match="early stop"):
        EarlyStop(**wrong)


@torch.inference_mode()
def test_a_stopped_network_gives_what_as_many_iterations_give():
    torch.manual_seed(0)
    model = FoundationStereo(NetworkConfig.preset("tiny")).eval()
    left, right = 255 * torch.rand(2, 1, 3, 32, 64)
    stop = EarlyStop(below=1e9, minimum=3)
    torch.testing.assert_close(model(left, right, 8, stop=stop), model(left, right, 3), atol=0, rtol=0)
    assert stop.iterations == 3
    never = EarlyStop(below=1e-30)
    torch.testing.assert_close(model(left, right, 4, stop=never), model(left, right, 4), atol=0, rtol=0)
    assert never.iterations == 4
    model.hierarchical(left, right, 8, stop=stop)
    assert stop.iterations == 3
