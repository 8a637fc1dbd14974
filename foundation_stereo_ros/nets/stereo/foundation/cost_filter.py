# SPDX-License-Identifier: Apache-2.0
"""Attentive hybrid cost filtering: stem, axial-planar hourglass, disparity transformer, initial disparity.

FoundationStereo (arXiv 2501.09898), section 3.2; the gates by image features are those of CoEx
(arXiv 2108.05773).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.nets.parts.blocks3d import (
    FeatureGate,
    ResidualBlock3d,
    VolumeConv,
    axial_planar,
    conv_bn3d,
    up_bn3d,
)
from foundation_stereo_ros.nets.parts.cost_volume import shifted
from foundation_stereo_ros.nets.stereo.foundation.config import NetworkConfig
from foundation_stereo_ros.nets.stereo.foundation.disparity_transformer import DisparityTransformer
from foundation_stereo_ros.nets.stereo.foundation.features import FeaturePyramid


class CostStem(nn.Module):
    """Correlations and features to a volume of ``volume_width`` channels, gated by the left features.

    The first convolution reads, in this order, the correlations, the left projection (the same at every
    disparity) and the right one (shifted by it). It has no extent, so its shares of the projections are
    taken before they are spread over the disparities, and the volume of all its inputs is never built.
    """

    def __init__(self, config: NetworkConfig, feature_width: int) -> None:
        super().__init__()
        width = config.volume_width
        self.reduce = VolumeConv(config.groups + 2 * config.projection_width, width, 1)
        self.mix = conv_bn3d(width, width, 3)
        self.blocks = nn.Sequential(*(ResidualBlock3d(width) for _ in range(config.stem_blocks)))
        self.gate = FeatureGate(feature_width, width)

    def forward(
        self,
        correlation: Float[Tensor, "b g h w d"],
        left: Float[Tensor, "b f h w"],
        left_projection: Float[Tensor, "b p h w"],
        right_projection: Float[Tensor, "b p h w"],
    ) -> Float[Tensor, "b c h w d"]:
        volume = self.mix(self.reduced(correlation, left_projection, right_projection))
        for block in self.blocks:  # not all at once, which would hold on to the first volume
            volume = block(volume)
        gated: Tensor = self.gate(volume, left)
        return gated

    def reduced(self, correlation: Tensor, left_projection: Tensor, right_projection: Tensor) -> Tensor:
        """Return the first convolution of the hybrid volume from its three parts."""
        shares = (correlation.shape[1], left_projection.shape[1], right_projection.shape[1])
        of_correlation, of_left, of_right = self.reduce.weight.flatten(1).split(shares, dim=1)
        volume = F.linear(correlation.movedim(1, -1), of_correlation).movedim(-1, 1)
        fixed = F.conv2d(left_projection, of_left[..., None, None], self.reduce.bias)
        moving = F.conv2d(right_projection, of_right[..., None, None])
        return volume.add_(fixed.unsqueeze(-1)).add_(shifted(moving, correlation.shape[-1]))


class Down(nn.Module):
    """Halve all three axes, filter, gate by the features of that scale."""

    def __init__(self, inputs: int, outputs: int, kernel: int, feature_width: int) -> None:
        super().__init__()
        self.conv = conv_bn3d(inputs, outputs, 3, stride=2)
        self.planar = axial_planar(outputs, kernel)
        self.gate = FeatureGate(feature_width, outputs)

    def forward(self, volume: Tensor, features: Tensor) -> Tensor:
        gated: Tensor = self.gate(self.planar(self.conv(volume)), features)
        return gated


class Up(nn.Module):
    """Double all three axes, join the encoder's volume, filter, gate."""

    def __init__(self, inputs: int, outputs: int, kernel: int, blocks: int, feature_width: int) -> None:
        super().__init__()
        self.up = up_bn3d(inputs, outputs)
        self.join = conv_bn3d(2 * outputs, outputs, 1)
        self.planar = nn.Sequential(*(axial_planar(outputs, kernel) for _ in range(blocks)))
        self.gate = FeatureGate(feature_width, outputs)

    def forward(self, coarse: Tensor, fine: Tensor, features: Tensor) -> Tensor:
        joined = self.join(torch.cat((self.up(coarse), fine), dim=1))
        gated: Tensor = self.gate(self.planar(joined), features)
        return gated


