# SPDX-License-Identifier: Apache-2.0
"""Image features: the CNN pyramid, side-tuned with the monocular prior.

FoundationStereo (arXiv 2501.09898), section 3.1; the CNN is EdgeNeXt (arXiv 2206.10589).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.nets.parts.blocks import ResidualBlock, conv3x3
from foundation_stereo_ros.nets.parts.timm_import import import_timm
from foundation_stereo_ros.nets.stereo.foundation.config import NetworkConfig
from foundation_stereo_ros.nets.stereo.foundation.monocular import MonocularBranch


class FeaturePyramid(NamedTuple):
    """Features at 1/4, 1/8, 1/16 and 1/32 of the image, and the monocular map at 1/4 where there is one."""

    f4: Tensor
    f8: Tensor
    f16: Tensor
    f32: Tensor
    mono: Tensor | None

    def left_right(self) -> tuple[FeaturePyramid, FeaturePyramid]:
        """Split a batch of left images followed by right ones."""
        halves = [x.chunk(2) if x is not None else (None, None) for x in self]
        return FeaturePyramid(*(h[0] for h in halves)), FeaturePyramid(*(h[1] for h in halves))  # type: ignore[arg-type]


class EdgeNeXt(nn.Module):
    """Stem and stages of timm's EdgeNeXt; maps at 1/4, 1/8, 1/16 and 1/32."""

    def __init__(self, name: str, widths: tuple[int, ...] | None, depths: tuple[int, ...] | None) -> None:
        super().__init__()
        sizes = {key: value for key, value in (("dims", widths), ("depths", depths)) if value is not None}
        model: Any = import_timm().create_model(name, pretrained=False, **sizes)
        self.stem, self.stages = model.stem, model.stages
        self.widths: tuple[int, ...] = tuple(info["num_chs"] for info in model.feature_info)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> list[Tensor]:
        x = self.stem(image)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class UpBlock(nn.Module):
    """Double a map's size, put it before the finer map's channels, and mix them in one residual block."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.up = nn.Sequential(
            nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False),
            nn.InstanceNorm2d(outputs),
            nn.LeakyReLU(),
        )
        both = 2 * outputs
        self.conv1, self.norm1 = conv3x3(both, both, bias=False), nn.InstanceNorm2d(both)
        self.conv2, self.norm2 = conv3x3(both, both, bias=False), nn.InstanceNorm2d(both)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        x = torch.cat((self.up(coarse), fine), dim=1)
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + x)


class FeatureEncoder(nn.Module):
    """Normalised images to the pyramid that the cost volume and its gates read."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.monocular = MonocularBranch(config.monocular) if config.monocular else None
        self.cnn = EdgeNeXt(config.backbone, config.backbone_widths, config.backbone_depths)
        e4, e8, e16, e32 = self.cnn.widths
        self.up16, self.up8, self.up4 = UpBlock(e32, e16), UpBlock(2 * e16, e8), UpBlock(2 * e8, e4)
        width = 2 * e4 + config.monocular_width
        self.widths = (width, 2 * e8, 2 * e16, e32)
        self.fuse = nn.Sequential(
            conv3x3(width, width, bias=False),
            nn.InstanceNorm2d(width),
            nn.LeakyReLU(),
            *(ResidualBlock(width, width, nn.InstanceNorm2d) for _ in range(config.feature_blocks)),
        )

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> FeaturePyramid:
        mono = self.monocular(images) if self.monocular is not None else None
        e4, e8, e16, e32 = self.cnn(images)
        f16 = self.up16(e32, e16)
        f8 = self.up8(f16, e8)
        u4 = self.up4(f8, e4)
        f4 = self.fuse(u4 if mono is None else torch.cat((u4, mono), dim=1))
        return FeaturePyramid(f4, f8, f16, e32, mono)
