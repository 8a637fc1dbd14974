# SPDX-License-Identifier: Apache-2.0
"""What a disparity map tells about its pixels: which ones the right camera sees, and which are at edges."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

EDGE_REACH = 3
"""Pixels to each side of a depth edge that count as near it."""


def seen_by_right(disparity: Tensor, valid: Tensor) -> Tensor:
    """Return where the right camera sees what the left one does, to a pixel.

    A left pixel is hidden where another one of its row falls upon the same right pixel with a disparity
    that is greater by more than a pixel, or where it falls outside the right view.

    Args:
        disparity: B x 1 x H x W, pixels, finite.
        valid: bool; what is not valid hides nothing.
    """
    width = disparity.shape[-1]
    place = torch.arange(width, device=disparity.device) - disparity
    nearest = torch.full_like(disparity, -1.0)
    known = torch.where(valid, disparity, -1.0)
    for column in (place.floor(), place.ceil()):
        inside = (column >= 0) & (column < width)
        index = column.clamp(0, width - 1).long()
        nearest.scatter_reduce_(-1, index, torch.where(inside, known, -1.0), "amax")
    found = nearest.gather(-1, place.round().clamp(0, width - 1).long())
    return (place >= -0.5) & (place <= width - 0.5) & (found <= disparity + 1.0)


def near_edges(disparity: Tensor, valid: Tensor) -> Tensor:
    """Return where a depth edge (more than a pixel of disparity from one pixel to the next) is near.

    Args:
        disparity: B x 1 x H x W, pixels, finite.
        valid: bool; where one of two neighbours is not valid, there is no edge between them.
    """
    edges = torch.zeros_like(valid)
    for axis in (-2, -1):
        count = disparity.shape[axis] - 1
        first, second = (disparity.narrow(axis, start, count) for start in (0, 1))
        known = valid.narrow(axis, 0, count) & valid.narrow(axis, 1, count)
        jump = ((second - first).abs() > 1) & known
        edges.narrow(axis, 0, count).logical_or_(jump)
        edges.narrow(axis, 1, count).logical_or_(jump)
    size = 2 * EDGE_REACH + 1
    return F.max_pool2d(edges.float(), size, stride=1, padding=EDGE_REACH) > 0
