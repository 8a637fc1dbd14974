# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from foundation_stereo_ros.nets.stereo import TrainingOutput
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.foundation_loss import (
    initial_loss,
    masked_mean,
    matching_loss,
    sequence_loss,
    stereo_loss,
)


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
    scores = torch.zeros(1, 2, 2, 48, requires_grad=True)
    output = TrainingOutput(initial, [refined], scores, scores)
    loss = stereo_loss(output, truth, torch.ones_like(truth, dtype=torch.bool), 192.0, TrainingConfig())
    assert float(loss.detach()) == pytest.approx(1.0)
    loss.backward()
    assert refined.grad is not None
    assert float(refined.grad[..., :4].abs().sum()) == 0.0
    assert bool(refined.grad.isfinite().all())


def test_matching_loss_shares_the_probability_between_the_two_nearest_bins() -> None:
    truth = torch.full((1, 1, 8, 16), 5.0)  # 1.25 quarter pixels: bin 1 has 3/4 of it, bin 2 a quarter
    scores = torch.tensor([0.0, 2.0, 1.0, 0.0]).expand(1, 2, 4, 4)
    everywhere = torch.ones_like(truth, dtype=torch.bool)
    likelihood = scores[0, 0, 0].log_softmax(0)
    expected = -0.75 * likelihood[1] - 0.25 * likelihood[2]
    assert float(matching_loss(scores, truth, everywhere)) == pytest.approx(float(expected))


def test_matching_loss_leaves_out_what_has_no_bin_or_no_counterpart() -> None:
    truth = torch.full((1, 1, 4, 16), 8.0)  # 2 quarter pixels: columns 0 and 1 have no counterpart
    truth[..., 8:12] = 12.0  # beyond the last pair of bins
    scores = torch.zeros(1, 1, 4, 4, requires_grad=True)
    matching_loss(scores, truth, torch.ones_like(truth, dtype=torch.bool)).backward()
    assert scores.grad is not None
    assert scores.grad.abs().sum(-1).flatten().gt(0).tolist() == [False, False, False, True]


def test_the_parts_of_the_loss_have_their_weights() -> None:
    torch.manual_seed(0)
    truth = 2.0 + 4.0 * torch.rand(1, 1, 8, 32)
    valid = torch.ones_like(truth, dtype=torch.bool)
    output = TrainingOutput(
        truth[..., 1::4, 1::4] / 4, [truth], torch.randn(1, 2, 8, 4), torch.rand(1, 2, 8, 4)
    )
    parts = [
        float(stereo_loss(output, truth, valid, 16.0, TrainingConfig(matching=m, correlation=c)))
        for m, c in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.5, 2.0))
    ]
    assert parts[0] == pytest.approx(0.0, abs=1e-6)
    assert parts[3] == pytest.approx(0.5 * parts[1] + 2.0 * parts[2], rel=1e-5)
