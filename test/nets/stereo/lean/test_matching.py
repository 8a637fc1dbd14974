# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch

from foundation_stereo_ros.nets.stereo.lean.config import LeanConfig
from foundation_stereo_ros.nets.stereo.lean.features import LeanFeatures, centred
from foundation_stereo_ros.nets.stereo.lean.matching import LeanHourglass, find_match, mean_correlation


def peak(
    scores: torch.Tensor, row: int, column: int, disparity: float, height: float = 10.0, steep: float = 1.0
) -> None:
    """Give a pixel a parabola around a disparity."""
    bins = torch.arange(scores.shape[-1])
    scores[0, row, column] = torch.maximum(scores[0, row, column], height - steep * (bins - disparity) ** 2)


def test_the_disparity_lies_between_the_best_bin_and_its_better_neighbour() -> None:
    scores = torch.full((1, 1, 20, 16), -20.0)
    for column, disparity in ((15, 5.0), (16, 5.3), (17, 4.8)):
        peak(scores, 0, column, disparity)
    match = find_match(scores)
    found = match.disparity[0, 0, 0, 15:18]
    assert found[0] == pytest.approx(5.0, abs=1e-4)
    assert 5.0 < found[1] < 5.5
    assert 4.5 < found[2] < 5.0
    weights = torch.softmax(10 - (torch.arange(4, 7) - 5.3) ** 2, 0)
    assert found[1] == pytest.approx(float((weights * torch.arange(4, 7)).sum()), abs=1e-4)


def test_of_two_modes_the_better_one_alone_counts_and_the_other_is_the_second() -> None:
    scores = torch.full((1, 1, 20, 16), -20.0)
    peak(scores, 0, 15, 3.0, 10.0)
    peak(scores, 0, 15, 11.0, 9.5)
    match = find_match(scores)
    assert match.disparity[0, 0, 0, 15] == pytest.approx(3.0, abs=1e-3)
    assert match.second[0, 0, 0, 15] == pytest.approx(11.0, abs=1e-3)
    assert 0.5 < match.certainty[0, 0, 0, 15] < 0.75  # e^10 beside e^9.5


@pytest.mark.parametrize("disparity", [0.0, 15.0])
def test_disparities_at_the_ends_of_the_volume_are_found(disparity: float) -> None:
    scores = torch.full((1, 1, 20, 16), -20.0)
    peak(scores, 0, 17, disparity)
    match = find_match(scores)
    assert match.disparity[0, 0, 0, 17] == pytest.approx(disparity, abs=0.3)


def test_seen_is_what_the_right_views_best_match_leads_back_to() -> None:
    scores = torch.full((1, 1, 24, 8), -20.0)
    for column in range(24):
        near = 12 <= column < 18
        peak(scores, 0, column, 5.0 if near else 2.0, 15.0 if near else 10.0, steep=20)
    # columns 9 to 11 fall upon right columns 7 to 9, where the nearer ones 12 to 14 match better
    seen = find_match(scores).seen[0, 0, 0]
    assert (seen[:2] == 0).all()  # outside the right view
    assert (seen[9:12] < 0.05).all()  # behind the nearer ones
    assert (seen[2:9] > 0.95).all()
    assert (seen[12:] > 0.95).all()


def test_seen_agrees_with_a_plain_loop() -> None:
    generator = torch.Generator().manual_seed(3)
    scores = torch.randn(2, 3, 17, 8, generator=generator)
    seen = find_match(scores).seen[:, 0].numpy()
    values = scores.numpy()
    for image, row, column in np.ndindex(2, 3, 17):
        best = int(values[image, row, column].argmax())
        right = column - best
        if right < 0:
            assert seen[image, row, column] == 0
            continue
        rivals = [values[image, row, right + i, i] for i in range(8) if right + i < 17]
        expected = np.exp(values[image, row, column, best] - max(rivals))
        assert seen[image, row, column] == pytest.approx(expected, rel=1e-5)


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
    from foundation_stereo_ros.nets.stereo.lean.matching import _spread

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
