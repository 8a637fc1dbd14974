# SPDX-License-Identifier: Apache-2.0
"""The context network: left image to first GRU states, contexts and attention.

FoundationStereo (arXiv 2501.09898), section 3.3. The encoder is RAFT-Stereo's (arXiv 2109.07547), the
attention that of Selective-Stereo (arXiv 2403.00486).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.nets.parts.blocks import ResidualBlock, conv3x3
from foundation_stereo_ros.nets.stereo.foundation.config import NetworkConfig


class Context(NamedTuple):
    """For each GRU level, finest first: first hidden state, context, where the small GRU is to be trusted.

    All are B x C x h x w, the attention with one channel and from 0 to 1.
    """

    hidden: list[Tensor]
    context: list[Tensor]
    attention: list[Tensor]


def _stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        ResidualBlock(inputs, outputs, nn.BatchNorm2d, stride),
        ResidualBlock(outputs, outputs, nn.BatchNorm2d),
    )


class ContextEncoder(nn.Module):
    """Residual encoder over the left image, joined by monocular features at 1/4; a pair of maps a level."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        w1, w2, w3 = config.context_widths
        s1, s2, s3 = config.context_strides
        width = config.hidden_dim
        self.stem = nn.Sequential(nn.Conv2d(3, w1, 7, s1, padding=3), nn.BatchNorm2d(w1), nn.ReLU())
        self.stages = nn.Sequential(_stage(w1, w1, 1), _stage(w1, w2, s2), _stage(w2, w3, s3))
        self.join = nn.Sequential(
            conv3x3(w3 + config.monocular_width, width, bias=False), nn.BatchNorm2d(width), nn.LeakyReLU()
        )
        self.downs = nn.ModuleList(_stage(width, width, 2) for _ in range(config.gru_levels - 1))
        self.heads = nn.ModuleList(
            nn.ModuleList(_head(width, level) for _ in range(2)) for level in range(config.gru_levels)
        )
        self.channel_attention = ChannelAttention(width)
        self.spatial_attention = SpatialAttention()

    def forward(self, left: Float[Tensor, "b 3 h w"], mono: Tensor | None) -> Context:
        x = self.stages(self.stem(left))
        x = self.join(x if mono is None else torch.cat((x, mono), dim=1))
        hidden, context, attention = [], [], []
        head_hidden: nn.Module
        head_context: nn.Module
        for level, (head_hidden, head_context) in enumerate(self.heads):  # type: ignore[misc]
            if level > 0:
                x = self.downs[level - 1](x)
            hidden.append(torch.tanh(head_hidden(x)))
            c = F.relu(head_context(x))
            c = self.channel_attention(c) * c
            context.append(c)
            attention.append(self.spatial_attention(c))
        return Context(hidden, context, attention)


def _head(width: int, level: int) -> nn.Sequential:
    blocks: list[nn.Module] = [conv3x3(width, width)]
    if level < 2:  # the coarsest level has no residual block
        blocks.insert(0, ResidualBlock(width, width, nn.BatchNorm2d))
    return nn.Sequential(*blocks)


class ChannelAttention(nn.Module):
    """One sigmoid a channel, from its global mean and maximum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        few = max(width // 16, 2)
        self.squeeze = nn.Sequential(
            nn.Conv2d(width, few, 1, bias=False), nn.ReLU(), nn.Conv2d(few, width, 1, bias=False)
        )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c 1 1"]:
        mean, largest = x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
        return torch.sigmoid(self.squeeze(mean) + self.squeeze(largest))


class SpatialAttention(nn.Module):
    """One sigmoid a pixel, from its channels' mean and maximum."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 1 h w"]:
        pooled = torch.cat((x.mean(1, keepdim=True), x.amax(1, keepdim=True)), dim=1)
        return torch.sigmoid(self.conv(pooled))
