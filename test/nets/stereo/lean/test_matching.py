# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from foundation_stereo_ros.nets.stereo.lean.matching import RowMatcher, find_match


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
    found = match.place[0, 0, 0, 15:18]
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
    assert match.place[0, 0, 0, 15] == pytest.approx(3.0, abs=1e-3)
    assert match.second[0, 0, 0, 15] == pytest.approx(11.0, abs=1e-3)
    assert 0.5 < match.certainty[0, 0, 0, 15] < 0.75  # e^10 beside e^9.5


@pytest.mark.parametrize("disparity", [0.0, 15.0])
def test_disparities_at_the_ends_of_the_volume_are_found(disparity: float) -> None:
    scores = torch.full((1, 1, 20, 16), -20.0)
    peak(scores, 0, 17, disparity)
    match = find_match(scores)
    assert match.place[0, 0, 0, 17] == pytest.approx(disparity, abs=0.3)


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


def test_rows_are_compared_at_whole_and_broken_disparities() -> None:
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(2, 2, 6, 3, 11, generator=generator)
    matcher = RowMatcher(left, right)
    disparities = torch.rand(2, 4, 3, 11, generator=generator) * 14 - 2
    found = matcher.at(disparities)
    units = [F.normalize(x - x.mean(dim=1, keepdim=True), dim=1) for x in (left, right)]

    def cosine(image: int, row: int, column: int, other: int) -> float:
        if not 0 <= other < 11:
            return 0.0
        return float((units[0][image, :, row, column] * units[1][image, :, row, other]).sum())

    for image in range(2):
        for k in range(4):
            for row in range(3):
                for column in range(11):
                    place = column - float(disparities[image, k, row, column])
                    low = int(torch.tensor(place).floor())
                    share = place - low
                    expected = (1 - share) * cosine(image, row, column, low)
                    expected += share * cosine(image, row, column, low + 1)
                    torch.testing.assert_close(
                        float(found[image, k, row, column]), expected, atol=1e-5, rtol=0
                    )


def test_around_is_at_whole_pixels_to_both_sides() -> None:
    left, right = torch.randn(2, 1, 6, 3, 11)
    matcher, disparity = RowMatcher(left, right), torch.rand(1, 1, 3, 11) * 9
    # the place moves to the right where the disparity falls
    offsets = torch.tensor([2.0, 1, 0, -1, -2]).view(1, 5, 1, 1)
    torch.testing.assert_close(matcher.around(disparity, 2), matcher.at(disparity + offsets))
