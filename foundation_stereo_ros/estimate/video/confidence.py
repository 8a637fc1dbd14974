# SPDX-License-Identifier: Apache-2.0
"""How sure a depth is, from how well the views agree: for networks that do not say so themselves."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from foundation_stereo_ros.nets.video.projection import moved, seen_in, unproject

_RADIUS = 2  # of the windows that are compared, pixels
_NOISE = 4.0  # grey levels squared: what varies less has no texture to agree in
_SAME = 0.1  # relative difference of two depths at which their agreement is 1/e
_UNKNOWN = 0.5  # agreement with a last depth that is not there


def agreement(
    depth: Float[Tensor, "b h w"],
    grey: Float[Tensor, "b 1 h w"],
    views: Sequence[tuple[Tensor, Tensor]],
    intrinsics: Float[Tensor, "b 3 3"],
    last: tuple[Tensor, Tensor] | None = None,
) -> Float[Tensor, "b h w"]:
    """Return 0 to 1: how alike the views are at this depth, times how near the last depth is to it.

    Likeness is the zero-mean normalised cross-correlation of windows of 5 x 5 pixels, as a mean over the
    views, from -1 to 1 brought to 0 to 1; a view that does not see the pixel counts as -1. Depths agree by
    exp(-10 |difference| / depth).

    Args:
        depth: metres.
        grey: the image, 0 to 255.
        views: grey images of others, with the motion that takes points there.
        intrinsics: of all of them.
        last: the last depth, metres, with the motion that takes points to its camera; None: there is none.
    """
    points = unproject(depth, intrinsics)
    likeness = torch.stack([_likeness(grey, other, points, move, intrinsics) for other, move in views]).mean(
        dim=0
    )
    found = (likeness.squeeze(1) + 1) / 2
    if last is None:
        return found * _UNKNOWN
    before, to_previous = last
    there = moved(points, to_previous)
    grid, inside = _grid(there, intrinsics, depth)
    known = F.grid_sample(before.unsqueeze(1), grid, mode="nearest", align_corners=True).squeeze(1)
    z = there[:, 2].view_as(depth)
    same = torch.exp(-(known - z).abs() / (_SAME * z.clamp(min=1e-3)))
    return found * torch.where(inside, same, _UNKNOWN)


def _likeness(grey: Tensor, other: Tensor, points: Tensor, move: Tensor, intrinsics: Tensor) -> Tensor:
    grid, inside = _grid(moved(points, move), intrinsics, grey[:, 0])
    seen = F.grid_sample(other, grid, align_corners=True)
    first, second = _mean(grey), _mean(seen)
    spread = (_mean(grey * grey) - first * first) * (_mean(seen * seen) - second * second)
    found = (_mean(grey * seen) - first * second) / (spread.clamp(min=0).sqrt() + _NOISE)
    return torch.where(inside.unsqueeze(1), found.clamp(-1, 1), -1.0)


def _mean(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2 * _RADIUS + 1, 1, _RADIUS, count_include_pad=False)


def _grid(points: Tensor, intrinsics: Tensor, like: Float[Tensor, "b h w"]) -> tuple[Tensor, Tensor]:
    height, width = like.shape[-2:]
    u, v, inside = seen_in(points, intrinsics, (height, width))
    return torch.stack([2 * u / (width - 1) - 1, 2 * v / (height - 1) - 1], dim=-1), inside
