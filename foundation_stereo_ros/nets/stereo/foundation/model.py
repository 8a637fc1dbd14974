# SPDX-License-Identifier: Apache-2.0
"""The whole network of FoundationStereo (arXiv 2501.09898): a rectified image pair in, disparity out."""

from __future__ import annotations

from typing import Literal, NamedTuple, cast, overload

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.errors import ConfigError, ImageError
from foundation_stereo_ros.nets.parts import imagenet
from foundation_stereo_ros.nets.parts.blocks import resize_aligned
from foundation_stereo_ros.nets.parts.cost_volume import groupwise_correlation
from foundation_stereo_ros.nets.parts.padding import MULTIPLE, check_pair, pad_to_multiple, small_pair
from foundation_stereo_ros.nets.parts.precision import at_least_float32
from foundation_stereo_ros.nets.stereo.early_stop import EarlyStop
from foundation_stereo_ros.nets.stereo.foundation.config import NetworkConfig
from foundation_stereo_ros.nets.stereo.foundation.context import ContextEncoder
from foundation_stereo_ros.nets.stereo.foundation.cost_filter import (
    Classifier,
    CostStem,
    Hourglass,
    soft_argmin,
)
from foundation_stereo_ros.nets.stereo.foundation.features import FeatureEncoder, FeaturePyramid
from foundation_stereo_ros.nets.stereo.foundation.lookup import GeometryLookup
from foundation_stereo_ros.nets.stereo.foundation.update import UpdateBlock
from foundation_stereo_ros.nets.stereo.foundation.upsampling import ConvexUpsampling, ImageStem


class TrainingOutput(NamedTuple):
    """What the losses read.

    Attributes:
        initial: B x 1 x H/4 x W/4 disparity of the cost volume, in quarter pixels.
        refined: B x 1 x H x W disparity after each iteration, in pixels.
        logits: B x H/4 x W/4 x D of the disparities 0 to D - 1, in quarter pixels.
        correlation: B x H/4 x W/4 x D, -1 to 1; mean of the cost volume's group-wise correlations.
    """

    initial: Tensor
    refined: list[Tensor]
    logits: Tensor
    correlation: Tensor


