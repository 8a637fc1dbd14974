# SPDX-License-Identifier: Apache-2.0
"""The lookup against linear sampling with zeros outside, by torch's grid_sample."""

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.nets.parts.cost_volume import all_pairs
from foundation_stereo_ros.nets.stereo.foundation.lookup import GeometryLookup


def sampled(rows, positions):
    """Return N x C x T values of N x C x L rows at N x T positions."""
    grid = torch.stack((2 * positions / (rows.shape[-1] - 1) - 1, torch.zeros_like(positions)), dim=-1)
    return F.grid_sample(rows.unsqueeze(2), grid.unsqueeze(1), align_corners=True).squeeze(2)


def by_grid_sample(left, right, volume, disparity, levels, radius):
    batch, _, height, width = left.shape
    offsets = torch.arange(-radius, radius + 1, dtype=left.dtype)
    geometry = volume.permute(0, 2, 3, 1, 4).flatten(0, 2)
    correlation = all_pairs(F.normalize(left, dim=1), F.normalize(right, dim=1)).flatten(0, 2).unsqueeze(1)
    d = disparity.flatten()[:, None]
    x = torch.arange(width, dtype=left.dtype).repeat(batch * height)[:, None]
    parts = []
    for level in range(levels):
        parts.append(sampled(geometry, d / 2**level + offsets).flatten(1))
        parts.append(sampled(correlation, x / 2**level - d / 2**level + offsets).flatten(1))
        geometry, correlation = F.avg_pool1d(geometry, 2), F.avg_pool1d(correlation, 2)
    return torch.cat(parts, 1).unflatten(0, (batch, height, width)).permute(0, 3, 1, 2)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 999), st.integers(1, 3), st.integers(4, 13), st.sampled_from([4.0, 20.0, 300.0]))
def test_equals_linear_sampling_also_far_outside(seed, radius, width, spread):
    torch.manual_seed(seed)
    left, right = torch.randn(2, 2, 6, 3, width, dtype=torch.float64)
    volume = torch.randn(2, 5, 3, width, 8, dtype=torch.float64)
    disparity = spread * (torch.rand(2, 1, 3, width, dtype=torch.float64) - 0.3)
    lookup = GeometryLookup(left, right, volume, levels=2, radius=radius)
    expected = by_grid_sample(left, right, volume, disparity, 2, radius)
    torch.testing.assert_close(lookup(disparity), expected, atol=1e-9, rtol=1e-9)


def test_whole_disparities_read_the_bins_themselves():
    volume = torch.arange(16.0).view(1, 1, 1, 1, 16).expand(1, 1, 1, 4, 16)
    lookup = GeometryLookup(torch.ones(1, 2, 1, 4), torch.ones(1, 2, 1, 4), volume, levels=1, radius=2)
    taps = lookup(torch.full((1, 1, 1, 4), 5.0))
    assert taps[0, :5, 0, 0].tolist() == [3, 4, 5, 6, 7]


def test_lookups_stay_in_full_precision():
    half = torch.ones(1, 4, 2, 8, dtype=torch.bfloat16)
    lookup = GeometryLookup(half, half, torch.ones(1, 3, 2, 8, 8, dtype=torch.bfloat16), 2, 4)
    assert lookup(torch.zeros(1, 1, 2, 8)).dtype == torch.float32


def test_a_lost_disparity_does_not_bring_the_lookup_down():
    ones = torch.ones(1, 4, 2, 8)
    lookup = GeometryLookup(ones, ones, torch.ones(1, 3, 2, 8, 8), 2, 4)
    lost = torch.tensor([float("nan"), float("inf"), -float("inf"), 1e30]).repeat(4).view(1, 1, 2, 8)
    assert lookup(lost).shape == (1, 72, 2, 8)


def test_a_volume_with_channels_innermost_is_not_copied():
    ones, rows = torch.ones(1, 4, 2, 8), torch.ones(1, 2, 8, 8, 3)
    lookup = GeometryLookup(ones, ones, rows.permute(0, 4, 1, 2, 3), 2, 4)
    assert lookup.levels[0][0].data_ptr() == rows.data_ptr()
