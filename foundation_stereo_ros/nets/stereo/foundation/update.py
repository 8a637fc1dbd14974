# SPDX-License-Identifier: Apache-2.0
"""One refinement: motion features, selective GRUs from coarse to fine, disparity head.

FoundationStereo (arXiv 2501.09898), section 3.3; the order of the levels is RAFT-Stereo's (arXiv 2109.07547).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.nets.parts.blocks import conv3x3, resize_aligned
from foundation_stereo_ros.nets.stereo.foundation.config import NetworkConfig
from foundation_stereo_ros.nets.stereo.foundation.context import Context
from foundation_stereo_ros.nets.stereo.foundation.gru import SelectiveGru


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
    """

    hidden: list[Tensor]
    increment: Tensor


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

    def shares(self, context: Context) -> list[Tensor]:
        """Return what each level's context adds to the GRU's first convolution, in every iteration alike."""
        return [
            gru.mix_inputs.fixed_share(fixed)  # type: ignore[union-attr, operator]
            for gru, fixed in zip(self.grus, context.context, strict=True)
        ]

    def forward(
        self,
        hidden: list[Tensor],
        attention: list[Tensor],
        shares: list[Tensor],
        taps: Float[Tensor, "b taps h w"],
        disparity: Tensor,
    ) -> Refinement:
        """Update once.

        Args:
            hidden: states, finest first.
            attention: the context's.
            shares: of the context, see `shares`.
            taps: what `GeometryLookup` finds around the disparity.
            disparity: B x 1 x h x w in quarter pixels.
        """
        hidden = list(hidden)
        for level in range(len(hidden) - 1, -1, -1):
            inputs = [self.encoder(disparity, taps) if level == 0 else _pool(hidden[level - 1])]
            if level < len(hidden) - 1:
                size = (hidden[level].shape[-2], hidden[level].shape[-1])
                inputs.append(resize_aligned(hidden[level + 1], size))
            hidden[level] = self.grus[level](attention[level], hidden[level], shares[level], *inputs)
        return Refinement(hidden, self.head(hidden[0]))

    def mask_features(self, hidden: list[Tensor]) -> Float[Tensor, "b c h w"]:
        """Return what upsampling makes its weights of, from the states after an iteration."""
        features: Tensor = 0.25 * self.mask(hidden[0])
        return features


def _pool(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, stride=2, padding=1)  # the padding counts: always a ninth of the sum
