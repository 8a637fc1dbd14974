# SPDX-License-Identifier: Apache-2.0
"""The head of DPT (arXiv 2103.13413): tokens of four layers to one dense map of features.

FoundationStereo has it in its monocular prior (Depth Anything V2), MASt3R predicts points with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.nets.parts.blocks import conv3x3, resize_aligned


class ResidualUnit(nn.Module):
    """Pre-activation residual unit; the skip path carries the input before its activation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv3x3(width, width), conv3x3(width, width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv2(F.relu(self.conv1(F.relu(x))))
        return x + y


class FusionBlock(nn.Module):
    """Add a finer map to the coarser one, refine, double the size, and only then project."""

    def __init__(self, width: int, has_skip: bool) -> None:
        super().__init__()
        self.skip = ResidualUnit(width) if has_skip else None
        self.refine = ResidualUnit(width)
        self.project = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor, finer: Tensor | None = None) -> Tensor:
        if self.skip is not None and finer is not None:
            x = x + self.skip(finer)
        rows, columns = x.shape[-2:]
        y: Tensor = self.project(resize_aligned(self.refine(x), (2 * rows, 2 * columns)))
        return y


class DptHead(nn.Module):
    """Four maps of ViT tokens to one dense feature map of ``features // 2`` channels.

    Args:
        token_widths: channels of the four maps.
        features: channels of the maps that are fused; even.
        stage_widths: channels of the four maps before that.
    """

    def __init__(
        self,
        token_widths: tuple[int, int, int, int],
        features: int,
        stage_widths: tuple[int, int, int, int],
    ) -> None:
        super().__init__()
        o1, o2, _, o4 = stage_widths
        self.projects = nn.ModuleList(
            nn.Conv2d(width, o, 1) for width, o in zip(token_widths, stage_widths, strict=True)
        )
        self.resizes = nn.ModuleList(
            (
                nn.ConvTranspose2d(o1, o1, 4, stride=4),
                nn.ConvTranspose2d(o2, o2, 2, stride=2),
                nn.Identity(),
                conv3x3(o4, o4, stride=2),
            )
        )
        self.reduces = nn.ModuleList(conv3x3(o, features, bias=False) for o in stage_widths)
        self.fusions = nn.ModuleList(FusionBlock(features, has_skip=i < 3) for i in range(4))
        self.output = conv3x3(features, features // 2)

    def forward(
        self, taps: Sequence[Float[Tensor, "b width rows cols"]], size: tuple[int, int]
    ) -> Float[Tensor, "b half_features h w"]:
        """Return features at ``size``, the ViT's input size."""
        layers = zip(taps, self.projects, self.resizes, self.reduces, strict=True)
        maps = [reduce(resize(project(tap))) for tap, project, resize, reduce in layers]
        rows, columns = maps[2].shape[-2:]
        # The coarsest map has half as many rows, rounded up: twice that may be one too many.
        x = self.fusions[3](maps[3])[..., :rows, :columns]
        for fusion, finer in zip(reversed(self.fusions[:3]), reversed(maps[:3]), strict=True):
            x = fusion(x, finer)
        return resize_aligned(self.output(x), size)
