# SPDX-License-Identifier: Apache-2.0
"""One refinement: motion features, selective GRUs from coarse to fine, disparity head.

Specification section 19.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.network.blocks import conv3x3, resize_aligned
from foundation_stereo_ros.network.config import NetworkConfig
from foundation_stereo_ros.network.context import Context


class MotionEncoder(nn.Module):
    """Lookup taps and the disparity itself to the finest GRU's input.

    The last channel is the disparity, untouched.
    """

    def __init__(self, taps: int, width: int) -> None:
        super().__init__()
        self.taps = nn.Sequential(
            nn.Conv2d(taps, 2 * width, 1), nn.ReLU(), conv3x3(2 * width, 2 * width), nn.ReLU()
        )
        half = width // 2
        self.disparity = nn.Sequential(
            nn.Conv2d(1, half, 7, padding=3), nn.ReLU(), conv3x3(half, half), nn.ReLU()
        )
        self.join = conv3x3(2 * width + half, width - 1)

    def forward(self, disparity: Tensor, taps: Tensor) -> Tensor:
        both = torch.cat((self.taps(taps), self.disparity(disparity)), dim=1)
        return torch.cat((F.relu(self.join(both)), disparity.to(both.dtype)), dim=1)


class GruBranch(nn.Module):
    """A convolutional GRU whose gates read a mixed input and whose candidate reads the plain one."""

    def __init__(self, inputs: int, width: int, kernel: int) -> None:
        super().__init__()

        def conv() -> nn.Conv2d:
            return nn.Conv2d(inputs + width, width, kernel, padding=kernel // 2)

        self.update, self.reset, self.candidate = conv(), conv(), conv()

    def forward(self, mixed: Tensor, x: Tensor, h: Tensor) -> Tensor:
        z = torch.sigmoid(self.update(mixed))
        r = torch.sigmoid(self.reset(mixed))
        q = torch.tanh(self.candidate(torch.cat((r * h, x), dim=1)))
        state: Tensor = (1 - z) * h + z * q
        return state


class SelectiveGru(nn.Module):
    """Two GRUs over one state, with 1 x 1 and 3 x 3 kernels, blended pixel by pixel by attention."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.mix_inputs = conv3x3(inputs, inputs)
        self.mix_all = conv3x3(inputs + width, inputs + width)
        self.small, self.large = GruBranch(inputs, width, 1), GruBranch(inputs, width, 3)

    def forward(self, attention: Tensor, h: Tensor, *inputs: Tensor) -> Tensor:
        x = F.relu(self.mix_inputs(torch.cat(inputs, dim=1)))
        mixed = F.relu(self.mix_all(torch.cat((x, h), dim=1)))
        state: Tensor = attention * self.small(mixed, x, h) + (1 - attention) * self.large(mixed, x, h)
        return state


class InvertedBottleneck(nn.Module):
    """7 x 7 depthwise convolution and a pointwise MLP without a norm, scaled, beside the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.expand, self.reduce = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(1e-6 * torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(x).permute(0, 2, 3, 1)
        y = self.gamma * self.reduce(F.gelu(self.expand(y)))
        out: Tensor = x + y.permute(0, 3, 1, 2)
        return out


class Refinement(NamedTuple):
    """What an iteration gives.

    Attributes:
        hidden: new states, finest first.
        increment: B x 1 x H/4 x W/4, of the disparity, in quarter pixels.
        mask_features: for the upsampling weights, on the same grid.
    """

    hidden: list[Tensor]
    increment: Tensor
    mask_features: Tensor


class UpdateBlock(nn.Module):
    """Update every GRU level, each seeing the coarser one already updated and the finer one not yet."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width, levels = config.hidden_dim, config.gru_levels
        taps = config.lookup_levels * (config.volume_width + 1) * (2 * config.lookup_radius + 1)
        self.encoder = MotionEncoder(taps, width)
        # every level reads its context and the finer state (the finest: motion);
        # all but the coarsest, the coarser one too
        self.grus = nn.ModuleList(
            SelectiveGru((3 if level < levels - 1 else 2) * width, width) for level in range(levels)
        )
        self.head = nn.Sequential(
            conv3x3(width, width),
            nn.ReLU(),
            *(InvertedBottleneck(width) for _ in range(config.head_blocks)),
            conv3x3(width, 1),
        )
        self.mask = nn.Sequential(
            conv3x3(width, width // 2), nn.ReLU(), conv3x3(width // 2, config.upsampling_width), nn.ReLU()
        )

    def forward(
        self, hidden: list[Tensor], context: Context, taps: Float[Tensor, "b taps h w"], disparity: Tensor
    ) -> Refinement:
        hidden = list(hidden)
        for level in range(len(hidden) - 1, -1, -1):
            finer = self.encoder(disparity, taps) if level == 0 else _pool(hidden[level - 1])
            inputs = [context.context[level], finer]
            if level < len(hidden) - 1:
                size = (hidden[level].shape[-2], hidden[level].shape[-1])
                inputs.append(resize_aligned(hidden[level + 1], size))
            hidden[level] = self.grus[level](context.attention[level], hidden[level], *inputs)
        return Refinement(hidden, self.head(hidden[0]), 0.25 * self.mask(hidden[0]))


def _pool(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, stride=2, padding=1)  # the padding counts: always a ninth of the sum
