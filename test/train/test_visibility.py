# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch

from foundation_stereo_ros.scenes.layered.painter import LayeredScenes
from foundation_stereo_ros.train.visibility import near_edges, seen_by_right


def row(values: list[float]) -> torch.Tensor:
    return torch.tensor(values).view(1, 1, 1, -1)


def test_what_a_nearer_thing_covers_is_hidden() -> None:
    disparity = torch.full((1, 1, 2, 30), 2.0)
    disparity[..., 12:18] = 6.0
    seen = seen_by_right(disparity, torch.ones_like(disparity, dtype=torch.bool))[0, 0, 0]
    hidden = torch.zeros(30, dtype=torch.bool)
    hidden[:2] = True  # outside the right view
    hidden[8:12] = True  # columns 6 to 9 of the right view show the nearer thing
    assert torch.equal(~seen, hidden)


def test_what_is_not_known_hides_nothing() -> None:
    disparity = torch.full((1, 1, 1, 30), 2.0)
    disparity[..., 12:18] = 6.0
    valid = disparity < 5
    assert seen_by_right(disparity, valid)[0, 0, 0, 2:12].all()


@pytest.mark.parametrize("seed", range(6))
def test_it_agrees_with_the_painters_own_truth(seed: int) -> None:
    pair = LayeredScenes().pair(seed, 96, 192)
    disparity = torch.from_numpy(pair.disparity)[None, None]
    seen = seen_by_right(disparity, torch.ones_like(disparity, dtype=torch.bool))[0, 0].numpy()
    assert np.mean(seen == ~pair.occluded) > 0.95


def test_three_pixels_to_each_side_are_near_an_edge() -> None:
    disparity = row([2.0] * 10 + [4.0] * 10)
    near = near_edges(disparity, torch.ones_like(disparity, dtype=torch.bool))[0, 0, 0]
    assert near.nonzero().flatten().tolist() == list(range(6, 14))
    assert torch.equal(
        near_edges(disparity.mT, torch.ones_like(disparity.mT, dtype=torch.bool)), near.view(1, 1, -1, 1)
    )


def test_slopes_and_borders_of_what_is_known_are_no_edges() -> None:
    slope = row([float(i) for i in range(20)])
    assert not near_edges(slope, torch.ones_like(slope, dtype=torch.bool)).any()
    step = row([2.0] * 10 + [4.0] * 10)
    assert not near_edges(step, step < 3).any()
