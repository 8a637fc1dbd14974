# SPDX-License-Identifier: Apache-2.0
"""The network once more, as the papers have it: nothing shared, nothing skipped, nothing rearranged.

It is what the fast network is tested against. It reads the fast network's weights by
their names and nothing else of it, so that it stays what it is whatever is done to the other.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from plain_context import context_levels
from plain_features import (
    Pyramid,
    fused_features,
    half_resolution_stem,
)
from plain_filtering import (
    filtered_volume,
    initial_disparity,
    reduced_volume,
)
from plain_layers import Weights, single
from plain_monocular import monocular_map
from plain_refinement import looked_up, lookup_rows, updated, upsampled
from plain_volume import cost_volume
from torch import Tensor, nn

from foundation_stereo_ros.nets.stereo import FoundationStereo
from foundation_stereo_ros.nets.stereo.foundation.config import MONOCULAR

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class PlainNetwork(nn.Module):
    """A FoundationStereo network run plainly, in evaluation mode.

    Args:
        model: whose configuration is used, and a copy of its weights as they are now: before
            `for_inference`, which folds some into others.
        lap: called with a stage's name when that stage has ended, to time it.
    """

    def __init__(self, model: FoundationStereo, lap: Callable[[str], None] | None = None) -> None:
        super().__init__()
        self.config = model.config
        self._weights = Weights({name: tensor.clone() for name, tensor in model.state_dict().items()})
        self._lap = lap or (lambda stage: None)

    def forward(
        self, left: Tensor, right: Tensor, iterations: int = 32, initial: Tensor | None = None
    ) -> Tensor:
        """Estimate as `FoundationStereo.forward` does.

        Args:
            left, right: B x 3 x H x W, RGB, 0 to 255; sides multiples of 32.
            iterations: refinements, 1 or more.
            initial: B x 1 x H/4 x W/4 quarter pixels in place of the classifier's, which is run all the same.

        Returns:
            B x 1 x H x W disparity in pixels.
        """
        w, config = self._weights, self.config
        left, right = _normalized(left, w), _normalized(right, w)
        self._lap("features")
        f_left, f_right = self._features(torch.cat((left, right)))
        stem = half_resolution_stem(w.at("image_stem"), left)
        self._lap("upsampling")
        volume = cost_volume(w.at("projection"), f_left.f4, f_right.f4, config.bins, config.groups)
        volume = reduced_volume(w.at("cost_stem"), volume)
        self._lap("cost_volume")
        volume = filtered_volume(w, volume, f_left, config)
        estimate = initial_disparity(w.at("classifier"), volume)
        disparity = single(estimate if initial is None else initial)
        self._lap("filtering")
        levels = context_levels(w.at("context"), left, f_left.mono, config.context_strides)
        self._lap("context")
        with torch.autocast(left.device.type, enabled=False):
            rows = lookup_rows(f_left.f4, f_right.f4, volume, config.lookup_levels)
        hidden, mask = [level.hidden for level in levels], stem
        for _ in range(iterations):
            disparity = disparity.detach()
            taps = looked_up(rows, disparity, config.lookup_radius)
            self._lap("lookup")
            hidden, increment, mask = updated(w.at("update_block"), hidden, levels, taps, disparity)
            disparity = disparity + single(increment)
            self._lap("gru")
        disparity = upsampled(w.at("upsampling"), disparity, mask, stem)
        self._lap("upsampling")
        return disparity

    def _features(self, images: Tensor) -> tuple[Pyramid, Pyramid]:
        w, mono = self._weights.at("features"), None
        if self.config.monocular is not None:
            mono = monocular_map(w.at("monocular"), images, MONOCULAR[self.config.monocular].taps)
            self._lap("monocular")
        both = fused_features(w, images, mono)
        halves = [(None, None) if x is None else x.chunk(2) for x in both]
        self._lap("features")
        left, right = (Pyramid(*(half[i] for half in halves)) for i in (0, 1))  # type: ignore[arg-type]
        return left, right


def _normalized(image: Tensor, w: Weights) -> Tensor:
    like = w["projection.weight"]
    mean = torch.tensor(_MEAN, dtype=torch.float32).view(3, 1, 1).to(like)
    std = torch.tensor(_STD, dtype=torch.float32).view(3, 1, 1).to(like)
    return (image.to(like.dtype) / 255 - mean) / std
