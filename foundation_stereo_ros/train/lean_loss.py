# SPDX-License-Identifier: Apache-2.0
"""What training a lean network minimises: errors at three sizes, and cross entropies of matching scores.

For stereo pairs and posed video alike; a disparity stands for any place in quarters of a bin. Pixels that no
other view sees count less, those at depth edges more. The damped errors keep few
hopeless pixels from deciding; published networks train with plain smooth L1.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from foundation_stereo_ros.nets.parts.lean.hourglass import SHARPNESS
from foundation_stereo_ros.nets.parts.lean.refinement import LeanOutput, Matcher, Refined
from foundation_stereo_ros.train.foundation_loss import two_bin_cross_entropy
from foundation_stereo_ros.train.visibility import near_edges, seen_by_right

_DAMPED_FROM = 8.0  # pixels of error
_FINE_REACH = 5  # half pixels to each side
_FULL, _SHARPENED, _CHOSEN, _OFFERED, _INITIAL = 1.0, 0.6, 0.4, 0.4, 0.4


class LossWeights(Protocol):
    """What a run says of it; see `TrainingConfig`."""

    @property
    def matching(self) -> float:
        """Weight of the cross entropy of the matching scores."""

    @property
    def correlation(self) -> float:
        """Weight of the cross entropy of the bare correlations."""

    @property
    def hidden(self) -> float:
        """Weight of pixels that no other view sees, beside 1."""

    @property
    def edges(self) -> float:
        """Weight of pixels near a depth edge, beside 1."""


class Truth(NamedTuple):
    """What is known of B pictures.

    Attributes:
        disparity: B x 1 x H x W, quarters of a bin (pixels); 0 where unknown.
        valid: bool: where it is known.
        seen: bool: known, and another view sees it.
        weight: of each pixel in the loss; 0 where unknown.
    """

    disparity: Tensor
    valid: Tensor
    seen: Tensor
    weight: Tensor

    def every(self, step: int) -> Truth:
        """Return every ``step``-th pixel of every ``step``-th row, where the coarser features stand."""
        return Truth(*(x[..., ::step, ::step] for x in self))


def truth_of_pair(disparity: Tensor, valid: Tensor, max_disparity: float, weights: LossWeights) -> Truth:
    """Find out from a pair's disparity map what is hidden and where its edges are.

    Truth of ``max_disparity`` or more, and non-finite truth, is left out.
    """
    good = valid & disparity.isfinite() & (disparity >= 0) & (disparity < max_disparity)
    disparity = torch.where(good, disparity, 0.0)
    return weighted(disparity, good, seen_by_right(disparity, good), weights)


def weighted(disparity: Tensor, valid: Tensor, seen: Tensor, weights: LossWeights) -> Truth:
    """Give each pixel its weight."""
    seen = valid & seen
    weight = torch.where(seen, 1.0, weights.hidden)
    weight = torch.where(near_edges(disparity, valid), weights.edges * weight, weight)
    return Truth(disparity, valid, seen, weight * valid)


def lean_loss(output: LeanOutput, truth: Truth, weights: LossWeights) -> Tensor:
    """Return the whole loss."""
    half, quarter = truth.every(2), truth.every(4)
    found = (
        (_FULL, output.refined[-1], truth),
        (_SHARPENED, 2 * output.half.sharpened, half),
        (_CHOSEN, 2 * output.half.chosen, half),
        (_INITIAL, 4 * output.initial, quarter),
    )
    loss = sum((w * _mean(damped(x - t.disparity), t.weight) for w, x, t in found), torch.zeros(()))
    loss = loss + _OFFERED * _expected_error(output.half, half)
    if weights.matching:
        loss = loss + weights.matching * _cross_entropy(output.logits, quarter, quarter.weight)
    if weights.correlation:
        bare = SHARPNESS * output.correlation
        fine = _fine_cross_entropy(output.half.matcher, half)
        loss = loss + weights.correlation * (_cross_entropy(bare, quarter, quarter.seen.float()) + fine)
    return loss


def damped(error: Tensor) -> Tensor:
    """Return smooth L1 that grows only logarithmically once it is several pixels."""
    smooth = F.smooth_l1_loss(error, torch.zeros_like(error), reduction="none")
    return _DAMPED_FROM * torch.log1p(smooth / _DAMPED_FROM)


def _fine_cross_entropy(matcher: Matcher, truth: Truth) -> Tensor:
    """Cross entropy of the cosines at half the size, within a few pixels of the truth.

    It teaches the fine descriptors what the choice among hypotheses, and its correction, rest upon.
    """
    cosines = matcher.around(truth.disparity / 2, _FINE_REACH)
    likelihood = F.log_softmax(SHARPNESS * cosines, dim=1)
    return _mean(-likelihood[:, _FINE_REACH : _FINE_REACH + 1], truth.seen.float())


def _expected_error(output: Refined, truth: Truth) -> Tensor:
    """Return the error of a hypothesis drawn by the preferences: least where all of the weight is on one.

    The error of the mean hypothesis, which counts as well, does not mind a blend of two surfaces.
    """
    errors = damped(2 * output.offered.detach() - truth.disparity)
    expected = (output.preferences.softmax(dim=1) * errors).sum(dim=1, keepdim=True)
    return _mean(expected, truth.weight)


def _cross_entropy(scores: Tensor, truth: Truth, weight: Tensor) -> Tensor:
    target = (truth.disparity / 4).squeeze(1).unsqueeze(-1)
    inside = target < scores.shape[-1] - 1
    found = two_bin_cross_entropy(scores, torch.where(inside, target, 0.0))
    return _mean(found, weight.squeeze(1).unsqueeze(-1) * inside)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp(min=1.0)
