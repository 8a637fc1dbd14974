# SPDX-License-Identifier: Apache-2.0
"""What the GRUs see of the match: volume and correlation around a disparity.

FoundationStereo (arXiv 2501.09898), section 3.3; the pyramid along rows is RAFT-Stereo's (arXiv 2109.07547).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from foundation_stereo_ros.nets.parts.cost_volume import all_pairs, unit_vectors
from foundation_stereo_ros.nets.parts.precision import at_least_float32, full_precision


class GeometryLookup:
    """Samples the filtered volume and the all-pairs correlation of one image pair, in full precision.

    Every pixel owns one row of each: the volume's along disparity, the correlation's along the right image's
    columns. A level halves both by averaging neighbours. All taps of a pixel lie whole bins apart, so they
    share one fraction: consecutive bins are gathered once and blended once. Outside the rows lie zeros. The
    finest rows of the volume are the volume itself, where that has its channels innermost.

    Args:
        left, right: features at a quarter of the images' size.
        volume: the filtered one; v channels, d disparities.
        levels: of the pyramid.
        radius: taps to each side of the current disparity.
    """

    def __init__(
        self,
        left: Float[Tensor, "b c h w"],
        right: Float[Tensor, "b c h w"],
        volume: Float[Tensor, "b v h w d"],
        levels: int,
        radius: int,
    ) -> None:
        self.radius = radius
        self.size = left.shape[-2:]
        with full_precision(left):
            left = unit_vectors(at_least_float32(left), dim=1)
            right = unit_vectors(at_least_float32(right), dim=1)
            correlation = all_pairs(left, right).flatten(0, 2).unsqueeze(-1)
            geometry = at_least_float32(volume).movedim(1, -1).flatten(0, 2)
            self.levels = []
            for level in range(levels):
                if level > 0:
                    geometry, correlation = _halved(geometry), _halved(correlation)
                self.levels.append((geometry, correlation))

    def __call__(self, disparity: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b taps h w"]:
        """Return, level by level, the volume's channels, then the correlation, at offsets -radius to radius.

        Args:
            disparity: in quarter pixels; where its taps leave a row, they read zero.
        """
        height, width = self.size
        d = disparity.flatten()
        column = torch.arange(width, device=d.device, dtype=d.dtype).repeat(d.numel() // width)
        taps = []
        for level, (geometry, correlation) in enumerate(self.levels):
            scale = 0.5**level
            taps.append(self._sample(geometry, d * scale))
            taps.append(self._sample(correlation, (column - d) * scale))
        found: Tensor = torch.cat(taps, dim=1).unflatten(0, (-1, height, width)).permute(0, 3, 1, 2)
        return found

    def _sample(self, rows: Float[Tensor, "n l c"], centre: Float[Tensor, "n"]) -> Float[Tensor, "n c*taps"]:
        number, length, _ = rows.shape
        low = torch.floor(centre)
        fraction = (centre - low)[:, None, None]
        count = 2 * self.radius + 2
        place = (low.long() - self.radius)[:, None] + torch.arange(count, device=rows.device)
        inside = (place >= 0) & (place < length)
        index = (
            place.clamp(0, length - 1) + torch.arange(0, number * length, length, device=rows.device)[:, None]
        )
        bins = rows.flatten(0, 1).index_select(0, index.flatten()).unflatten(0, (number, count))
        bins.mul_(inside.unsqueeze(-1))
        return torch.lerp(bins[:, :-1], bins[:, 1:], fraction).transpose(1, 2).flatten(1)


def _halved(rows: Float[Tensor, "n l c"]) -> Float[Tensor, "n l/2 c"]:
    even = rows.shape[1] // 2 * 2
    return 0.5 * (rows[:, 0:even:2] + rows[:, 1:even:2])
