# SPDX-License-Identifier: Apache-2.0
"""Features of one image: MnasNet-B1's trunk, and a feature pyramid over it.

MnasNet: Tan et al., CVPR 2019. Feature pyramid: Lin et al., CVPR 2017. Parameters have the names of the
published weight files.
"""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.nets.video.mvs.config import VideoConfig

_BN_MOMENTUM = 3e-4  # the trunk's; matters in training alone
_BLOCKS = ((3, 3), (5, 3), (5, 3), (3, 2), (5, 4), (3, 1))  # kernel and number of the residual blocks' groups


class VideoPyramid(NamedTuple):
    """Features of B images at 1/2, 1/4, 1/8 and 1/16 of their size, ``pyramid_width`` channels each."""

    half: Tensor
    quarter: Tensor
    eighth: Tensor
    sixteenth: Tensor


class InvertedResidual(nn.Module):
    """Widen, convolve each channel alone, narrow; beside the identity where input and output are alike."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, wide, 1, bias=False),
            _norm(wide),
            nn.ReLU(inplace=True),
            nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False),
            _norm(wide),
            nn.ReLU(inplace=True),
            nn.Conv2d(wide, outputs, 1, bias=False),
            _norm(outputs),
        )
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return x + out if self.shortcut else out


class FeatureExtractor(nn.Module):
    """MnasNet-B1 up to 1/32 of the image's size, without its last convolution and classifier."""

    def __init__(self, config: VideoConfig) -> None:
        super().__init__()
        stem, widths, expansions = config.stem_width, config.trunk_widths, config.expansions
        self.layer1 = nn.Sequential(
            nn.Conv2d(3, stem, 3, 2, 1, bias=False),
            _norm(stem),
            nn.ReLU(inplace=True),
            nn.Conv2d(stem, stem, 3, 1, 1, groups=stem, bias=False),
            _norm(stem),
            nn.ReLU(inplace=True),
            nn.Conv2d(stem, widths[0], 1, bias=False),
            _norm(widths[0]),
        )
        # At 1/16 and 1/32 there are two groups; the first one there is narrower by the published ratios.
        sixteenth, last = round(widths[3] * 80 / 96), round(widths[4] * 192 / 320)
        self.layer2 = nn.Sequential(_group(widths[0], widths[1], *_BLOCKS[0], 2, expansions[0]))
        self.layer3 = nn.Sequential(_group(widths[1], widths[2], *_BLOCKS[1], 2, expansions[1]))
        self.layer4 = nn.Sequential(
            _group(widths[2], sixteenth, *_BLOCKS[2], 2, expansions[2]),
            _group(sixteenth, widths[3], *_BLOCKS[3], 1, expansions[2]),
        )
        self.layer5 = nn.Sequential(
            _group(widths[3], last, *_BLOCKS[4], 2, expansions[3]),
            _group(last, widths[4], *_BLOCKS[5], 1, expansions[3]),
        )

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> list[Tensor]:
        """Return five maps, at 1/2 to 1/32 of the image's size."""
        maps, x = [], image
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4, self.layer5):
            x = layer(x)
            maps.append(x)
        return maps


def _group(inputs: int, outputs: int, kernel: int, number: int, stride: int, expansion: int) -> nn.Sequential:
    first = InvertedResidual(inputs, outputs, kernel, stride, expansion)
    others = (InvertedResidual(outputs, outputs, kernel, 1, expansion) for _ in range(number - 1))
    return nn.Sequential(first, *others)


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, momentum=_BN_MOMENTUM)


class FeaturePyramid(nn.Module):
    """From coarse to fine, over lateral 1 x 1 convolutions."""

    def __init__(self, config: VideoConfig) -> None:
        super().__init__()
        width = config.pyramid_width
        self.fpn = nn.ModuleDict(
            {
                "inner_blocks": nn.ModuleList(nn.Conv2d(inputs, width, 1) for inputs in config.trunk_widths),
                # The published files have one for 1/32 as well, which nothing reads.
                "layer_blocks": nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(5)),
            }
        )

    def forward(self, maps: list[Tensor]) -> VideoPyramid:
        inner, outer = self.fpn["inner_blocks"], self.fpn["layer_blocks"]
        path = inner[4](maps[4])  # type: ignore[index]
        found = []
        for level in (3, 2, 1, 0):
            lateral = inner[level](maps[level])  # type: ignore[index]
            path = lateral + F.interpolate(path, size=lateral.shape[-2:], mode="nearest")
            found.append(outer[level](path))  # type: ignore[index]
        return VideoPyramid(*reversed(found))
