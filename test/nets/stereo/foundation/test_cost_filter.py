# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from foundation_stereo_ros.nets.stereo.foundation.cost_filter import _four_times_as_fine, soft_argmin


def test_the_first_disparity_is_the_mean_of_the_bins() -> None:
    logits = torch.log(torch.tensor([0.04, 0.3, 0.06, 1e-9, 0.1, 0.4, 0.1])).view(1, 1, 1, 7)
    assert float(soft_argmin(logits)) == pytest.approx(3.42, abs=1e-4)


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
