# SPDX-License-Identifier: Apache-2.0
"""What training minimises (FoundationStereo, section 3.5; the details nobody published are chosen here)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from foundation_stereo_ros.nets.stereo import TrainingOutput
from foundation_stereo_ros.train.config import TrainingConfig

QUARTER = 4
_SHARPNESS = 14.0  # of correlations, which reach from -1 to 1, as logits


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean where mask is true; 0 where it is nowhere, and without waiting for the device."""
    chosen = torch.where(mask, values, torch.zeros_like(values))
    return chosen.sum() / mask.sum().clamp(min=1)


def initial_loss(initial: Tensor, disparity: Tensor, valid: Tensor) -> Tensor:
    """Smooth L1 of the first estimate.

    Args:
        initial: B x 1 x H/4 x W/4 in quarter pixels.
        disparity, valid: B x 1 x H x W truth in pixels, and where it holds. It is taken at every fourth
            pixel (nearest: a
            mean would blend surfaces) and divided by 4.
    """
    # pixel 1 of 0..3 is the nearest to the middle of a cell, 1.5, from its left
    truth = disparity[..., 1::QUARTER, 1::QUARTER] / QUARTER
    return masked_mean(F.smooth_l1_loss(initial, truth, reduction="none"), valid[..., 1::QUARTER, 1::QUARTER])


def sequence_loss(refined: Sequence[Tensor], disparity: Tensor, valid: Tensor, gamma: float = 0.9) -> Tensor:
    """L1 of every refinement, the last one with weight 1, each earlier one with gamma times its follower's.

    Args:
        refined: K times B x 1 x H x W, pixels.
        disparity, valid: B x 1 x H x W truth in pixels, and where it holds.
        gamma: see above.
    """
    weights = [gamma ** (len(refined) - 1 - index) for index in range(len(refined))]
    losses = [
        w * masked_mean((estimate - disparity).abs(), valid)
        for w, estimate in zip(weights, refined, strict=True)
    ]
    return torch.stack(losses).sum()


def two_bin_cross_entropy(scores: Tensor, target: Tensor) -> Tensor:
    """Return B x H x W x 1 cross entropies: the two bins around the target share the probability of 1.

    Args:
        scores: B x H x W x D logits.
        target: B x H x W x 1, 0 up to below D - 1.
    """
    low = target.floor()
    likelihood = F.log_softmax(scores.float(), dim=-1)
    near, far = (likelihood.gather(-1, low.long() + step) for step in (0, 1))
    return -torch.lerp(near, far, target - low)


def matching_loss(scores: Tensor, disparity: Tensor, valid: Tensor) -> Tensor:
    """Cross entropy of disparities' scores: the true one's two nearest bins share the probability of 1.

    It tells the features where the match is from the first step on, where the regression losses only say
    which way to move a mean. Not in the paper.

    Args:
        scores: B x H/4 x W/4 x D logits of the disparities 0 to D - 1 in quarter pixels.
        disparity, valid: as in `initial_loss`. Left out too is what lies beyond the last bin, or would lie
            outside the right view.
    """
    truth = disparity[:, 0, 1::QUARTER, 1::QUARTER] / QUARTER
    column = torch.arange(truth.shape[-1], device=truth.device)
    seen = valid[:, 0, 1::QUARTER, 1::QUARTER] & (truth >= 0) & (truth <= column)
    seen = seen & (truth < scores.shape[-1] - 1)
    truth = torch.where(seen, truth, torch.zeros_like(truth)).unsqueeze(-1)
    return masked_mean(two_bin_cross_entropy(scores, truth).squeeze(-1), seen)


def stereo_loss(
    output: TrainingOutput, disparity: Tensor, valid: Tensor, max_disparity: float, weights: TrainingConfig
) -> Tensor:
    """Return the whole loss; truth of ``max_disparity`` or more, and non-finite truth, is left out."""
    good = valid & disparity.isfinite() & (disparity.abs() < max_disparity)
    truth = torch.where(good, disparity, torch.zeros_like(disparity))
    loss = initial_loss(output.initial, truth, good)
    loss = loss + sequence_loss(output.refined, truth, good, weights.gamma)
    if weights.matching:
        loss = loss + weights.matching * matching_loss(output.logits, truth, good)
    if weights.correlation:
        sharpened = _SHARPNESS * output.correlation
        loss = loss + weights.correlation * matching_loss(sharpened, truth, good)
    return loss
