# SPDX-License-Identifier: Apache-2.0
"""EdgeNeXt and the decoder that fuses it with the monocular map, plainly."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from plain_layers import (
    Weights,
    conv2d,
    instance_norm,
    layer_norm,
    linear,
    residual_block,
    up2d,
)
from torch import Tensor

_EPS = 1e-6
_POSITION_CHANNELS = 32


class Pyramid(NamedTuple):
    """Features at 1/4, 1/8, 1/16 and 1/32 of the images, and the monocular map at 1/4 where there is one."""

    f4: Tensor
    f8: Tensor
    f16: Tensor
    f32: Tensor
    mono: Tensor | None


def fused_features(w: Weights, images: Tensor, mono: Tensor | None) -> Pyramid:
    """Return the features of normalised B x 3 x H x W images."""
    e4, e8, e16, e32 = edgenext(w.at("cnn"), images)
    f16 = _up_block(w.at("up16"), e32, e16)
    f8 = _up_block(w.at("up8"), f16, e8)
    u4 = _up_block(w.at("up4"), f8, e4)
    x = u4 if mono is None else torch.cat((u4, mono), dim=1)
    x = F.leaky_relu(instance_norm(w, conv2d(w.at("fuse.0"), x)), 0.01)
    number = 3  # 1 and 2 are norm and activation
    while w.has(f"fuse.{number}"):
        x = residual_block(w.at(f"fuse.{number}"), x, instance_norm)
        number += 1
    return Pyramid(x, f8, f16, e32, mono)


def half_resolution_stem(w: Weights, left: Tensor) -> Tensor:
    """Return the left image's detail at 1/2."""
    x = F.leaky_relu(instance_norm(w, conv2d(w.at("layers.0"), left, stride=2)), 0.01)
    return F.relu(instance_norm(w, conv2d(w.at("layers.3"), x)))


def _up_block(w: Weights, coarse: Tensor, fine: Tensor) -> Tensor:
    up = F.leaky_relu(instance_norm(w, up2d(w.at("up.0"), coarse)), 0.01)
    x = torch.cat((up, fine), dim=1)
    y = F.relu(instance_norm(w, conv2d(w.at("conv1"), x)))
    y = instance_norm(w, conv2d(w.at("conv2"), y))
    return F.relu(y + x)


def edgenext(w: Weights, x: Tensor) -> list[Tensor]:
    """Return the four stages' maps."""
    x = _channel_norm(w.at("stem.1"), F.conv2d(x, w["stem.0.weight"], w["stem.0.bias"], stride=4))
    maps = []
    for stage in w.numbered("stages"):
        if stage.has("downsample"):
            x = conv2d(stage.at("downsample.1"), _channel_norm(stage.at("downsample.0"), x), stride=2)
        for block in stage.numbered("blocks"):
            x = _split_transpose_block(block, x) if block.has("xca") else _conv_block(block, x)
        maps.append(x)
    return maps


def _channel_norm(w: Weights, x: Tensor) -> Tensor:
    return layer_norm(w, x.permute(0, 2, 3, 1), _EPS).permute(0, 3, 1, 2)


def _conv_block(w: Weights, x: Tensor) -> Tensor:
    y = conv2d(w.at("conv_dw"), x, depthwise=True)
    return x + _mlp(w, y.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _mlp(w: Weights, x: Tensor) -> Tensor:
    y = layer_norm(w.at("norm"), x, _EPS)
    return w["gamma"] * linear(w.at("mlp.fc2"), F.gelu(linear(w.at("mlp.fc1"), y)))


def _split_transpose_block(w: Weights, x: Tensor) -> Tensor:
    height, width = x.shape[-2:]
    convs = list(w.numbered("convs"))
    *chunks, last = x.chunk(len(convs) + 1, dim=1)
    outputs: list[Tensor] = []
    for conv, chunk in zip(convs, chunks, strict=True):
        read = chunk + outputs[-1] if outputs else chunk
        outputs.append(conv2d(conv, read, depthwise=True))
    mixed = torch.cat((*outputs, last), dim=1)
    if w.has("pos_embd"):
        mixed = mixed + conv2d(w.at("pos_embd.token_projection"), _positions(height, width, mixed))
    tokens = mixed.flatten(2).transpose(1, 2)
    attended = _cross_covariance(w.at("xca"), layer_norm(w.at("norm_xca"), tokens, _EPS))
    tokens = tokens + w["gamma_xca"] * attended
    out: Tensor = x + _mlp(w, tokens).transpose(1, 2).unflatten(2, (height, width))
    return out


def _cross_covariance(w: Weights, tokens: Tensor) -> Tensor:
    temperature = w["temperature"]
    parts = linear(w.at("qkv"), tokens).unflatten(-1, (3, len(temperature), -1))
    q, k, v = (part.permute(0, 2, 3, 1) for part in parts.unbind(2))  # batch, head, channel, token
    logits = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-1, -2) * temperature
    out = logits.softmax(dim=-1) @ v
    return linear(w.at("proj"), out.flatten(1, 2).transpose(1, 2))


def _positions(height: int, width: int, like: Tensor) -> Tensor:
    """Return 1 x 64 x H x W Fourier features, made in float32 as the weights' own code does."""
    channel = torch.arange(_POSITION_CHANNELS, device=like.device)
    divisor = torch.pow(10000, 2 * (channel // 2).float() / _POSITION_CHANNELS)
    axes = []
    for length in (height, width):
        place = torch.arange(1, length + 1, device=like.device, dtype=torch.float32)
        angle = (place / (length + _EPS) * (2 * math.pi))[:, None] / divisor
        axes.append(torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), dim=2).flatten(1).T)
    rows = axes[0][:, :, None].expand(-1, -1, width)
    columns = axes[1][:, None, :].expand(-1, height, -1)
    return torch.cat((rows, columns))[None].to(like.dtype)
