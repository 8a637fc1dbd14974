# SPDX-License-Identifier: Apache-2.0
"""The DPT head (arXiv 2103.13413) of Depth Anything V2, up to the features before its depth map."""

from __future__ import annotations

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
    """Add a finer map to the coarser one, refine, resize, and only then project."""

    def __init__(self, width: int, has_skip: bool) -> None:
        super().__init__()
        self.skip = ResidualUnit(width) if has_skip else None
        self.refine = ResidualUnit(width)
        self.project = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor, finer: Tensor | None, size: tuple[int, int]) -> Tensor:
        if self.skip is not None and finer is not None:
            x = x + self.skip(finer)
        y: Tensor = self.project(resize_aligned(self.refine(x), size))
        return y


class DptHead(nn.Module):
    """Four maps of ViT tokens to one dense feature map of ``features // 2`` channels."""

    def __init__(self, token_width: int, features: int, stage_widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        o1, o2, _, o4 = stage_widths
        self.projects = nn.ModuleList(nn.Conv2d(token_width, o, 1) for o in stage_widths)
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
        self, taps: list[Float[Tensor, "b width rows cols"]], size: tuple[int, int]
    ) -> Float[Tensor, "b half_features h w"]:
        """Return features at ``size``, the ViT's input size; the depth map itself is never computed."""
        layers = zip(taps, self.projects, self.resizes, self.reduces, strict=True)
        maps = [reduce(resize(project(tap))) for tap, project, resize, reduce in layers]
        x = self.fusions[3](maps[3], None, _size(maps[2]))
        x = self.fusions[2](x, maps[2], _size(maps[1]))
        x = self.fusions[1](x, maps[1], _size(maps[0]))
        rows, cols = _size(maps[0])
        x = self.fusions[0](x, maps[0], (2 * rows, 2 * cols))
        return resize_aligned(self.output(x), size)


def _size(x: Tensor) -> tuple[int, int]:
    return x.shape[-2], x.shape[-1]
