# SPDX-License-Identifier: Apache-2.0
"""On a CPU: pieces of the picture small enough for its cache, and the few surfaces that each of them can
meet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from foundation_stereo_ros.training.primitives import Shape
from foundation_stereo_ros.training.scene_tensors import SceneBatch

_ROWS, _COLUMNS = 64, 128


def tiles(height: int, width: int, corners: bool) -> list[Tensor]:
    """Return numbers of rays, tile by tile: pixel centres, counted row by row, then corners if wanted."""
    result = []
    center = torch.arange(height * width).reshape(height, width)
    corner = height * width + torch.arange((height + 1) * (width + 1)).reshape(height + 1, width + 1)
    for top in range(0, height, _ROWS):
        bottom = top + _ROWS
        for left in range(0, width, _COLUMNS):
            right = left + _COLUMNS
            part = [center[top:bottom, left:right].reshape(-1)]
            if corners:  # the last tile of a row or column takes the rim along
                end_y = bottom if bottom < height else height + 1
                end_x = right if right < width else width + 1
                part.append(corner[top:end_y, left:end_x].reshape(-1))
            result.append(torch.cat(part))
    return result


def reachable(scene: SceneBatch, directions: Tensor, origins: Sequence[Tensor]) -> list[int]:
    """Return the rows of those surfaces whose bounding spheres meet the pyramid around some rays, in any
    scene.

    Args:
        scene: B scenes.
        directions: B x 3 x N with z = 1.
        origins: B x 3 each.
    """
    low, high = directions.amin(2), directions.amax(2)
    half = scene.surfaces[:, :, 12:15]
    radius = torch.linalg.vector_norm(half, dim=2)
    met = torch.zeros_like(radius, dtype=torch.bool)
    for origin in origins:
        x, y, z = (scene.surfaces[:, :, 9:12] - origin[:, None]).unbind(2)
        inside = z + radius > 0
        for value, axis in ((x, 0), (y, 1)):
            for bound, sign in ((low, -1.0), (high, 1.0)):
                edge = bound[:, axis, None]
                inside &= sign * (value - edge * z) <= radius * (1.0 + edge * edge).sqrt()
        met |= inside
    met |= scene.surfaces[:, :, 20] == float(Shape.ROOM)
    return [int(row) for row in met.any(0).nonzero()[:, 0]]
