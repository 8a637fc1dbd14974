# SPDX-License-Identifier: Apache-2.0
"""Self-attention along the disparity axis (FoundationStereo, arXiv 2501.09898, section 3.2)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.nets.parts.attention import attend
from foundation_stereo_ros.nets.stereo.foundation.config import DisparityAttention


def sinusoidal_table(length: int, width: int) -> Float[Tensor, "length width"]:
    """Return position encodings, sines on even channels and cosines on odd ones."""
    rates = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * (-math.log(10000.0) / width))
    angles = torch.arange(length, dtype=torch.float32)[:, None] * rates
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)


class DisparityAttentionLayer(nn.Module):
    """Post-norm encoder layer; dropout 0.1 in training."""

    def __init__(self, width: int, heads: int, over: DisparityAttention) -> None:
        super().__init__()
        self.heads, self.over = heads, over
        self.q, self.k, self.v = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.linear1, self.linear2 = nn.Linear(width, width), nn.Linear(width, width)
        self.dropout = nn.Dropout(0.1)

    def _attention(self, x: Float[Tensor, "s n c"]) -> Float[Tensor, "s n c"]:
        q, k, v = (project(x).unflatten(-1, (self.heads, -1)) for project in (self.q, self.k, self.v))
        if self.over == "disparity":
            mixed = attend(q, k, v)
        else:  # what the public code does since June 2025: nothing moves along the disparity axis
            mixed = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.out(mixed.flatten(2))
        return out

    def forward(self, x: Float[Tensor, "s n c"]) -> Float[Tensor, "s n c"]:
        x = self.norm1(x + self.dropout(self._attention(x)))
        y = self.linear2(self.dropout(F.gelu(self.linear1(x))))
        out: Tensor = self.norm2(x + self.dropout(y))
        return out


class DisparityTransformer(nn.Module):
    """Each pixel's disparities attend to one another. The table of positions fits ``max_length`` of them."""

    table: Tensor

    def __init__(
        self, width: int, heads: int, layers: int, max_length: int, over: DisparityAttention
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DisparityAttentionLayer(width, heads, over) for _ in range(layers))
        self.register_buffer("table", sinusoidal_table(max_length, width), persistent=False)

    def forward(self, volume: Float[Tensor, "b c h w d"]) -> Float[Tensor, "b c h w d"]:
        batch, _, height, width, depth = volume.shape
        x = volume.movedim(1, -1).flatten(0, 2)
        x = x + self.table[:depth].to(x.dtype)
        for layer in self.layers:
            x = layer(x)
        attended: Tensor = x.unflatten(0, (batch, height, width)).movedim(-1, 1)
        return attended
