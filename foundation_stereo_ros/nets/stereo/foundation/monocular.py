# SPDX-License-Identifier: Apache-2.0
"""The frozen monocular prior: Depth Anything V2's DINOv2 encoder and DPT head.

FoundationStereo (arXiv 2501.09898), section 3.1; Depth Anything V2 (arXiv 2406.09414).
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.nets.parts.attention import attend
from foundation_stereo_ros.nets.parts.blocks import resize_aligned
from foundation_stereo_ros.nets.parts.dpt import DptHead
from foundation_stereo_ros.nets.parts.timm_import import import_timm
from foundation_stereo_ros.nets.stereo.foundation.config import MONOCULAR, MonocularSize

PATCH = 14
_STEP = math.lcm(PATCH, 16)
_LARGEST = 1344
_TABLE_SIDE = 37


def vit_input_size(height: int, width: int) -> tuple[int, int]:
    """Return the size an image is stretched to for the ViT: multiples of 112, no side over 1344 pixels."""

    def up(x: float) -> int:
        return _STEP * math.ceil(x / _STEP)

    h, w = up(height), up(width)
    if h > _LARGEST or w > _LARGEST:
        return (_LARGEST, up(w * _LARGEST / h)) if h > w else (up(h * _LARGEST / w), _LARGEST)
    return h, w


class DinoV2(nn.Module):
    """timm's DINOv2 blocks behind the original rule for position embeddings, which timm resizes otherwise."""

    def __init__(self, name: str, taps: tuple[int, ...]) -> None:
        super().__init__()
        vit: Any = import_timm().create_model(name, pretrained=False, num_classes=0, weight_init="skip")
        self.taps = taps
        self.patch_embed = vit.patch_embed.proj
        self.cls_token, self.pos_embed = vit.cls_token, vit.pos_embed
        self.blocks, self.norm = vit.blocks, vit.norm

    def position_table(self, rows: int, cols: int, dtype: torch.dtype) -> Float[Tensor, "1 n width"]:
        """Return position embeddings for the class token and a grid of patches, resized in full precision.

        The size is given as a factor with an offset of 0.1, and the factor itself sets the sampling step: the
        convention the weights were trained with.
        """
        if (rows, cols) == (_TABLE_SIDE, _TABLE_SIDE):
            table: Tensor = self.pos_embed.to(dtype)
            return table
        cls, grid = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        grid = grid.unflatten(1, (_TABLE_SIDE, _TABLE_SIDE)).permute(0, 3, 1, 2)
        factors = ((rows + 0.1) / _TABLE_SIDE, (cols + 0.1) / _TABLE_SIDE)
        grid = F.interpolate(grid, scale_factor=factors, mode="bicubic", recompute_scale_factor=False)
        return torch.cat((cls, grid.flatten(2).transpose(1, 2)), dim=1).to(dtype)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b width rows cols"]]:
        """Return the normalised patch tokens after each tapped block, as maps."""
        patches = self.patch_embed(image)
        rows, cols = patches.shape[-2:]
        x = patches.flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.to(x.dtype).expand(len(x), -1, -1), x), dim=1)
        x = x + self.position_table(rows, cols, x.dtype)
        tapped = []
        for i, block in enumerate(self.blocks):
            x = x + block.ls1(_self_attention(block.attn, block.norm1(x)))
            x = x + block.ls2(block.mlp(block.norm2(x)))
            if i in self.taps:
                tapped.append(self.norm(x)[:, 1:].transpose(1, 2).unflatten(2, (rows, cols)))
        return tapped


def _self_attention(attn: Any, x: Tensor) -> Tensor:
    q, k, v = attn.qkv(x).unflatten(-1, (3, attn.num_heads, -1)).unbind(2)
    out: Tensor = attn.proj(attend(q, k, v).flatten(2))
    return out


class MonocularBranch(nn.Module):
    """Normalised images to monocular features at a quarter of their size.

    Never trained, always in evaluation mode.
    """

    def __init__(self, size: MonocularSize) -> None:
        super().__init__()
        spec = MONOCULAR[size]
        self.vit = DinoV2(spec.vit, spec.taps)
        width = int(self.vit.patch_embed.out_channels)
        self.dpt = DptHead((width, width, width, width), spec.features, spec.stage_widths)
        self.requires_grad_(False)

    def train(self, mode: bool = True) -> MonocularBranch:
        """Stay in evaluation mode, whatever the network around it does."""
        super().train(False)
        return self

    @torch.no_grad()
    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b width h/4 w/4"]:
        height, width = image.shape[-2:]
        size = vit_input_size(height, width)
        stretched = F.interpolate(image, size=size, mode="bicubic", align_corners=False)
        features = self.dpt(self.vit(stretched), size)
        return resize_aligned(features, (height // 4, width // 4))
