# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from foundation_stereo_ros.training.losses import initial_loss, masked_mean, sequence_loss, stereo_loss


def test_masked_mean_leaves_out_what_does_not_hold() -> None:
    values = torch.tensor([1.0, float("nan"), 5.0])
    assert float(masked_mean(values, torch.tensor([True, False, True]))) == 3.0
    assert float(masked_mean(values, torch.zeros(3, dtype=torch.bool))) == 0.0


def test_initial_loss_compares_quarter_pixels_with_every_fourth_truth() -> None:
    truth = torch.full((1, 1, 8, 8), 99.0)
    truth[..., 1::4, 1::4] = torch.tensor([[4.0, 8.0], [12.0, 16.0]])
    initial = torch.tensor([[[[1.5, 2.0], [3.0, 7.0]]]])
    # differences 0.5, 0, 0, 3: smooth L1 gives 0.125, 0, 0, 2.5
    loss = initial_loss(initial, truth, torch.ones_like(truth, dtype=torch.bool))
    assert float(loss) == pytest.approx(2.625 / 4)


def test_sequence_loss_weighs_the_last_refinement_most() -> None:
    truth = torch.zeros(1, 1, 4, 4)
    refined = [torch.full_like(truth, value) for value in (4.0, 2.0, 1.0)]
    loss = sequence_loss(refined, truth, torch.ones_like(truth, dtype=torch.bool), gamma=0.5)
    assert float(loss) == pytest.approx(4.0 * 0.25 + 2.0 * 0.5 + 1.0)


def test_truth_beyond_the_network_is_left_out() -> None:
    truth = torch.full((1, 1, 8, 8), 10.0)
    truth[..., :4] = 300.0
    truth[..., 7, 7] = float("nan")
    initial = torch.full((1, 1, 2, 2), 2.5, requires_grad=True)
    refined = torch.full((1, 1, 8, 8), 11.0, requires_grad=True)
    loss = stereo_loss(initial, [refined], truth, torch.ones_like(truth, dtype=torch.bool), 192.0)
    assert float(loss.detach()) == pytest.approx(1.0)
    loss.backward()
    assert refined.grad is not None
    assert float(refined.grad[..., :4].abs().sum()) == 0.0
    assert bool(refined.grad.isfinite().all())
