# SPDX-License-Identifier: Apache-2.0
"""From a quarter of the image's size to all of it: choose among hypotheses, sharpen, enlarge.

A pixel at an edge belongs to one of the surfaces around it. So it chooses among the disparities of its own
cell and of the neighbouring ones, the second best match, and, for what only one camera sees, those of the
nearest pixels in the row that both see.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.nets.parts.cost_volume import unit_vectors
from foundation_stereo_ros.nets.parts.precision import at_least_float32, full_precision
from foundation_stereo_ros.nets.stereo.lean.config import LeanConfig
from foundation_stereo_ros.nets.stereo.lean.features import LeanPyramid, centred, conv_relu
from foundation_stereo_ros.nets.stereo.lean.matching import SHARPNESS, Match

HYPOTHESES = 8
_RADIUS = 2
_SEEN = 0.5


def hypotheses(match: Match) -> Float[Tensor, "b 8 h w"]:
    """Return what a pixel may choose from, in quarter pixels.

    Its own disparity, those above, below, left and right, the second best match, and the nearest disparity
    that both cameras see, to the left and to the right.
    """
    own = match.disparity
    padded = F.pad(own, (1, 1, 1, 1), mode="replicate")
    around = [
        padded[..., :-2, 1:-1],
        padded[..., 2:, 1:-1],
        padded[..., 1:-1, :-2],
        padded[..., 1:-1, 2:],
    ]
    fills = [_nearest_seen(match, mirrored) for mirrored in (False, True)]
    return torch.cat([own, *around, match.second, *fills], dim=1)


def _nearest_seen(match: Match, mirrored: bool) -> Float[Tensor, "b 1 h w"]:
    """Return the disparity of the nearest pixel that both cameras see, to the left; mirrored: to the right.

    Where there is none, the pixel's own.
    """
    disparity, seen = (x.flip(-1) if mirrored else x for x in (match.disparity, match.seen))
    width = disparity.shape[-1]
    column = torch.arange(width, device=disparity.device).expand(disparity.shape)
    nearest = torch.where(seen > _SEEN, column, -1)
    step = 1
    while step < width:  # the greatest column so far, over twice as many columns each time
        nearest = torch.maximum(nearest, F.pad(nearest, (step, 0), value=-1)[..., :width])
        step *= 2
    found = disparity.gather(-1, torch.where(nearest < 0, column, nearest))
    return found.flip(-1) if mirrored else found


class RowMatcher:
    """Compares left pixels with right ones of their row, at any disparity; in full precision.

    Args:
        left, right: descriptors; their channels are normalised here.
    """

    def __init__(self, left: Float[Tensor, "b c h w"], right: Float[Tensor, "b c h w"]) -> None:
        with full_precision(left):
            self._left, self._right = (
                unit_vectors(centred(at_least_float32(x), 1), dim=1).permute(0, 2, 3, 1).flatten(0, 2)
                for x in (left, right)
            )
        self._size = (left.shape[0], *left.shape[-2:])
        rows = left.shape[0] * left.shape[-2]
        self._first = torch.arange(rows, device=left.device).mul(left.shape[-1]).view(left.shape[0], -1, 1, 1)
        self._column = torch.arange(left.shape[-1], device=left.device).view(1, 1, -1, 1)

    def at(self, disparities: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k h w"]:
        """Return the cosines at k disparities for each pixel; 0 outside the right view."""
        place = self._column - disparities.permute(0, 2, 3, 1)
        low = place.floor()
        taps = torch.stack([self._cosines(low.long() + step) for step in (0, 1)])
        return torch.lerp(taps[0], taps[1], place - low).permute(0, 3, 1, 2)

    def around(self, disparity: Float[Tensor, "b 1 h w"], radius: int) -> Float[Tensor, "b k h w"]:
        """Return the cosines at -radius to radius pixels from one disparity for each pixel."""
        place = self._column - disparity.permute(0, 2, 3, 1)
        low = place.floor()
        steps = torch.arange(-radius, radius + 2, device=disparity.device)
        taps = self._cosines(low.long() + steps)
        return torch.lerp(taps[..., :-1], taps[..., 1:], place - low).permute(0, 3, 1, 2)

    def _cosines(self, columns: Tensor) -> Float[Tensor, "b h w k"]:
        width, number = self._size[-1], columns.shape[-1]
        inside = (columns >= 0) & (columns < width)
        index = (columns.clamp(0, width - 1) + self._first).flatten()
        found = self._right.index_select(0, index).unflatten(0, (-1, number))
        cosines = (found * self._left.unsqueeze(1)).sum(dim=-1).view(*self._size, number)
        return torch.where(inside, cosines, 0.0)


class Refined(NamedTuple):
    """What came of the refinement; all at half the image's size, disparities in half pixels.

    Attributes:
        offered: B x K x H/2 x W/2 hypotheses.
        preferences: B x K x H/2 x W/2 their logits.
        chosen: B x 1 x H/2 x W/2 their mean.
        sharpened: B x 1 x H/2 x W/2, the choice moved by fractions of a pixel.
        features: B x C x H/2 x W/2, for the upsampling.
        matcher: compares the two views at this size.
    """

    offered: Tensor
    preferences: Tensor
    chosen: Tensor
    sharpened: Tensor
    features: Tensor
    matcher: RowMatcher


class Refinement(nn.Module):
    """Chooses among the hypotheses at half the image's size, and moves the choice by fractions of a pixel."""

    def __init__(self, config: LeanConfig) -> None:
        super().__init__()
        half, width = config.widths[0], config.refinement_width
        self.descriptor = nn.Conv2d(half, config.half_matching_width, 1)
        self.context = nn.Conv2d(config.matching_width, half // 2, 1)
        known = half + half // 2 + 2 * HYPOTHESES + 2
        self.choose = nn.Sequential(conv_relu(known, width), conv_relu(width, width))
        self.preference = nn.Conv2d(width, HYPOTHESES, 1)
        self.sharpen = nn.Sequential(conv_relu(width + 2 * _RADIUS + 2, width), conv_relu(width, width))
        self.shift = nn.Conv2d(width, 1, 3, padding=1)
        nn.init.zeros_(self.shift.weight)
        nn.init.zeros_(self.shift.bias)  # type: ignore[arg-type]

    def forward(self, match: Match, left: LeanPyramid, right: LeanPyramid) -> Refined:
        matcher = RowMatcher(self.descriptor(left.half), self.descriptor(right.half))
        offered = _doubled(2 * hypotheses(match))
        relative = torch.tanh((offered[:, 1:] - offered[:, :1]).detach() / 4)
        judged = torch.cat([match.certainty, match.seen], dim=1).detach()
        cosines = matcher.at(offered.detach())
        parts = (
            left.half,
            _doubled(self.context(left.quarter)),
            cosines,
            offered[:, :1].detach() / 64,
            relative,
            _doubled(judged),
        )
        features = self.choose(torch.cat([x.to(left.half.dtype) for x in parts], dim=1))
        preferences = torch.add(at_least_float32(self.preference(features)), cosines, alpha=SHARPNESS / 2)
        chosen = (preferences.softmax(dim=1) * offered).sum(dim=1, keepdim=True)
        around = matcher.around(chosen.detach(), _RADIUS)
        spread = (offered - chosen).abs().amin(dim=1, keepdim=True).detach()  # between hypotheses: large
        more = torch.cat([around, torch.tanh(spread)], dim=1).to(features.dtype)
        features = self.sharpen(torch.cat([features, more], dim=1))
        sharpened = chosen + at_least_float32(self.shift(features))
        return Refined(offered, preferences, chosen, sharpened, features, matcher)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class ImageGuidedUpsampling(nn.Module):
    """Every pixel as a weighted mean of its 3 x 3 nearest neighbours at half the size.

    The weights are made from the image itself at full size, four pixels at a time.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.join = conv_relu(width + 12, width)
        self.weights = nn.Conv2d(width, 36, 1)

    def forward(
        self,
        disparity: Float[Tensor, "b 1 h/2 w/2"],
        features: Float[Tensor, "b c h/2 w/2"],
        left: Float[Tensor, "b 3 h w"],
    ) -> Float[Tensor, "b 1 h w"]:
        """Take a disparity in half pixels and return it in pixels, in full precision."""
        image = F.pixel_unshuffle(left, 2).to(features.dtype)
        weights = at_least_float32(self.weights(self.join(torch.cat((features, image), dim=1))))
        weights = weights.unflatten(1, (9, 4)).softmax(dim=1)
        padded = F.pad(2 * disparity, (1, 1, 1, 1), mode="replicate")
        neighbours = F.unfold(padded, 3).unflatten(2, disparity.shape[-2:])
        return F.pixel_shuffle((weights * neighbours.unsqueeze(2)).sum(dim=1), 2)
