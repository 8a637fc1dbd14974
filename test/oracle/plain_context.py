# SPDX-License-Identifier: Apache-2.0
"""The context network, plainly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from plain_layers import Weights, batch_norm, conv2d, residual_block
from torch import Tensor


class Level(NamedTuple):
    """One scale: first hidden state, context, and where the small GRU is to be trusted (0 to 1)."""

    hidden: Tensor
    context: Tensor
    attention: Tensor


def context_levels(w: Weights, left: Tensor, mono: Tensor | None, strides: Sequence[int]) -> list[Level]:
    """Return the levels, finest first.

    Args:
        w: of the context network.
        left: normalised image.
        mono: its monocular features, where there are any.
        strides: of the first three stages.
    """
    x = F.relu(batch_norm(w.at("stem.1"), conv2d(w.at("stem.0"), left, strides[0])))
    for number, stage in enumerate(w.numbered("stages")):
        x = _stage(stage, x, strides[number] if number else 1)
    x = x if mono is None else torch.cat((x, mono), dim=1)
    x = F.leaky_relu(batch_norm(w.at("join.1"), conv2d(w.at("join.0"), x)), 0.01)
    levels = []
    for number, heads in enumerate(w.numbered("heads")):
        if number:
            x = _stage(w.at(f"downs.{number - 1}"), x, 2)
        hidden = torch.tanh(_head(heads.at("0"), x))
        context = F.relu(_head(heads.at("1"), x))
        context = _channel_attention(w.at("channel_attention.squeeze"), context) * context
        levels.append(Level(hidden, context, _spatial_attention(w.at("spatial_attention.conv"), context)))
    return levels


def _stage(w: Weights, x: Tensor, stride: int) -> Tensor:
    return residual_block(w.at("1"), residual_block(w.at("0"), x, batch_norm, stride), batch_norm)


def _head(w: Weights, x: Tensor) -> Tensor:
    if not w.has("1"):  # the coarsest scale
        return conv2d(w.at("0"), x)
    return conv2d(w.at("1"), residual_block(w.at("0"), x, batch_norm))


def _channel_attention(w: Weights, x: Tensor) -> Tensor:
    def squeezed(y: Tensor) -> Tensor:
        return conv2d(w.at("2"), F.relu(conv2d(w.at("0"), y)))

    return torch.sigmoid(squeezed(x.mean((2, 3), keepdim=True)) + squeezed(x.amax((2, 3), keepdim=True)))


def _spatial_attention(w: Weights, x: Tensor) -> Tensor:
    return torch.sigmoid(conv2d(w, torch.cat((x.mean(1, keepdim=True), x.amax(1, keepdim=True)), dim=1)))
