# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.network import FoundationStereo, NetworkConfig
from foundation_stereo_ros.network.cost_filter import _four_times_as_fine, around_mode, soft_argmin


def test_between_two_surfaces_the_mean_is_on_neither_and_the_mode_is_on_one() -> None:
    logits = torch.log(torch.tensor([0.04, 0.3, 0.06, 1e-9, 0.1, 0.4, 0.1])).view(1, 1, 1, 7)
    assert float(soft_argmin(logits)) == pytest.approx(3.42, abs=1e-4)
    assert float(around_mode(logits)) == pytest.approx(5.0, abs=1e-4)


def test_at_an_end_of_the_range_the_mode_has_one_neighbour() -> None:
    logits = torch.log(torch.tensor([0.6, 0.2, 0.2])).view(1, 1, 1, 3)
    assert float(around_mode(logits)) == pytest.approx(0.25)
    assert float(around_mode(logits.flip(-1))) == pytest.approx(1.75)


@settings(deadline=None)
@given(st.integers(2, 40), st.integers(0, 10_000))
def test_the_mode_is_the_likeliest_bin_or_beside_it(bins: int, seed: int) -> None:
    logits = 5 * torch.randn(2, 3, 4, bins, generator=torch.Generator().manual_seed(seed))
    found = around_mode(logits)
    assert found.shape == (2, 1, 3, 4)
    assert bool(((found[:, 0] - logits.argmax(-1)).abs() < 1).all())


def test_refinement_starts_where_the_configuration_says() -> None:
    torch.manual_seed(0)
    mean = FoundationStereo(NetworkConfig.preset("tiny", first_estimate="mean")).eval()
    mode = FoundationStereo(NetworkConfig.preset("tiny", first_estimate="mode")).eval()
    mode.load_state_dict(mean.state_dict())
    left, right = 255 * torch.rand(2, 1, 3, 64, 96)
    with torch.inference_mode():
        logits = mean(left, right, 1, every_iteration=True).logits
        for model, start in ((mean, soft_argmin), (mode, around_mode)):
            torch.testing.assert_close(model(left, right, 1), model(left, right, 1, start(logits)))
        assert not torch.allclose(mean(left, right, 1), mode(left, right, 1), atol=1e-3)


def test_another_first_estimate_is_refused() -> None:
    with pytest.raises(ConfigError, match="first_estimate is 'median'; expected 'mean' or 'mode'"):
        NetworkConfig(first_estimate="median")  # type: ignore[arg-type]


@pytest.mark.parametrize("batch", [1, 2])
def test_four_times_as_fine_is_trilinear_and_leaves_channels_innermost(batch: int) -> None:
    torch.manual_seed(0)
    volume = torch.randn(batch, 3, 4, 5, 2, dtype=torch.float64)
    channels_innermost = volume.permute(0, 2, 3, 4, 1).contiguous().permute(0, 4, 1, 2, 3)
    fine = _four_times_as_fine(channels_innermost)
    expected = F.interpolate(volume, scale_factor=4, mode="trilinear", align_corners=False)
    torch.testing.assert_close(fine, expected)
    # As torch itself tells layouts apart: by the strides of all axes, the batch's of one included.
    assert fine.stride() == (3 * 16 * 20 * 8, 1, 20 * 8 * 3, 8 * 3, 3)