class FoundationStereo(nn.Module):
    """FoundationStereo (Wen et al., CVPR 2025): zero-shot stereo matching.

    Run it under `torch.autocast` for half precision: correlations, lookups, the running disparity and the
    result stay in full precision by themselves. A model in float64 computes, and returns, float64.

    Args:
        config: sizes; the weights are random until some are loaded.

    Raises:
        ConfigError: the groups do not divide the feature channels.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.features = FeatureEncoder(config)
        f4 = self.features.widths[0]
        if f4 % config.groups:
            raise ConfigError(
                f"network groups is {config.groups}; expected a divisor of the {f4} feature channels"
            )
        self.image_stem = ImageStem(config.upsampling_width)
        self.projection = nn.Conv2d(f4, config.projection_width, 1)
        self.cost_stem = CostStem(config, f4)
        self.hourglass = Hourglass(config, self.features.widths)
        self.classifier = Classifier(config)
        self.context = ContextEncoder(config)
        self.update_block = UpdateBlock(config)
        self.upsampling = ConvexUpsampling(config.upsampling_width)
        self.register_buffer("mean", torch.tensor(imagenet.MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(imagenet.STD).view(3, 1, 1), persistent=False)

    @overload
    def forward(
        self, left: Tensor, right: Tensor, iterations: int = ..., initial_disparity: Tensor | None = ...,
        every_iteration: Literal[False] = ..., stop: EarlyStop | None = ...,
    ) -> Tensor: ...  # fmt: skip

    @overload
    def forward(
        self, left: Tensor, right: Tensor, iterations: int = ..., initial_disparity: Tensor | None = ..., *,
        every_iteration: Literal[True], stop: EarlyStop | None = ...,
    ) -> TrainingOutput: ...  # fmt: skip

    def forward(
        self,
        left: Float[Tensor, "b 3 h w"],
        right: Float[Tensor, "b 3 h w"],
        iterations: int = 32,
        initial_disparity: Tensor | None = None,
        every_iteration: bool = False,
        stop: EarlyStop | None = None,
    ) -> Tensor | TrainingOutput:
        """Estimate the left view's disparity.

        Args:
            left: B x 3 x H x W, RGB, 0 to 255; H and W multiples of 32. From the left camera of a rectified
                pair.
            right: the same of the right camera.
            iterations: refinements, 1 or more.
            initial_disparity: B x 1 x H/4 x W/4 in quarter pixels, in place of the cost volume's own
                estimate.
            every_iteration: return what the training losses read instead of the last refinement alone.
            stop: may end the refinement earlier, and counts.

        Returns:
            B x 1 x H x W disparity in pixels (left column minus right column), float32, or float64 from a
            float64 model. Not clamped: small negative values occur. With ``every_iteration`` a
            `TrainingOutput`.

        Raises:
            ImageError: the images differ in shape, their sides are not multiples of 32, or the initial
                disparity does not have a quarter of their size.
            ConfigError: no iteration.
        """
        _check_inputs(left, right, iterations, initial_disparity)
        left, right = (self.normalize(x) for x in (left, right))
        f_left, f_right = self.features(torch.cat((left, right))).left_right()
        stem = self.image_stem(left)
        correlation = groupwise_correlation(f_left.f4, f_right.f4, self.config.bins, self.config.groups)
        volume = self.filtered_volume(correlation, f_left, f_right)
        mean_correlation, logits = correlation.mean(dim=1) if every_iteration else None, None
        del correlation  # no longer read, and as large as so many channels of the volume as it has groups
        if initial_disparity is None or every_iteration:
            logits = cast(Tensor, self.classifier(volume))
            initial_disparity = soft_argmin(logits) if initial_disparity is None else initial_disparity
        context = self.context(left, f_left.mono)
        lookup = GeometryLookup(
            f_left.f4, f_right.f4, volume, self.config.lookup_levels, self.config.lookup_radius
        )
        del f_left, f_right, volume
        initial_disparity = disparity = at_least_float32(initial_disparity)
        hidden, shares, refined = context.hidden, self.update_block.shares(context), []
        for iteration in range(iterations):
            disparity = disparity.detach()
            step = self.update_block(hidden, context.attention, shares, lookup(disparity), disparity)
            hidden, disparity = step.hidden, disparity + at_least_float32(step.increment)
            last_one = iteration == iterations - 1
            if stop is not None:
                last_one = stop(iteration + 1, step.increment) or last_one
            if every_iteration or last_one:
                refined.append(self.upsampling(disparity, self.update_block.mask_features(hidden), stem))
            if last_one:
                break
        if mean_correlation is not None and logits is not None:
            return TrainingOutput(initial_disparity, refined, logits, mean_correlation)
        last: Tensor = refined[-1]
        return last

    def normalize(self, image: Tensor) -> Tensor:
        """Turn B x 3 x H x W from 0 to 255 into the zero-mean, unit-variance colours of ImageNet."""
        return (image.to(self.mean.dtype) / 255 - self.mean) / self.std

    def filtered_volume(
        self, correlation: Tensor, left: FeaturePyramid, right: FeaturePyramid
    ) -> Float[Tensor, "b c h/4 w/4 d"]:
        """Return the cost volume after attentive filtering; no value is negative."""
        projections = (self.projection(left.f4), self.projection(right.f4))
        volume = self.cost_stem(correlation.to(left.f4.dtype), left.f4, *projections)
        decoded, attended = self.hourglass.paths(volume, left)
        skipped = volume if self.config.volume_skip else None
        del volume  # what is joined takes as much again
        return self.hourglass.joined(decoded, attended, skipped)

    def hierarchical(
        self,
        left: Float[Tensor, "b 3 h w"],
        right: Float[Tensor, "b 3 h w"],
        iterations: int,
        small_ratio: float = 0.5,
        stop: EarlyStop | None = None,
    ) -> Float[Tensor, "b 1 h w"]:
        """Estimate in two passes: a small copy of the images first, which then starts the full-size pass.

        For large images and large disparities. Any size; padded to multiples of 32 inside.

        Args:
            left: B x 3 x H x W, RGB, 0 to 255.
            right: the same of the right camera.
            iterations: refinements in each pass.
            small_ratio: size of the small copy, over 0 and under 1.
            stop: may end each pass earlier; its count is then the second one's.

        Returns:
            B x 1 x H x W disparity in pixels, as `forward` gives it.

        Raises:
            ImageError: the images differ in shape.
            ConfigError: no iteration, or a ratio out of its range.
        """
        small_left, small_right = small_pair(left, right, small_ratio)
        coarse = self._forward_any_size(small_left, small_right, iterations, stop)
        size = (left.shape[-2], left.shape[-1])
        coarse = (resize_aligned(coarse, size) / small_ratio).clamp(min=0)
        padded_left, padding = pad_to_multiple(left, MULTIPLE)
        # The published weights' own code adds the left padding here, though both views shift alike;
        # kept for parity.
        initial = padding.apply(coarse) + padding.left
        initial = 0.25 * F.interpolate(initial, scale_factor=0.25, mode="bilinear", align_corners=True)
        return padding.crop(self(padded_left, padding.apply(right), iterations, initial, stop=stop))

    def _forward_any_size(
        self, left: Tensor, right: Tensor, iterations: int, stop: EarlyStop | None
    ) -> Tensor:
        padded_left, padding = pad_to_multiple(left, MULTIPLE)
        return padding.crop(self(padded_left, padding.apply(right), iterations, stop=stop))


def _check_inputs(left: Tensor, right: Tensor, iterations: int, initial: Tensor | None) -> None:
    check_pair(left, right)
    height, width = left.shape[-2:]
    if iterations < 1:
        raise ConfigError(f"iterations is {iterations}; expected 1 or more")
    quarter = (left.shape[0], 1, height // 4, width // 4)
    if initial is not None and tuple(initial.shape) != quarter:
        raise ImageError(f"initial disparity is {tuple(initial.shape)}; expected {quarter} in quarter pixels")
