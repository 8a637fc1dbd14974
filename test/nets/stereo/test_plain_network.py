# SPDX-License-Identifier: Apache-2.0
"""The network against its plain form: the same numbers, whatever is done to make it fast."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from plain_network import PlainNetwork
from torch import Tensor

from foundation_stereo_ros.bench.inputs import randomize
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.weights import load_checkpoint
from foundation_stereo_ros.weights.shipped import shipped_checkpoint

HEIGHT, WIDTH = 64, 96
# Narrow, but with every part that the published networks have.
FULL = {
    "max_disp": 64,
    "feature_blocks": 2,
    "context_strides": (1, 2, 2),
    "context_widths": (8, 12, 16),
    "groups": 4,
    "projection_width": 3,
    "stem_blocks": 2,
    "planar_blocks": 2,
    "volume_skip": False,
    "classifier_kernel": 7,
    "hidden_dim": 16,
    "upsampling_width": 8,
}
CASES: dict[str, dict[str, Any]] = {
    "tiny": {},
    "full": {**FULL, "gru_levels": 3},
    "two levels": {**FULL, "gru_levels": 2},
    "attention over heads": {**FULL, "disparity_attention": "heads", "transformer_layers": 4},
    "fewer blocks": {"classifier_blocks": 0, "head_blocks": 1},
    # bins beyond the picture's width, and another pyramid
    "wide range": {"max_disp": 512, "lookup_levels": 3, "lookup_radius": 2},
}


def network(**changes: Any) -> FoundationStereo:
    model = FoundationStereo(NetworkConfig.preset("tiny", **changes)).eval()
    randomize(model)
    return model


def picture_pair(batch: int = 1, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    left, right = 255 * torch.rand(2, batch, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1))
    return left.to(dtype), right.to(dtype)


@torch.inference_mode()
@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_the_network_equals_its_plain_form(changes: dict[str, Any]) -> None:
    model = network(**changes)
    left, right = picture_pair(batch=2)
    plain = PlainNetwork(model)(left, right, iterations=3)
    assert plain.std() > 0.1
    torch.testing.assert_close(model(left, right, iterations=3), plain, atol=1e-3, rtol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_in_double_precision_nothing_but_rounding_is_left(changes: dict[str, Any]) -> None:
    model = network(**changes).double()
    left, right = picture_pair(dtype=torch.float64)
    plain = PlainNetwork(model)(left, right, iterations=3)
    assert plain.dtype == torch.float64
    torch.testing.assert_close(model(left, right, iterations=3), plain, atol=1e-6, rtol=1e-6)


@torch.inference_mode()
def test_the_shipped_weights_give_the_same_disparity() -> None:
    model = load_checkpoint(shipped_checkpoint("tiny"))
    left, right = picture_pair()
    plain = PlainNetwork(model)(left, right, iterations=3)
    torch.testing.assert_close(model(left, right, iterations=3), plain, atol=1e-3, rtol=0)


@torch.inference_mode()
def test_with_the_monocular_branch() -> None:
    model = FoundationStereo(NetworkConfig.preset("small", max_disp=64)).eval()
    randomize(model)
    left, right = (image[..., :32, :64] for image in picture_pair())
    single = model(left, right, iterations=2)
    torch.testing.assert_close(single, PlainNetwork(model)(left, right, iterations=2), atol=1e-3, rtol=0)
    model.double()
    left, right = left.double(), right.double()
    double = model(left, right, iterations=2)
    torch.testing.assert_close(double, PlainNetwork(model)(left, right, iterations=2), atol=1e-6, rtol=1e-6)


@torch.inference_mode()
def test_a_given_start_takes_the_place_of_the_classifiers() -> None:
    model = network()
    left, right = picture_pair()
    start = torch.full((1, 1, HEIGHT // 4, WIDTH // 4), 5.0)
    plain = PlainNetwork(model)(left, right, 1, start)
    assert not torch.allclose(plain, PlainNetwork(model)(left, right, 1), atol=1e-2)
    torch.testing.assert_close(model(left, right, 1, start), plain, atol=1e-3, rtol=1e-5)


@torch.inference_mode()
def test_in_half_precision_correlations_and_disparity_stay_in_full() -> None:
    model = network()
    left, right = picture_pair()
    exact = PlainNetwork(model)(left, right, 2)
    with torch.autocast("cpu", torch.bfloat16):
        half = PlainNetwork(model)(left, right, 2)
    assert half.dtype == torch.float32
    assert 0 < (half - exact).abs().mean() < 0.1 * exact.std() + 0.5


@torch.inference_mode()
def test_the_laps_of_a_run_come_in_the_order_of_the_stages() -> None:
    laps: list[str] = []
    PlainNetwork(network(), laps.append)(*picture_pair(), iterations=2)
    before = ["features", "features", "upsampling", "cost_volume", "filtering", "context"]
    assert laps == [*before, *["lookup", "gru"] * 2, "upsampling"]
