# SPDX-License-Identifier: Apache-2.0
"""The volume against its definition, one disparity after another."""

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.network.cost_volume import groupwise_correlation, hybrid_cost_volume


def by_definition(left, right, left_projection, right_projection, bins, groups):
    batch, _, height, width = left.shape
    projected = left_projection.shape[1]
    volume = torch.zeros(batch, groups + 2 * projected, bins, height, width, dtype=left.dtype)
    unit_left, unit_right = (F.normalize(x.unflatten(1, (groups, -1)), dim=2) for x in (left, right))
    for i in range(bins):
        volume[:, groups : groups + projected, i] = left_projection
        for x in range(i, width):
            volume[:, :groups, i, :, x] = (unit_left[..., x] * unit_right[..., x - i]).sum(2)
            volume[:, groups + projected :, i, :, x] = right_projection[..., x - i]
    return volume


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 2), st.integers(1, 4), st.integers(1, 12), st.integers(1, 16), st.integers(0, 99))
def test_equals_its_definition(batch, height, width, bins, seed):
    torch.manual_seed(seed)
    left, right = torch.randn(2, batch, 8, height, width)
    left_projection, right_projection = torch.randn(2, batch, 3, height, width)
    arguments = (left, right, left_projection, right_projection, bins, 4)
    torch.testing.assert_close(hybrid_cost_volume(*arguments), by_definition(*arguments))


def test_a_shifted_view_correlates_fully_at_its_shift():
    torch.manual_seed(0)
    right = torch.randn(1, 16, 3, 20)
    left = F.pad(right, (4, 0))[..., :20]
    correlation = groupwise_correlation(left, right, bins=8, groups=2)
    torch.testing.assert_close(correlation[:, :, 4, :, 4:], torch.ones(1, 2, 3, 16))
    assert (correlation.argmax(2)[..., 4:] == 4).all()


def test_correlation_stays_in_full_precision_under_autocast():
    left = torch.rand(1, 8, 2, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(
            groupwise_correlation(left, left, 4, 2), groupwise_correlation(left, left, 4, 2).float()
        )
    assert groupwise_correlation(left.bfloat16(), left.bfloat16(), 4, 2).dtype == torch.float32
