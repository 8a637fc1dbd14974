# SPDX-License-Identifier: Apache-2.0
"""Filtering of the cost volume and the first disparity, plainly."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from plain_features import Pyramid
from plain_layers import (
    Weights,
    batch_norm,
    conv2d,
    conv3d,
    layer_norm,
    linear,
    up3d,
)
from torch import Tensor

from foundation_stereo_ros.nets.stereo.foundation.config import NetworkConfig


def reduced_volume(w: Weights, volume: Tensor) -> Tensor:
    """Return the raw volume with fewer channels; ``w``: the cost stem's."""
    return conv3d(w.at("reduce"), volume)


def filtered_volume(w: Weights, volume: Tensor, left: Pyramid, config: NetworkConfig) -> Tensor:
    """Return V1 of the reduced volume.

    Args:
        w: of the whole network.
        volume: of `reduced_volume`.
        left: features of the left view.
        config: which attention, and its heads; whether v0 is added.
    """
    stem = w.at("cost_stem")
    v0 = _conv_bn(stem.at("mix"), volume)
    for block in stem.numbered("blocks"):
        v0 = _residual_block(block, v0)
    v0 = _gate(stem.at("gate"), v0, left.f4)
    w = w.at("hourglass")
    a8 = _down(w.at("down8"), v0, left.f8)
    a16 = _down(w.at("down16"), a8, left.f16)
    a32 = _down(w.at("down32"), a16, left.f32)
    b16 = _up(w.at("up16"), a32, a16, left.f16)
    b8 = _up(w.at("up8"), b16, a8, left.f8)
    u = _up_bn(w.at("up4"), b8)
    patches = F.conv3d(v0, w["patch.0.weight"], w["patch.0.bias"], stride=4, groups=len(w["patch.0.weight"]))
    t = _transformer(w.at("transformer"), batch_norm(w.at("patch.1"), patches), config)
    t = F.interpolate(t, scale_factor=4, mode="trilinear", align_corners=False)
    if config.volume_skip:
        t = t + v0
    return _planars(w, "output", u + t)


def initial_disparity(w: Weights, volume: Tensor) -> Tensor:
    """Return B x 1 x h x w in quarter pixels of V1; ``w``: the classifier's."""
    x = _conv_bn(w.at("reduce"), volume)
    if w.has("block.conv1"):
        x = _residual_block(w.at("block"), x)
    likely = F.softmax(conv3d(w.at("logits"), x).squeeze(1), dim=1)
    disparity = torch.zeros_like(likely[:, :1])
    for i in range(likely.shape[1]):
        disparity = disparity + i * likely[:, i : i + 1]
    return disparity


def _conv_bn(w: Weights, x: Tensor, stride: int = 1) -> Tensor:
    return F.leaky_relu(batch_norm(w.at("1"), conv3d(w.at("0"), x, stride)), 0.01)


def _up_bn(w: Weights, x: Tensor) -> Tensor:
    return F.leaky_relu(batch_norm(w.at("1"), up3d(w.at("0"), x)), 0.01)


def _planar(w: Weights, x: Tensor) -> Tensor:
    x = F.relu(batch_norm(w.at("1"), conv3d(w.at("0"), x)))
    return F.relu(batch_norm(w.at("4"), conv3d(w.at("3"), x)))


def _planars(w: Weights, path: str, x: Tensor) -> Tensor:
    for block in w.numbered(path):
        x = _planar(block, x)
    return x


def _residual_block(w: Weights, x: Tensor) -> Tensor:
    y = F.relu(batch_norm(w.at("norm1"), conv3d(w.at("conv1"), x)))
    return F.relu(batch_norm(w.at("norm2"), conv3d(w.at("conv2"), y)) + x)


def _gate(w: Weights, volume: Tensor, features: Tensor) -> Tensor:
    x = F.leaky_relu(batch_norm(w.at("norm"), conv2d(w.at("conv1"), features)), 0.01)
    return torch.sigmoid(conv2d(w.at("conv2"), x)).unsqueeze(2) * volume


def _down(w: Weights, volume: Tensor, features: Tensor) -> Tensor:
    return _gate(w.at("gate"), _planar(w.at("planar"), _conv_bn(w.at("conv"), volume, stride=2)), features)


def _up(w: Weights, coarse: Tensor, fine: Tensor, features: Tensor) -> Tensor:
    joined = _conv_bn(w.at("join"), torch.cat((_up_bn(w.at("up"), coarse), fine), dim=1))
    return _gate(w.at("gate"), _planars(w, "planar", joined), features)


def _transformer(w: Weights, volume: Tensor, config: NetworkConfig) -> Tensor:
    """Let the disparities of each pixel attend to one another."""
    batch, channels, depth, height, width = volume.shape
    x = volume.permute(0, 3, 4, 2, 1).reshape(-1, depth, channels)
    x = x + _sines(depth, channels, x)
    for layer in w.numbered("layers"):
        q, k, v = (linear(layer.at(name), x).unflatten(-1, (config.transformer_heads, -1)) for name in "qkv")
        if config.disparity_attention == "disparity":
            q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        mixed = F.scaled_dot_product_attention(q, k, v)
        if config.disparity_attention == "disparity":
            mixed = mixed.transpose(1, 2)
        x = layer_norm(layer.at("norm1"), x + linear(layer.at("out"), mixed.flatten(2)), 1e-5)
        y = linear(layer.at("linear2"), F.gelu(linear(layer.at("linear1"), x)))
        x = layer_norm(layer.at("norm2"), x + y, 1e-5)
    return x.reshape(batch, height, width, depth, channels).permute(0, 4, 3, 1, 2)


def _sines(length: int, width: int, like: Tensor) -> Tensor:
    table = torch.zeros(length, width)
    rates = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * (-math.log(10000.0) / width))
    for position in range(length):
        table[position, 0::2] = torch.sin(position * rates)
        table[position, 1::2] = torch.cos(position * rates)
    return table.to(like)
