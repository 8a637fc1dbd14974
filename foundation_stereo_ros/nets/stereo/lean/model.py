# SPDX-License-Identifier: Apache-2.0
"""A small stereo network for CPUs: a rectified image pair in, disparity out."""

from __future__ import annotations

from typing import Literal, overload

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.nets.parts.cost_volume import groupwise_correlation
from foundation_stereo_ros.nets.parts.lean.features import LeanFeatures, centred
from foundation_stereo_ros.nets.parts.lean.hourglass import SHARPNESS, LeanHourglass, mean_correlation
from foundation_stereo_ros.nets.parts.lean.refinement import (
    ImageGuidedUpsampling,
    LeanOutput,
    Refined,
    Refinement,
)
from foundation_stereo_ros.nets.parts.padding import check_pair, pad_to_multiple, small_pair
from foundation_stereo_ros.nets.parts.precision import at_least_float32
from foundation_stereo_ros.nets.stereo.early_stop import EarlyStop
from foundation_stereo_ros.nets.stereo.lean.config import LeanConfig
from foundation_stereo_ros.nets.stereo.lean.matching import RowMatcher, find_match

_REACHED = 0.9
"""Share of the largest disparity from which on a smaller copy is believed."""


class LeanStereo(nn.Module):
    """A stereo network made for CPUs, with the interface of `FoundationStereo`.

    Args:
        config: sizes; the weights are random until some are loaded.
    """

    def __init__(self, config: LeanConfig) -> None:
        super().__init__()
        self.config = config
        self.features = LeanFeatures(config)
        self.descriptor = nn.Conv2d(config.matching_width, config.matching_width, 1)
        self.hourglass = LeanHourglass(config)
        self.refinement = Refinement(config)
        self.upsampling = ImageGuidedUpsampling(config.refinement_width)

    @overload
    def forward(
        self, left: Tensor, right: Tensor, iterations: int = ..., *,
        every_iteration: Literal[False] = ..., stop: EarlyStop | None = ...,
    ) -> Tensor: ...  # fmt: skip

    @overload
    def forward(
        self, left: Tensor, right: Tensor, iterations: int = ..., *,
        every_iteration: Literal[True], stop: EarlyStop | None = ...,
    ) -> LeanOutput: ...  # fmt: skip

    def forward(
        self,
        left: Float[Tensor, "b 3 h w"],
        right: Float[Tensor, "b 3 h w"],
        iterations: int = 1,
        *,
        every_iteration: bool = False,
        stop: EarlyStop | None = None,
    ) -> Tensor | LeanOutput:
        """Estimate the left view's disparity.

        Args:
            left: B x 3 x H x W, RGB, 0 to 255; H and W multiples of 32. From the left camera of a rectified
                pair.
            right: the same of the right camera.
            iterations: ignored: this network always makes one refinement.
            every_iteration: return what the training losses read instead of the disparity alone.
            stop: counts that one refinement.

        Returns:
            B x 1 x H x W disparity in pixels (left column minus right column), float32, or float64 from a
            float64 model. Not clamped: small negative values occur. With ``every_iteration`` a `LeanOutput`.

        Raises:
            ImageError: the images differ in shape, or their sides are not multiples of 32.
        """
        check_pair(left, right)
        if stop is not None:
            stop.iterations = 1
        views = self.normalize(torch.cat((left, right)))
        if not torch.is_grad_enabled():
            views = views.contiguous(memory_format=torch.channels_last)
        of_left, of_right = self.features(views).split()
        groups = self.config.groups
        ours, theirs = (centred(self.descriptor(f.quarter), groups) for f in (of_left, of_right))
        volume = groupwise_correlation(ours, theirs, self.config.bins, groups)
        correlation = mean_correlation(volume)
        filtered = self.hourglass(volume.to(of_left.quarter.dtype), of_left)
        logits = torch.add(at_least_float32(filtered), correlation, alpha=SHARPNESS)
        del volume, filtered
        match = find_match(logits)
        matcher = RowMatcher(*(self.refinement.descriptor(f.half) for f in (of_left, of_right)))
        refined: Refined = self.refinement(match, of_left, matcher)
        disparity: Tensor = self.upsampling(refined.sharpened, refined.features, views[: len(left)])
        if not every_iteration:
            return disparity
        return LeanOutput(match.place, refined, [disparity], logits, correlation)

    def normalize(self, image: Tensor) -> Tensor:
        """Turn B x 3 x H x W from 0 to 255 into colours of about zero mean and unit variance."""
        return (image.to(self.descriptor.weight.dtype) - 127.5) / 64

    def hierarchical(
        self,
        left: Float[Tensor, "b 3 h w"],
        right: Float[Tensor, "b 3 h w"],
        iterations: int,
        small_ratio: float = 0.5,
        stop: EarlyStop | None = None,
    ) -> Float[Tensor, "b 1 h w"]:
        """Estimate in two passes: a smaller copy of the images tells what is too near for the full size.

        The result is that of the full size, but for pixels whose disparity in the smaller copy comes near
        the largest one of the cost volume.

        Args:
            left: B x 3 x H x W, RGB, 0 to 255; any size.
            right: the same of the right camera.
            iterations: ignored, as in `forward`.
            small_ratio: size of the smaller copy, over 0 and under 1.
            stop: counts one refinement.

        Returns:
            B x 1 x H x W disparity in pixels, as `forward` gives it.

        Raises:
            ImageError: the images differ in shape.
            ConfigError: the ratio is out of its range.
        """
        small_left, small_right = small_pair(left, right, small_ratio)
        coarse = self._any_size(small_left, small_right, stop)
        size = (left.shape[-2], left.shape[-1])
        coarse = F.interpolate(coarse, size=size, mode="bilinear", align_corners=False) / small_ratio
        fine = self._any_size(left, right, stop)
        return torch.where(coarse > _REACHED * self.config.max_disp, coarse, fine)

    def _any_size(self, left: Tensor, right: Tensor, stop: EarlyStop | None) -> Tensor:
        padded, padding = pad_to_multiple(left)
        return padding.crop(self(padded, padding.apply(right), stop=stop))
