# SPDX-License-Identifier: Apache-2.0
"""Features of one view at 1/2 to 1/16 of its size, with a path back from coarse to fine.

Dense 3 x 3 convolutions alone: batch norms and depth-wise convolutions move more memory than they compute,
which is what a CPU is slow at.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.nets.parts.blocks import conv3x3
from foundation_stereo_ros.nets.parts.lean.config import LeanSizes


class LeanPyramid(NamedTuple):
    """Features of B views.

    Attributes:
        half: B x C x H/2 x W/2, fine and with the context of the coarser ones.
        quarter, eighth, sixteenth: at these sizes; the first two with the context of the coarser ones.
    """

    half: Tensor
    quarter: Tensor
    eighth: Tensor
    sixteenth: Tensor

    def split(self) -> tuple[LeanPyramid, LeanPyramid]:
        """Return the first and the second half of the batch."""
        pairs = [level.chunk(2) for level in self]
        return LeanPyramid(*(pair[0] for pair in pairs)), LeanPyramid(*(pair[1] for pair in pairs))


def conv_relu(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Return a 3 x 3 convolution and a leaky ReLU."""
    return nn.Sequential(conv3x3(inputs, outputs, stride), nn.LeakyReLU(0.1, inplace=True))


class LeanResidual(nn.Module):
    """Two 3 x 3 convolutions beside the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv_relu(width, width), conv3x3(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.conv2(self.conv1(x)).add(x), 0.1, inplace=True)


class LeanFeatures(nn.Module):
    """Down to 1/16, and back up to 1/2 over lateral 1 x 1 convolutions."""

    def __init__(self, config: LeanSizes) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = config.widths
        fine = config.matching_width
        self.stem = nn.Sequential(conv_relu(3, half, 2), conv_relu(half, half))
        self.to_quarter = nn.Sequential(conv_relu(half, quarter, 2), LeanResidual(quarter))
        self.to_eighth = nn.Sequential(conv_relu(quarter, eighth, 2), LeanResidual(eighth))
        self.to_sixteenth = nn.Sequential(conv_relu(eighth, sixteenth, 2), LeanResidual(sixteenth))
        self.up_eighth = UpwardStep(sixteenth, eighth, eighth)
        self.up_quarter = UpwardStep(eighth, quarter, fine)
        self.up_half = UpwardStep(fine, half, half)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> LeanPyramid:
        half = self.stem(images)
        quarter = self.to_quarter(half)
        eighth = self.to_eighth(quarter)
        sixteenth = self.to_sixteenth(eighth)
        eighth = self.up_eighth(sixteenth, eighth)
        quarter = self.up_quarter(eighth, quarter)
        return LeanPyramid(self.up_half(quarter, half), quarter, eighth, sixteenth)


class UpwardStep(nn.Module):
    """Coarse features, enlarged by 2, added to finer ones and convolved."""

    def __init__(self, coarse: int, fine: int, outputs: int) -> None:
        super().__init__()
        self.coarse = nn.Conv2d(coarse, outputs, 1)
        self.lateral = nn.Conv2d(fine, outputs, 1) if fine != outputs else nn.Identity()
        self.conv = conv_relu(outputs, outputs)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        up = F.interpolate(self.coarse(coarse), scale_factor=2.0, mode="bilinear", align_corners=False)
        out: Tensor = self.conv(self.lateral(fine) + up)
        return out


def centred(features: Float[Tensor, "b c h w"], groups: int) -> Float[Tensor, "b c h w"]:
    """Take each pixel's mean over the channels of a group off.

    The cosine of such vectors tells unlike surfaces by its sign; of vectors after a ReLU all are alike.
    """
    split = features.unflatten(1, (groups, -1))
    return torch.sub(split, split.mean(dim=2, keepdim=True)).flatten(1, 2)
