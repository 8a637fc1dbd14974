# SPDX-License-Identifier: Apache-2.0
"""Where a flat card has substance: squares, discs, bars and meshes, leaves with gaps between them."""

from __future__ import annotations

import torch
from torch import Tensor


def card_mask(x: Tensor, y: Tensor, extra: Tensor) -> Tensor:
    """Return where a card has substance. x, y: B x N in -1..1; extra: B x 5 as in `Primitive`."""
    bars_x, share_x, bars_y, share_y, cut = (value[:, None] for value in extra.unbind(1))
    inside = torch.where(cut == 1, x * x + y * y, torch.maximum(x.abs(), y.abs())) < 1
    bars = ((x * bars_x).frac().abs() < share_x) | ((y * bars_y).frac().abs() < share_y)
    cells = (-cut).clamp(min=1.0)
    u, v = x * cells, y * cells
    iu, iv = u.floor(), v.floor()
    chance = ((iu * 12.9898 + iv * 78.233).sin() * 437.5853).frac().abs()
    turn = chance * 40.0
    cosine, sine = turn.cos(), turn.sin()
    du, dv = u - iu - 0.5 - 0.22 * cosine, v - iv - 0.5 - 0.22 * sine
    along, across = cosine * du - sine * dv, sine * du + cosine * dv
    slim = 1.6 + 1.2 * (chance * 7.0).frac()  # leaves are longer than wide, and point anywhere
    leaf = along * along + (slim * across) ** 2 < (0.26 + 0.26 * chance) ** 2
    leaf &= (chance * 13.0).frac() > 0.15
    return inside & torch.where(cut < 0, leaf, bars)
