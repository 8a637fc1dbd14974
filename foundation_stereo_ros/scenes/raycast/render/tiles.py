# SPDX-License-Identifier: Apache-2.0
"""On a CPU: pieces of the picture small enough for its cache, and the few surfaces that each of them can
meet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.compose.world import Shape
from foundation_stereo_ros.scenes.raycast.render.tensors import SceneBatch

_ROWS, _COLUMNS = 32, 32
TOGETHER = 8  # tiles that are shaded at once, where the number of surfaces does not matter


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
    """Return the rows of those surfaces whose boxes may meet the pyramid around some rays, in any scene.

    Args:
        scene: B scenes.
        directions: B x 3 x N with z = 1.
        origins: B x 3 each.
    """
    flat = directions[:, :2]
    axes = scene.surfaces[:, :, :9].unflatten(2, (3, 3)) * scene.surfaces[:, :, None, 12:15]
    met = scene.surfaces[:, :, 20] == float(Shape.ROOM)
    for origin in origins:
        center = scene.surfaces[:, :, 9:12] - origin[:, None]
        met |= in_pyramid(axes, center, flat.amin(2), flat.amax(2))
    return [int(row) for row in met.any(0).nonzero()[:, 0]]


def in_pyramid(
    axes: Tensor, center: Tensor, low: Tensor, high: Tensor, margin: Tensor | float = 0.0
) -> Tensor:
    """Return whether boxes may reach into a pyramid with its tip at the origin that opens along z.

    Args:
        axes: B x K x 3 x 3, the boxes' axes (columns) times their half sizes.
        center: B x K x 3, of the boxes.
        low, high: B x 2, bounds of x / z and y / z in the pyramid.
        margin: by how much the tip may be elsewhere.

    Returns:
        B x K.
    """
    inside = center[:, :, 2] + axes[:, :, 2].abs().sum(2) > -margin
    for axis in (0, 1):
        for bound, sign in ((low, -1.0), (high, 1.0)):
            edge = bound[:, axis, None]
            beyond = sign * (center[:, :, axis] - edge * center[:, :, 2])
            reach = (axes[:, :, axis] - edge[..., None] * axes[:, :, 2]).abs().sum(2)
            inside &= beyond <= reach + margin * (1.0 + edge * edge).sqrt()
    return inside
