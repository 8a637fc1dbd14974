# SPDX-License-Identifier: Apache-2.0
"""From a quarter of the image's size to all of it: choose among hypotheses, sharpen, enlarge.

A pixel at an edge belongs to one of the surfaces around it. So it chooses among the places of its own cell
and of the neighbouring ones, the second best match, and, for what only the reference view sees, those of the
nearest pixels in the row that others see as well.

A place is where the surface is on the volume's scale: a disparity for a stereo pair, a plane for posed video.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.nets.parts.lean.config import LeanSizes
from foundation_stereo_ros.nets.parts.lean.features import LeanPyramid, conv_relu
from foundation_stereo_ros.nets.parts.lean.hourglass import SHARPNESS
from foundation_stereo_ros.nets.parts.precision import at_least_float32

HYPOTHESES = 8
_RADIUS = 2
_SEEN = 0.5


class Match(NamedTuple):
    """What matching at a quarter of the size found; places are in bins.

    Attributes:
        place: B x 1 x H/4 x W/4, of the best mode.
        second: of the second best mode, at least three bins away.
        certainty: B x 1 x H/4 x W/4, 0 to 1: share of the probability within a bin of the best one.
        seen: B x 1 x H/4 x W/4, 0 to 1: near 1 where another view sees the same.
    """

    place: Tensor
    second: Tensor
    certainty: Tensor
    seen: Tensor


def hypotheses(match: Match) -> Float[Tensor, "b 8 h w"]:
    """Return what a pixel may choose from, in bins.

    Its own place, those above, below, left and right, the second best match, and the nearest place that
    another view sees, to the left and to the right.
    """
    own = match.place
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
    """Return the place of the nearest pixel that another view sees, to the left; mirrored: to the right.

    Where there is none, the pixel's own.
    """
    place, seen = (x.flip(-1) if mirrored else x for x in (match.place, match.seen))
    width = place.shape[-1]
    column = torch.arange(width, device=place.device).expand(place.shape)
    nearest = torch.where(seen > _SEEN, column, -1)
    step = 1
    while step < width:  # the greatest column so far, over twice as many columns each time
        nearest = torch.maximum(nearest, F.pad(nearest, (step, 0), value=-1)[..., :width])
        step *= 2
    found = place.gather(-1, torch.where(nearest < 0, column, nearest))
    return found.flip(-1) if mirrored else found


class Matcher(Protocol):
    """Compares the reference view with others at half the image's size; places are in half bins."""

    def at(self, places: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k h w"]:
        """Return the cosines at k places for each pixel; 0 outside the other views."""

    def around(self, place: Float[Tensor, "b 1 h w"], radius: int) -> Float[Tensor, "b k h w"]:
        """Return the cosines at -radius to radius half bins from one place for each pixel."""


class Refined(NamedTuple):
    """What came of the refinement; all at half the image's size, places in half bins.

    Attributes:
        offered: B x K x H/2 x W/2 hypotheses.
        preferences: B x K x H/2 x W/2 their logits.
        chosen: B x 1 x H/2 x W/2 their mean.
        sharpened: B x 1 x H/2 x W/2, the choice moved by fractions of a half bin.
        features: B x C x H/2 x W/2, for the upsampling.
        matcher: compares the views at this size.
    """

    offered: Tensor
    preferences: Tensor
    chosen: Tensor
    sharpened: Tensor
    features: Tensor
    matcher: Matcher


class Refinement(nn.Module):
    """Chooses among the hypotheses at half the image's size, and moves the choice by fractions of a bin."""

    def __init__(self, config: LeanSizes) -> None:
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

    def forward(self, match: Match, own: LeanPyramid, matcher: Matcher) -> Refined:
        """Refine a match.

        Args:
            match: at a quarter of the size.
            own: features of the reference view.
            matcher: of the `descriptor` of this and the other views.
        """
        offered = _doubled(2 * hypotheses(match))
        relative = torch.tanh((offered[:, 1:] - offered[:, :1]).detach() / 4)
        judged = torch.cat([match.certainty, match.seen], dim=1).detach()
        cosines = matcher.at(offered.detach())
        parts = (
            own.half,
            _doubled(self.context(own.quarter)),
            cosines,
            offered[:, :1].detach() / 64,
            relative,
            _doubled(judged),
        )
        features = self.choose(torch.cat([x.to(own.half.dtype) for x in parts], dim=1))
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
        place: Float[Tensor, "b 1 h/2 w/2"],
        features: Float[Tensor, "b c h/2 w/2"],
        image: Float[Tensor, "b 3 h w"],
    ) -> Float[Tensor, "b 1 h w"]:
        """Take places in half bins and return them in quarters of a bin, in full precision."""
        image = F.pixel_unshuffle(image, 2).to(features.dtype)
        weights = at_least_float32(self.weights(self.join(torch.cat((features, image), dim=1))))
        weights = weights.unflatten(1, (9, 4)).softmax(dim=1)
        padded = F.pad(2 * place, (1, 1, 1, 1), mode="replicate")
        neighbours = F.unfold(padded, 3).unflatten(2, place.shape[-2:])
        return F.pixel_shuffle((weights * neighbours.unsqueeze(2)).sum(dim=1), 2)


class LeanOutput(NamedTuple):
    """What the losses read.

    Attributes:
        initial: B x 1 x H/4 x W/4 place of the best match, in bins.
        half: what the refinement at half the size did.
        refined: one map, B x 1 x H x W, in quarters of a bin; for a stereo pair these are pixels.
        logits: B x H/4 x W/4 x D of the bins.
        correlation: B x H/4 x W/4 x D, -1 to 1; mean of the cost volume's group-wise correlations.
    """

    initial: Tensor
    half: Refined
    refined: list[Tensor]
    logits: Tensor
    correlation: Tensor
