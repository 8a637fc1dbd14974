# SPDX-License-Identifier: Apache-2.0
"""The blocks of encoder and decoders: attention inside a view, attention to the other view, MLP."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.nets.parts.attention import attend
from foundation_stereo_ros.nets.views.rotary import Rotation

_MLP_RATIO = 4


def layer_norm(width: int) -> nn.LayerNorm:
    """Return the normalisation that all parts of the network use."""
    return nn.LayerNorm(width, eps=1e-6)


class Mlp(nn.Module):
    """Two linear layers with GELU between them."""

    def __init__(self, width: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return y


class SelfAttention(nn.Module):
    """Attention among the tokens of one view."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "b n width"], places: Rotation) -> Float[Tensor, "b n width"]:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).unbind(2)
        y: Tensor = self.proj(attend(places.turn(q), places.turn(k), v).flatten(2))
        return y


class CrossAttention(nn.Module):
    """Attention of one view's tokens to those of the other."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.projq, self.projk = nn.Linear(width, width), nn.Linear(width, width)
        self.projv, self.proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(
        self,
        x: Float[Tensor, "b n width"],
        other: Float[Tensor, "b m width"],
        places: Rotation,
        other_places: Rotation,
    ) -> Float[Tensor, "b n width"]:
        split = (self.heads, -1)
        q = places.turn(self.projq(x).unflatten(-1, split))
        k = other_places.turn(self.projk(other).unflatten(-1, split))
        v = self.projv(other).unflatten(-1, split)
        y: Tensor = self.proj(attend(q, k, v).flatten(2))
        return y


class EncoderBlock(nn.Module):
    """A pre-norm transformer block over one view."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attn = layer_norm(width), SelfAttention(width, heads)
        self.norm2, self.mlp = layer_norm(width), Mlp(width, _MLP_RATIO * width, width)

    def forward(self, x: Float[Tensor, "b n width"], places: Rotation) -> Float[Tensor, "b n width"]:
        x = x + self.attn(self.norm1(x), places)
        y: Tensor = x + self.mlp(self.norm2(x))
        return y


class DecoderBlock(nn.Module):
    """A pre-norm transformer block over one view that also looks at the other one, without changing it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attn = layer_norm(width), SelfAttention(width, heads)
        self.norm_y, self.norm2 = layer_norm(width), layer_norm(width)
        self.cross_attn = CrossAttention(width, heads)
        self.norm3, self.mlp = layer_norm(width), Mlp(width, _MLP_RATIO * width, width)

    def forward(
        self,
        x: Float[Tensor, "b n width"],
        other: Float[Tensor, "b m width"],
        places: Rotation,
        other_places: Rotation,
    ) -> Float[Tensor, "b n width"]:
        x = x + self.attn(self.norm1(x), places)
        x = x + self.cross_attn(self.norm2(x), self.norm_y(other), places, other_places)
        y: Tensor = x + self.mlp(self.norm3(x))
        return y