class Hourglass(nn.Module):
    """The axial-planar hourglass, with the disparity transformer as its second path from input to output.

    In two steps, so that the caller can let go of the volume in between.
    """

    def __init__(self, config: NetworkConfig, feature_widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        c, k, blocks = config.volume_width, config.disparity_kernel, config.planar_blocks
        _, w8, w16, w32 = feature_widths
        self.down8 = Down(c, 2 * c, k, w8)
        self.down16 = Down(2 * c, 4 * c, k, w16)
        self.down32 = Down(4 * c, 6 * c, k, w32)
        self.up16 = Up(6 * c, 4 * c, k, blocks, w16)
        self.up8 = Up(4 * c, 2 * c, k, blocks, w8)
        self.up4 = up_bn3d(2 * c, c)
        self.patch = nn.Sequential(VolumeConv(c, c, 4, stride=4, groups=c), nn.BatchNorm3d(c))
        self.transformer = DisparityTransformer(
            c,
            config.transformer_heads,
            config.transformer_layers,
            config.max_disp // 16,
            config.disparity_attention,
        )
        self.output = nn.Sequential(*(axial_planar(c, k) for _ in range(blocks)))

    def paths(
        self, volume: Float[Tensor, "b c h w d"], features: FeaturePyramid
    ) -> tuple[Float[Tensor, "b c2 h/2 w/2 d/2"], Float[Tensor, "b c h/4 w/4 d/4"]]:
        """Return what the encoder and decoder make of the volume, and what the transformer does."""
        a8 = self.down8(volume, features.f8)
        a16 = self.down16(a8, features.f16)
        b16 = self.up16(self.down32(a16, features.f32), a16, features.f16)
        return self.up8(b16, a8, features.f8), self.transformer(self.patch(volume))

    def joined(self, decoded: Tensor, attended: Tensor, skipped: Tensor | None) -> Tensor:
        """Return the filtered volume from both paths, and from the volume before them where it is given."""
        # In place: no gradient needs what is overwritten.
        volume = _four_times_as_fine(attended).add_(self.up4(decoded))
        if skipped is not None:
            volume.add_(skipped)
        for block in self.output:  # layer by layer: a whole block would hold on to the volume it was given
            for layer in block.children():
                volume = layer(volume)
        return volume


def _four_times_as_fine(volume: Float[Tensor, "b c h w d"]) -> Float[Tensor, "b c h4 w4 d4"]:
    """Return the trilinear interpolation, as linear along disparity, then bilinear in the image plane.

    One after the other, both read what lies together in memory; at once takes a CPU several times as long.
    """
    batch, channels, height, width, _ = volume.shape
    rows = volume.permute(0, 2, 3, 1, 4).flatten(0, 2)
    rows = F.interpolate(rows, scale_factor=4, mode="linear", align_corners=False)
    planes = rows.transpose(1, 2).flatten(1).unflatten(0, (batch, height, width)).permute(0, 3, 1, 2)
    planes = F.interpolate(planes, scale_factor=4, mode="bilinear", align_corners=False)
    # Through one axis, since a batch of one may otherwise keep a stride by which torch takes the volume for
    # channels first; its convolutions then take several times as long.
    fine = planes.permute(0, 2, 3, 1).flatten().view(batch, 4 * height, 4 * width, -1, channels)
    return fine.permute(0, 4, 1, 2, 3)


class Classifier(nn.Module):
    """The filtered volume to one logit for each disparity."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        half, kernel = max(config.volume_width // 2, 8), config.classifier_kernel
        self.reduce = conv_bn3d(config.volume_width, half, 3)
        self.block = ResidualBlock3d(half) if config.classifier_blocks else nn.Identity()
        self.logits = VolumeConv(half, 1, kernel, padding=kernel // 2)

    def forward(self, volume: Float[Tensor, "b c h w d"]) -> Float[Tensor, "b h w d"]:
        logits: Tensor = self.logits(self.block(self.reduce(volume)))
        return logits.squeeze(1)


def soft_argmin(logits: Float[Tensor, "b h w d"]) -> Float[Tensor, "b 1 h w"]:
    """Return the expected disparity in quarter pixels."""
    bins = torch.arange(logits.shape[-1], device=logits.device, dtype=logits.dtype)
    return (F.softmax(logits, dim=-1) * bins).sum(dim=-1).unsqueeze(1)
