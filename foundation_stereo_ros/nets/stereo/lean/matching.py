# SPDX-License-Identifier: Apache-2.0
"""The match at a quarter of the image's size: cost volume, 3-D hourglass, disparity, and who sees what.

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
from foundation_stereo_ros.nets.parts.precision import at_least_float32
from foundation_stereo_ros.nets.stereo.lean.config import LeanConfig
from foundation_stereo_ros.nets.stereo.lean.features import LeanPyramid

SHARPNESS = 14.0
"""What a cosine, -1 to 1, is multiplied with to be a logit."""

_NO_MATCH = -1e4


class Match(NamedTuple):
    """What matching at a quarter of the size found; disparities in quarter pixels.

    Attributes:
        disparity: B x 1 x H/4 x W/4 of the best mode.
        second: of the second best mode, at least three bins away.
        certainty: B x 1 x H/4 x W/4, 0 to 1: share of the probability within a bin of the best one.
        seen: B x 1 x H/4 x W/4, 0 to 1: near 1 where the right view's best match leads back here, near 0
            where another left pixel matches it better or it lies outside the right view.
    """

    disparity: Tensor
    second: Tensor
    certainty: Tensor
    seen: Tensor


class LeanHourglass(nn.Module):
    """Scores disparities by a cost volume, filtered over three sizes; left features gate its channels.

    The scores of the finest size and those of the coarser two are added up. To join their channels instead
    would cost as much as all else: the finest size is where the memory traffic is.
    """

    def __init__(self, config: LeanConfig) -> None:
        super().__init__()
        fine, middle, coarse = config.volume_widths
        _, _, eighth, sixteenth = config.widths
        self.enter = VolumeConv(config.groups, fine, 3, padding=1)
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

    def forward(self, volume: Float[Tensor, "b g h w d"], left: LeanPyramid) -> Float[Tensor, "b h w d"]:
        gates = zip(self.gates, (left.quarter, left.eighth, left.sixteenth), strict=True)
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


def find_match(scores: Float[Tensor, "b h w d"]) -> Match:
    """Read disparity and visibility from the scores of all disparities; in full precision.

    The disparity is the mean over the best bin and its two neighbours alone: a mean over all of them would
    lie between two surfaces wherever both have a share.
    """
    scores = at_least_float32(scores)
    bins = scores.shape[-1]
    best = scores.detach().argmax(dim=-1, keepdim=True)
    disparity, near = _mode(scores, best)
    bin_number = torch.arange(bins, device=scores.device)
    away = (bin_number - best).abs() > 2
    others = torch.where(away, scores.detach(), _NO_MATCH)
    second, _ = _mode(scores.detach(), others.argmax(dim=-1, keepdim=True))
    certainty = (near - scores.logsumexp(dim=-1, keepdim=True)).exp()
    maps = (disparity, second, certainty, _seen(scores.detach(), best))
    return Match(*(found.squeeze(-1).unsqueeze(1) for found in maps))


def _mode(
    scores: Float[Tensor, "b h w d"], best: Float[Tensor, "b h w 1"]
) -> tuple[Float[Tensor, "b h w 1"], Float[Tensor, "b h w 1"]]:
    """Return mean and log-sum-exp over a bin and its neighbours."""
    middle = best.clamp(1, scores.shape[-1] - 2)
    places = middle + torch.arange(-1, 2, device=scores.device)
    values = scores.gather(-1, places)
    weights = values.softmax(dim=-1)
    return (weights * places).sum(dim=-1, keepdim=True), values.logsumexp(dim=-1, keepdim=True)


def _seen(scores: Float[Tensor, "b h w d"], best: Float[Tensor, "b h w 1"]) -> Float[Tensor, "b h w 1"]:
    """Compare each left pixel's best score with the best one that its match has with any left pixel."""
    width, bins = scores.shape[-2:]
    # Right pixel x meets left pixel x + i in bin i. With disparity first and rows of w + d columns, those
    # scores stand in one column once the rows are read one longer than they are.
    by_bin = F.pad(scores.transpose(-1, -2), (0, bins), value=_NO_MATCH)
    sheared = F.pad(by_bin.flatten(-2), (0, bins)).unflatten(-1, (bins, width + bins + 1))[..., :width]
    rights_best = sheared.amax(dim=-2)
    column = torch.arange(width, device=scores.device).unsqueeze(-1) - best
    other = rights_best.unsqueeze(-2).expand(*best.shape[:2], 1, width).squeeze(-2)
    other = other.gather(-1, column.squeeze(-1).clamp(min=0)).unsqueeze(-1)
    own = scores.gather(-1, best)
    return torch.where(column >= 0, (own - other).clamp(max=0).exp(), 0.0)
