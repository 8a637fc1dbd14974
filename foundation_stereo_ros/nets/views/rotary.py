# SPDX-License-Identifier: Apache-2.0
"""Rotary position embedding in two dimensions: half of a head's channels tell the row, half the column."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

_BASE = 100.0


class Rotation(NamedTuple):
    """Cosines and sines of the angles by which the channels of one head are turned, in float32.

    Attributes:
        cos: for each token, then head (one for all), row or column, pair of channels.
        sin: the same.
    """

    cos: Float[Tensor, "n 1 2 quarter"]
    sin: Float[Tensor, "n 1 2 quarter"]

    @classmethod
    def of_grid(cls, rows: int, columns: int, channels: int, device: torch.device) -> Rotation:
        """Return the rotation of the tokens of a grid, row by row.

        Args:
            rows: of patches.
            columns: of patches.
            channels: of one head; a multiple of 4.
            device: where the tokens are.
        """
        quarter = channels // 4
        frequencies = _BASE ** (-torch.arange(quarter, device=device, dtype=torch.float32) / quarter)
        places = torch.cartesian_prod(torch.arange(rows, device=device), torch.arange(columns, device=device))
        angles = places.float()[:, None, :, None] * frequencies
        return cls(angles.cos(), angles.sin())

    def turn(self, x: Float[Tensor, "b n heads d"]) -> Float[Tensor, "b n heads d"]:
        """Turn queries or keys; a channel's partner is half of the row's (or column's) channels further."""
        a, b = x.unflatten(-1, (2, 2, -1)).unbind(-2)
        turned = torch.stack((a * self.cos - b * self.sin, b * self.cos + a * self.sin), -2)
        return turned.flatten(-3).to(x.dtype)
