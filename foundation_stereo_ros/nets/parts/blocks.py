# SPDX-License-Identifier: Apache-2.0
"""The 2-D blocks that more than one part of the network is made of."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

Norm = Callable[[int], nn.Module]


def conv3x3(inputs: int, outputs: int, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    """Return a 3 x 3 convolution that keeps the size (at stride 1)."""
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=bias)


class ResidualBlock(nn.Module):
    """Two biased 3 x 3 convolutions beside a shortcut.

    ReLU stands before *and* after the addition, as in RAFT-Stereo (arXiv 2109.07547).
    """

    def __init__(self, inputs: int, outputs: int, norm: Norm, stride: int = 1) -> None:
        super().__init__()
        self.conv1, self.norm1 = conv3x3(inputs, outputs, stride), norm(outputs)
        self.conv2, self.norm2 = conv3x3(outputs, outputs), norm(outputs)
        projects = stride != 1 or inputs != outputs
        self.shortcut = (
            nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride), norm(outputs)) if projects else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        y = F.relu(self.norm2(self.conv2(y)))
        return F.relu(self.shortcut(x) + y)


def resize_aligned(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize B x C x H x W bilinearly, corner pixels' centres on corner pixels' centres."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=True)
