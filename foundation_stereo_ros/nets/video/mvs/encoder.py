# SPDX-License-Identifier: Apache-2.0
"""From the cost volume and the reference's features down to 1/32 of the image's size, and back up to depth.

Parameters have the names of the published weight files.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.nets.video.mvs.config import VideoConfig
from foundation_stereo_ros.nets.video.mvs.features import VideoPyramid

_KERNELS = (5, 3, 3, 3)  # at 1/2, 1/4, 1/8 and 1/16


class Encoded(NamedTuple):
    """What the encoder found.

    Attributes:
        skips: at 1/2, 1/4, 1/8 and 1/16 of the image's size.
        bottom: at 1/32.
    """

    skips: tuple[Tensor, Tensor, Tensor, Tensor]
    bottom: Tensor


def conv_norm_relu(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Return a convolution without bias, a batch norm and a ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class EncoderBlock(nn.Module):
    """To half the size, and two more convolutions."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.down_convolution = nn.ModuleDict({"down_conv": conv_norm_relu(inputs, outputs, kernel, 2)})
        self.standard_convolution = nn.ModuleDict(
            {
                "conv1": conv_norm_relu(outputs, outputs, kernel),
                "conv2": conv_norm_relu(outputs, outputs, kernel),
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.down_convolution["down_conv"](x)
        out: Tensor = self.standard_convolution["conv2"](self.standard_convolution["conv1"](x))
        return out


class CostVolumeEncoder(nn.Module):
    """Joins the reference's features to the volume at every size on the way down."""

    def __init__(self, config: VideoConfig) -> None:
        super().__init__()
        before = 0
        for level, kernel in enumerate(_KERNELS):
            width = config.width << level
            joined = config.pyramid_width + before + (config.planes if level == 0 else 0)
            self.add_module(f"aggregator{level}", conv_norm_relu(joined, width, kernel))
            self.add_module(f"encoder_block{level}", EncoderBlock(width, 2 * width, kernel))
            before = 2 * width

    def forward(self, features: VideoPyramid, volume: Float[Tensor, "b p h w"]) -> Encoded:
        skips, parts = [], list[Tensor]()
        for level, own in enumerate(features):
            swept = [volume] if level == 0 else []
            skip = self.get_submodule(f"aggregator{level}")(torch.cat([own, *parts, *swept], dim=1))
            skips.append(skip)
            x = self.get_submodule(f"encoder_block{level}")(skip)
            parts = [x]
        first, second, third, fourth = skips
        return Encoded((first, second, third, fourth), x)


class DecoderBlock(nn.Module):
    """To twice the size, joined with a skip and, from the second block on, the depth so far."""

    def __init__(self, inputs: int, outputs: int, kernel: int, with_depth: bool) -> None:
        super().__init__()
        self.up_convolution = nn.ModuleDict({"conv": conv_norm_relu(inputs, outputs, kernel)})
        self.convolution1 = conv_norm_relu(2 * outputs + with_depth, outputs, kernel)
        self.convolution2 = conv_norm_relu(outputs, outputs, kernel)

    def forward(self, x: Tensor, skip: Tensor, sigmoid: Tensor | None) -> Tensor:
        parts = [self.up_convolution["conv"](doubled(x)), skip]
        if sigmoid is not None:
            parts.append(doubled(sigmoid))
        out: Tensor = self.convolution2(self.convolution1(torch.cat(parts, dim=1)))
        return out


class DepthDecoder(nn.Module):
    """Predicts where each pixel is between the farthest (0) and the nearest (1) inverse depth."""

    def __init__(self, config: VideoConfig) -> None:
        super().__init__()
        widths = [config.width << level for level in (3, 2, 1, 0)]
        names = ("one_sixteen", "one_eight", "quarter", "half")
        for number, (width, kernel, name) in enumerate(
            zip(widths, reversed(_KERNELS), names, strict=True), start=1
        ):
            self.add_module(f"decoder_block{number}", DecoderBlock(2 * width, width, kernel, number > 1))
            self.add_module(f"depth_layer_{name}", _head(width))
        last = config.width
        self.refine = nn.Sequential(conv_norm_relu(last + 4, last, 5), conv_norm_relu(last, last, 5))
        self.depth_layer_full = _head(last)
        self._names = names

    def forward(self, image: Tensor, bottom: Tensor, skips: tuple[Tensor, ...]) -> list[Tensor]:
        """Return B x 1 maps, 0 to 1, at the full size, 1/2, 1/4, 1/8 and 1/16."""
        x, sigmoid, found = bottom, None, []
        for number, (name, skip) in enumerate(zip(self._names, reversed(skips), strict=True), start=1):
            x = self.get_submodule(f"decoder_block{number}")(x, skip, sigmoid)
            sigmoid = self.get_submodule(f"depth_layer_{name}")(x)
            found.append(sigmoid)
        fine = self.refine(torch.cat([doubled(x), doubled(found[-1]), image], dim=1))
        found.append(self.depth_layer_full(fine))
        return found[::-1]


def _head(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(width, 1, 3, padding=1), nn.Sigmoid())


def doubled(x: Tensor) -> Tensor:
    """Enlarge by 2, corner pixels' centres on corner pixels' centres."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True)
