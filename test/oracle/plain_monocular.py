# SPDX-License-Identifier: Apache-2.0
"""The monocular branch, plainly."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from plain_layers import (
    Weights,
    conv2d,
    layer_norm,
    linear,
    resized,
    single,
    sizes,
)
from torch import Tensor

_PATCH, _HEAD_WIDTH, _EPS = 14, 64, 1e-6
_MULTIPLE, _LARGEST = 112, 1344
_TABLE = 37


def monocular_map(w: Weights, images: Tensor, taps: tuple[int, ...]) -> Tensor:
    """Return monocular features at 1/4 of normalised B x 3 x H x W images.

    Args:
        w: of the branch.
        images: both views.
        taps: 0-based blocks whose outputs are read.
    """
    height, width = sizes(images)
    size = _stretched(height, width)
    x = F.interpolate(images, size=size, mode="bicubic", align_corners=False)
    out = _dpt(w.at("dpt"), _vit(w.at("vit"), x, taps))
    return resized(resized(out, size), (height // 4, width // 4))


def _stretched(height: int, width: int) -> tuple[int, int]:
    def up(value: float) -> int:
        return _MULTIPLE * math.ceil(value / _MULTIPLE)

    h, w = up(height), up(width)
    if max(h, w) <= _LARGEST:
        return h, w
    if h > w:
        return _LARGEST, up(w * _LARGEST / h)
    return up(h * _LARGEST / w), _LARGEST


def _vit(w: Weights, image: Tensor, taps: tuple[int, ...]) -> list[Tensor]:
    patches = F.conv2d(image, w["patch_embed.weight"], w["patch_embed.bias"], stride=_PATCH)
    grid = sizes(patches)
    x = patches.flatten(2).transpose(1, 2)
    x = torch.cat((w["cls_token"].to(x.dtype).expand(len(x), -1, -1), x), dim=1)
    x = x + _position_table(w["pos_embed"], grid).to(x.dtype)
    tapped = []
    for number, block in enumerate(w.numbered("blocks")):
        x = x + block["ls1.gamma"] * _attention(block.at("attn"), layer_norm(block.at("norm1"), x, _EPS))
        y = F.gelu(linear(block.at("mlp.fc1"), layer_norm(block.at("norm2"), x, _EPS)))
        x = x + block["ls2.gamma"] * linear(block.at("mlp.fc2"), y)
        if number in taps:
            tokens = layer_norm(w.at("norm"), x, _EPS)[:, 1:]
            tapped.append(tokens.transpose(1, 2).unflatten(2, grid))
    return tapped


def _attention(w: Weights, x: Tensor) -> Tensor:
    parts = linear(w.at("qkv"), x).unflatten(-1, (3, -1, _HEAD_WIDTH))
    q, k, v = (part.transpose(1, 2) for part in parts.unbind(2))
    mixed = F.scaled_dot_product_attention(q, k, v)
    return linear(w.at("proj"), mixed.transpose(1, 2).flatten(2))


def _position_table(table: Tensor, grid: tuple[int, int]) -> Tensor:
    if grid == (_TABLE, _TABLE):
        return table
    patches = single(table[:, 1:]).transpose(1, 2).unflatten(2, (_TABLE, _TABLE))
    factors = [(length + 0.1) / _TABLE for length in grid]
    patches = F.interpolate(patches, scale_factor=factors, mode="bicubic", recompute_scale_factor=False)
    return torch.cat((single(table[:, :1]), patches.flatten(2).transpose(1, 2)), dim=1)


def _dpt(w: Weights, taps: list[Tensor]) -> Tensor:
    projected = [conv2d(p, tap) for p, tap in zip(w.numbered("projects"), taps, strict=True)]
    scaled = [
        F.conv_transpose2d(projected[0], w["resizes.0.weight"], w["resizes.0.bias"], stride=4),
        F.conv_transpose2d(projected[1], w["resizes.1.weight"], w["resizes.1.bias"], stride=2),
        projected[2],
        conv2d(w.at("resizes.3"), projected[3], stride=2),
    ]
    r1, r2, r3, r4 = (conv2d(r, x) for r, x in zip(w.numbered("reduces"), scaled, strict=True))
    p4 = _fused(w.at("fusions.3"), r4, None, sizes(r3))
    p3 = _fused(w.at("fusions.2"), p4, r3, sizes(r2))
    p2 = _fused(w.at("fusions.1"), p3, r2, sizes(r1))
    p1 = _fused(w.at("fusions.0"), p2, r1, (2 * r1.shape[-2], 2 * r1.shape[-1]))
    return conv2d(w.at("output"), p1)


def _fused(w: Weights, x: Tensor, finer: Tensor | None, size: tuple[int, int]) -> Tensor:
    if finer is not None:
        x = x + _residual_unit(w.at("skip"), finer)
    return conv2d(w.at("project"), resized(_residual_unit(w.at("refine"), x), size))


def _residual_unit(w: Weights, x: Tensor) -> Tensor:
    return x + conv2d(w.at("conv2"), F.relu(conv2d(w.at("conv1"), F.relu(x))))
