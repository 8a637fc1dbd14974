# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch

from foundation_stereo_ros.nets.parts.lean.features import LeanFeatures
from foundation_stereo_ros.nets.parts.lean.refinement import (
    HYPOTHESES,
    ImageGuidedUpsampling,
    Match,
    Refinement,
    hypotheses,
)
from foundation_stereo_ros.nets.stereo.lean.config import LeanConfig
from foundation_stereo_ros.nets.stereo.lean.matching import RowMatcher


def match_of(rows: list[list[float]], seen: list[list[float]]) -> Match:
    disparity = torch.tensor(rows)[None, None]
    return Match(disparity, disparity + 100, torch.ones_like(disparity), torch.tensor(seen)[None, None])


def test_a_pixel_may_choose_its_neighbours_disparities_and_the_nearest_seen_ones() -> None:
    match = match_of([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]], [[1, 0, 0, 0, 1], [0, 1, 0, 0, 0]])
    own, above, below, left, right, second, fill_left, fill_right = hypotheses(match)[0].tolist()
    assert own == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]
    assert above == [[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]
    assert below == [[6, 7, 8, 9, 10], [6, 7, 8, 9, 10]]
    assert left == [[1, 1, 2, 3, 4], [6, 6, 7, 8, 9]]
    assert right == [[2, 3, 4, 5, 5], [7, 8, 9, 10, 10]]
    assert second[0] == [101, 102, 103, 104, 105]
    assert fill_left == [[1, 1, 1, 1, 5], [6, 7, 7, 7, 7]]  # where nothing is seen to the left: its own
    assert fill_right == [[1, 5, 5, 5, 5], [7, 7, 8, 9, 10]]


def test_the_choice_is_a_mean_of_what_is_offered() -> None:
    config = LeanConfig(max_disp=64)
    features = LeanFeatures(config)(torch.randn(2, 3, 64, 96))
    left, right = features.split()
    disparity = torch.rand(1, 1, 16, 24) * 10
    match = Match(disparity, disparity + 5, torch.rand(1, 1, 16, 24), torch.rand(1, 1, 16, 24))
    refinement = Refinement(config)
    matcher = RowMatcher(refinement.descriptor(left.half), refinement.descriptor(right.half))
    found = refinement(match, left, matcher)
    offered, chosen = found.offered, found.chosen
    assert found.preferences.shape == offered.shape == (1, HYPOTHESES, 32, 48)
    assert found.features.shape == (1, config.refinement_width, 32, 48)
    assert (chosen >= offered.amin(dim=1, keepdim=True) - 1e-4).all()
    assert (chosen <= offered.amax(dim=1, keepdim=True) + 1e-4).all()
    torch.testing.assert_close(found.sharpened, chosen)  # before any training the last step moves nothing
    torch.testing.assert_close(offered[0, 0, ::2, ::2], 2 * disparity[0, 0])


def test_a_flat_disparity_stays_flat_and_doubles() -> None:
    upsampling = ImageGuidedUpsampling(24)
    found = upsampling(torch.full((2, 1, 8, 12), 3.5), torch.randn(2, 24, 8, 12), torch.randn(2, 3, 16, 24))
    torch.testing.assert_close(found, torch.full((2, 1, 16, 24), 7.0))
