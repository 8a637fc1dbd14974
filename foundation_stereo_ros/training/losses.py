# SPDX-License-Identifier: Apache-2.0
"""What training minimises (FoundationStereo, section 3.5; the details nobody published are chosen here)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

QUARTER = 4


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


def stereo_loss(
    initial: Tensor,
    refined: Sequence[Tensor],
    disparity: Tensor,
    valid: Tensor,
    max_disparity: float,
    gamma: float = 0.9,
) -> Tensor:
    """Return the whole loss; truth of ``max_disparity`` or more, and non-finite truth, is left out."""
    good = valid & disparity.isfinite() & (disparity.abs() < max_disparity)
    truth = torch.where(good, disparity, torch.zeros_like(disparity))
    return initial_loss(initial, truth, good) + sequence_loss(refined, truth, good, gamma)
