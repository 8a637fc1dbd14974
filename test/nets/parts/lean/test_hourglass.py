# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import torch

from foundation_stereo_ros.nets.parts.lean.features import LeanFeatures, centred
from foundation_stereo_ros.nets.parts.lean.hourglass import LeanHourglass, mean_correlation
from foundation_stereo_ros.nets.stereo.lean.config import LeanConfig


def test_the_hourglass_keeps_the_volumes_size_and_lays_coarse_scores_out_in_place() -> None:
    config = LeanConfig(max_disp=64)
    features = LeanFeatures(config)
    hourglass = LeanHourglass(config)
    images = torch.randn(2, 3, 64, 96)
    pyramid = features(images)
    assert [tuple(level.shape) for level in pyramid] == [
        (2, 16, 32, 48),
        (2, 48, 16, 24),
        (2, 64, 8, 12),
        (2, 96, 4, 6),
    ]
    volume = torch.randn(2, 4, 16, 24, 16)
    assert hourglass(volume, pyramid).shape == (2, 16, 24, 16)


def test_spread_puts_each_channel_where_it_belongs() -> None:
    from foundation_stereo_ros.nets.parts.lean.hourglass import _spread

    eight = torch.arange(8.0).view(1, 8, 1, 1, 1).expand(1, 8, 2, 3, 4) * 100
    place = torch.arange(24.0).view(1, 1, 2, 3, 4)
    found = _spread(eight + place)
    assert found.shape == (1, 4, 6, 8)
    for y, x, d in np.ndindex(4, 6, 8):
        channel = 4 * (y % 2) + 2 * (x % 2) + d % 2
        assert found[0, y, x, d] == 100 * channel + (y // 2) * 12 + (x // 2) * 4 + d // 2


def test_mean_correlation_is_the_mean_over_groups() -> None:
    volume = torch.randn(2, 4, 3, 5, 7)
    torch.testing.assert_close(mean_correlation(volume), volume.mean(dim=1))


def test_centred_features_have_no_mean_in_any_group() -> None:
    found = centred(torch.randn(2, 12, 3, 4) + 5, 3)
    torch.testing.assert_close(
        found.unflatten(1, (3, 4)).mean(dim=2), torch.zeros(2, 3, 3, 4), atol=1e-5, rtol=0
    )
