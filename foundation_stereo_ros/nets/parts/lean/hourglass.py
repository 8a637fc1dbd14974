# SPDX-License-Identifier: Apache-2.0
"""Matching at a quarter of the image's size: a 3-D hourglass over a cost volume, and its best bins.

The cost volume is FoundationStereo's group-wise correlation (arXiv 2501.09898, section 3.2, after GwcNet);
gates by image features follow CoEx (arXiv 2108.05773).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.nets.parts.blocks3d import VolumeConv, VolumeUpConv
from foundation_stereo_ros.nets.parts.lean.config import LeanSizes
from foundation_stereo_ros.nets.parts.lean.features import LeanPyramid
from foundation_stereo_ros.nets.parts.precision import at_least_float32

SHARPNESS = 14.0
"""What a cosine, -1 to 1, is multiplied with to be a logit."""

NO_MATCH = -1e4
"""A score that no bin with a chance has."""


class Modes(NamedTuple):
    """The best bins of each pixel; places are in bins.

    Attributes:
        bin: B x H/4 x W/4 x 1, the best one, a whole number.
        place: B x 1 x H/4 x W/4, the best one to a fraction.
        second: of the second best, at least three bins away.
        certainty: B x 1 x H/4 x W/4, 0 to 1: share of the probability within a bin of the best one.
    """

    bin: Tensor
    place: Tensor
    second: Tensor
    certainty: Tensor


class LeanHourglass(nn.Module):
    """Scores disparities, or planes, by a cost volume, filtered over three sizes.

    The reference view's features gate its channels. The scores of the finest size and those of the coarser
    two are added up. To join their channels instead would cost as much as all else: the finest size is where
    the memory traffic is.

    Args:
        config: sizes.
        inputs: channels of the volume; None: one for each group.
    """

    def __init__(self, config: LeanSizes, inputs: int | None = None) -> None:
        super().__init__()
        fine, middle, coarse = config.volume_widths
        _, _, eighth, sixteenth = config.widths
        self.enter = VolumeConv(inputs or config.groups, fine, 3, padding=1)
        self.down1, self.middle1 = VolumeConv(fine, middle, 3, 2, 1), VolumeConv(middle, middle, 3, padding=1)
        self.down2 = VolumeConv(middle, coarse, 3, 2, 1)
        self.coarse1, self.coarse2 = (VolumeConv(coarse, coarse, 3, padding=1) for _ in range(2))
        self.up2, self.middle2 = VolumeUpConv(coarse, middle), VolumeConv(middle, middle, 3, padding=1)
        self.fine_scores = VolumeConv(fine, 1, 1)
        self.middle_scores = VolumeConv(middle, 8, 1)  # of the eight bins that each one stands for
        self.gates = nn.ModuleList(
            nn.Conv2d(features, volume, 1)
            for features, volume in (
                (config.matching_width, fine),
                (eighth, middle),
                (sixteenth, coarse),
            )
        )

    def forward(self, volume: Float[Tensor, "b g h w d"], features: LeanPyramid) -> Float[Tensor, "b h w d"]:
        gates = zip(self.gates, (features.quarter, features.eighth, features.sixteenth), strict=True)
        fine_gate, middle_gate, coarse_gate = (torch.sigmoid(g(f)).unsqueeze(-1) for g, f in gates)
        fine = _gated(_active(self.enter(volume)), fine_gate)
        middle = _gated(_active(self.middle1(_active(self.down1(fine)))), middle_gate)
        coarse = _gated(_active(self.coarse1(_active(self.down2(middle)))), coarse_gate)
        coarse = _active(self.coarse2(coarse))
        middle = _active(self.middle2(_active(self.up2(coarse) + middle)))
        scores: Tensor = self.fine_scores(fine).squeeze(1) + _spread(self.middle_scores(middle))
        return scores


def _active(volume: Tensor) -> Tensor:
    return F.leaky_relu(volume, 0.1, inplace=True)


def _gated(volume: Tensor, gate: Tensor) -> Tensor:
    return volume * gate if torch.is_grad_enabled() else volume.mul_(gate)


def _spread(eight: Float[Tensor, "b 8 h w d"]) -> Float[Tensor, "b h2 w2 d2"]:
    """Lay eight channels out as the 2 x 2 x 2 bins that each place stands for."""
    split = eight.unflatten(1, (2, 2, 2)).permute(0, 4, 1, 5, 2, 6, 3)
    bins: Tensor = split.flatten(5, 6).flatten(3, 4).flatten(1, 2)
    return bins


def mean_correlation(volume: Float[Tensor, "b g h w d"]) -> Float[Tensor, "b h w d"]:
    """Return the mean over the groups (as a product, which a CPU does several times as fast)."""
    groups = volume.shape[1]
    weights = torch.full((groups,), 1 / groups, dtype=volume.dtype, device=volume.device)
    mean: Tensor = torch.matmul(volume.movedim(1, -1), weights)
    return mean


def find_modes(scores: Float[Tensor, "b h w d"]) -> Modes:
    """Read the best bins from the scores of all of them; in full precision.

    A place is the mean over the best bin and its two neighbours alone: a mean over all of them would lie
    between two surfaces wherever both have a share.
    """
    scores = at_least_float32(scores)
    bins = scores.shape[-1]
    best = scores.detach().argmax(dim=-1, keepdim=True)
    place, near = _mode(scores, best)
    bin_number = torch.arange(bins, device=scores.device)
    away = (bin_number - best).abs() > 2
    others = torch.where(away, scores.detach(), NO_MATCH)
    second, _ = _mode(scores.detach(), others.argmax(dim=-1, keepdim=True))
    certainty = (near - scores.logsumexp(dim=-1, keepdim=True)).exp()
    return Modes(best, *(found.squeeze(-1).unsqueeze(1) for found in (place, second, certainty)))


def _mode(
    scores: Float[Tensor, "b h w d"], best: Float[Tensor, "b h w 1"]
) -> tuple[Float[Tensor, "b h w 1"], Float[Tensor, "b h w 1"]]:
    """Return mean and log-sum-exp over a bin and its neighbours."""
    middle = best.clamp(1, scores.shape[-1] - 2)
    places = middle + torch.arange(-1, 2, device=scores.device)
    values = scores.gather(-1, places)
    weights = values.softmax(dim=-1)
    return (weights * places).sum(dim=-1, keepdim=True), values.logsumexp(dim=-1, keepdim=True)
