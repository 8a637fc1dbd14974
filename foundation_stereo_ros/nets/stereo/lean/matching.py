# SPDX-License-Identifier: Apache-2.0
"""What makes a pair of rectified views: the match reads along rows, and tells which camera sees what."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from foundation_stereo_ros.nets.parts.cost_volume import unit_vectors
from foundation_stereo_ros.nets.parts.lean.features import centred
from foundation_stereo_ros.nets.parts.lean.hourglass import NO_MATCH, find_modes
from foundation_stereo_ros.nets.parts.lean.refinement import Match
from foundation_stereo_ros.nets.parts.precision import at_least_float32, full_precision


def find_match(scores: Float[Tensor, "b h w d"]) -> Match:
    """Read disparity and visibility from the scores of all disparities; in full precision.

    A left pixel counts as seen where the right view's best match leads back to it, and not where another
    left pixel matches it better or it lies outside the right view.
    """
    scores = at_least_float32(scores)
    modes = find_modes(scores)
    seen = _seen(scores.detach(), modes.bin).squeeze(-1).unsqueeze(1)
    return Match(modes.place, modes.second, modes.certainty, seen)


def _seen(scores: Float[Tensor, "b h w d"], best: Float[Tensor, "b h w 1"]) -> Float[Tensor, "b h w 1"]:
    """Compare each left pixel's best score with the best one that its match has with any left pixel."""
    width, bins = scores.shape[-2:]
    # Right pixel x meets left pixel x + i in bin i. With disparity first and rows of w + d columns, those
    # scores stand in one column once the rows are read one longer than they are.
    by_bin = F.pad(scores.transpose(-1, -2), (0, bins), value=NO_MATCH)
    sheared = F.pad(by_bin.flatten(-2), (0, bins)).unflatten(-1, (bins, width + bins + 1))[..., :width]
    rights_best = sheared.amax(dim=-2)
    column = torch.arange(width, device=scores.device).unsqueeze(-1) - best
    other = rights_best.unsqueeze(-2).expand(*best.shape[:2], 1, width).squeeze(-2)
    other = other.gather(-1, column.squeeze(-1).clamp(min=0)).unsqueeze(-1)
    own = scores.gather(-1, best)
    return torch.where(column >= 0, (own - other).clamp(max=0).exp(), 0.0)


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
