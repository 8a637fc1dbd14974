# SPDX-License-Identifier: Apache-2.0
"""The volume against its definition, one disparity after another."""

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.nets.parts.cost_volume import groupwise_correlation, shifted, unit_vectors
from foundation_stereo_ros.nets.stereo import NetworkConfig
from foundation_stereo_ros.nets.stereo.foundation.cost_filter import CostStem


def by_definition(left, right, left_projection, right_projection, bins, groups):
    """The hybrid volume, B x C x H x W x D, one disparity after another."""
    batch, _, height, width = left.shape
    projected = left_projection.shape[1]
    volume = torch.zeros(batch, groups + 2 * projected, height, width, bins, dtype=left.dtype)
    unit_left, unit_right = (F.normalize(x.unflatten(1, (groups, -1)), dim=2) for x in (left, right))
    for i in range(bins):
        volume[:, groups : groups + projected, ..., i] = left_projection
        for x in range(i, width):
            volume[:, :groups, :, x, i] = (unit_left[..., x] * unit_right[..., x - i]).sum(2)
            volume[:, groups + projected :, :, x, i] = right_projection[..., x - i]
    return volume


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 2), st.integers(1, 4), st.integers(1, 40), st.integers(1, 16), st.integers(0, 99))
def test_parts_equal_their_definition(batch, height, width, bins, seed):
    torch.manual_seed(seed)
    left, right = torch.randn(2, batch, 8, height, width)
    left_projection, right_projection = torch.randn(2, batch, 3, height, width)
    expected = by_definition(left, right, left_projection, right_projection, bins, 4)
    torch.testing.assert_close(groupwise_correlation(left, right, bins, 4), expected[:, :4])
    torch.testing.assert_close(shifted(right_projection, bins), expected[:, 7:])


def test_the_first_convolution_equals_that_of_the_whole_volume():
    torch.manual_seed(0)
    config = NetworkConfig.preset("tiny", max_disp=64)
    stem = CostStem(config, 48)
    left, right = torch.randn(2, 2, 48, 3, 24)
    projections = torch.randn(2, 2, config.projection_width, 3, 24)
    volume = by_definition(left, right, *projections, 16, config.groups)
    found = stem.reduced(groupwise_correlation(left, right, 16, config.groups), *projections)
    torch.testing.assert_close(found, stem.reduce(volume), atol=1e-5, rtol=1e-5)


def test_channels_lie_together_in_memory():
    left, right = torch.rand(2, 1, 8, 3, 20)
    volume = groupwise_correlation(left, right, 5, 4)
    assert volume.is_contiguous(memory_format=torch.channels_last_3d)


def test_no_feature_at_all_has_a_gradient_of_zero():
    nothing = torch.zeros(1, 4, 2, 2, requires_grad=True)
    unit_vectors(nothing, 1).sum().backward()
    assert (unit_vectors(nothing, 1) == 0).all() and torch.isfinite(nothing.grad).all()


def test_a_shifted_view_correlates_fully_at_its_shift():
    torch.manual_seed(0)
    right = torch.randn(1, 16, 3, 20)
    left = F.pad(right, (4, 0))[..., :20]
    correlation = groupwise_correlation(left, right, bins=8, groups=2)
    torch.testing.assert_close(correlation[..., 4:, 4], torch.ones(1, 2, 3, 16))
    assert (correlation.argmax(-1)[..., 4:] == 4).all()


def test_correlation_stays_in_full_precision_under_autocast():
    left = torch.rand(1, 8, 2, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(
            groupwise_correlation(left, left, 4, 2), groupwise_correlation(left, left, 4, 2).float()
        )
    assert groupwise_correlation(left.bfloat16(), left.bfloat16(), 4, 2).dtype == torch.float32
