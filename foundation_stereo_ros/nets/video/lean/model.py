# SPDX-License-Identifier: Apache-2.0
"""A small network for posed video on CPUs: the parts of the lean stereo network over a plane sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.nets.parts.lean.features import LeanFeatures, LeanPyramid
from foundation_stereo_ros.nets.parts.lean.hourglass import (
    SHARPNESS,
    LeanHourglass,
    find_modes,
    mean_correlation,
)
from foundation_stereo_ros.nets.parts.lean.refinement import (
    ImageGuidedUpsampling,
    LeanOutput,
    Match,
    Refined,
    Refinement,
)
from foundation_stereo_ros.nets.parts.precision import at_least_float32
from foundation_stereo_ros.nets.video.interface import Motion, VideoNetwork, VideoOutput, check_image
from foundation_stereo_ros.nets.video.lean.config import LeanVideoConfig
from foundation_stereo_ros.nets.video.lean.sweep import (
    Descriptors,
    PlaneMatcher,
    Planes,
    Seen,
    View,
    as_channel,
    expected,
    group_sweep,
    seen_by_views,
    unit_groups,
)
from foundation_stereo_ros.nets.video.projection import reduced


class LeanFrame(NamedTuple):
    """An image as the network has it.

    Attributes:
        pyramid: features.
        descriptors: what is compared of it.
    """

    pyramid: LeanPyramid
    descriptors: Descriptors


class LeanVideoOutput(NamedTuple):
    """What the network found.

    Attributes:
        found: for the losses; its places are planes, the farthest of which is 0.
        depth: B x H x W, metres.
        memory: for the next frame.
    """

    found: LeanOutput
    depth: Tensor
    memory: Seen


class LeanVideo(VideoNetwork):
    """Depth of a frame from its image, some earlier ones, how the camera moved, and the last depth.

    The parts are those of `LeanStereo`, and so are the parameters' names: its weights are a good start. In
    place of disparities there are planes, in place of rows the views' pixels on them. One more channel of
    the cost volume shows the last depth where it would be in this view.

    Args:
        config: sizes; the weights are random until some are loaded.

    Attributes:
        config: the same.
    """

    memory_type = Seen
    tells_certainty = True

    def __init__(self, config: LeanVideoConfig | None = None) -> None:
        super().__init__()
        self.config = config or LeanVideoConfig()
        sizes = self.config
        self.features = LeanFeatures(sizes)
        self.descriptor = nn.Conv2d(sizes.matching_width, sizes.matching_width, 1)
        self.hourglass = LeanHourglass(sizes, sizes.groups + 1)
        self.refinement = Refinement(sizes)
        self.upsampling = ImageGuidedUpsampling(sizes.refinement_width)
        nearest, farthest = 1 / sizes.min_depth, 1 / sizes.max_depth
        self.planes = Planes(farthest, (nearest - farthest) / (sizes.planes - 1), sizes.planes)

    def encode(self, image: Float[Tensor, "b 3 h w"]) -> LeanFrame:
        """Return the features of images; those of a keyframe serve all later references.

        Args:
            image: red, green, blue, 0 to 255; H and W multiples of 32.

        Raises:
            ImageError: another size.
        """
        check_image(image)
        views = self._normalized(image)
        if not torch.is_grad_enabled():
            views = views.contiguous(memory_format=torch.channels_last)
        pyramid: LeanPyramid = self.features(views)
        quarter = unit_groups(self.descriptor(pyramid.quarter), self.config.groups)
        half = unit_groups(self.refinement.descriptor(pyramid.half), 1)
        return LeanFrame(pyramid, Descriptors(quarter, half))

    def kept(self, features: LeanFrame) -> Descriptors:
        """Return what has to be kept of an earlier frame."""
        return features.descriptors

    def forward(
        self,
        image: Float[Tensor, "b 3 h w"],
        features: LeanFrame,
        views: Sequence[View],
        intrinsics: Float[Tensor, "b 3 3"],
        previous: tuple[Seen, Motion] | None = None,
    ) -> LeanVideoOutput:
        """Predict, and return what the losses read as well; see `predict`."""
        own, planes, groups = features.descriptors, self.planes, self.config.groups
        quarter = reduced(intrinsics, 4)
        others = [(view.quarter, move) for view, move in views]
        volume = group_sweep(own.quarter, others, quarter, planes, groups)
        correlation = mean_correlation(volume)
        if previous is None:
            last = torch.zeros_like(volume[:, :1])
        else:
            memory, motion = previous
            last = as_channel(expected(memory, motion.from_previous, quarter, planes), planes.number)
        filtered = self.hourglass(torch.cat([volume, last], dim=1).to(image.dtype), features.pyramid)
        logits = torch.add(at_least_float32(filtered), correlation, alpha=SHARPNESS)
        modes = find_modes(logits)
        seen = seen_by_views(modes.place.detach().squeeze(1), views, quarter, planes)
        match = Match(modes.place, modes.second, modes.certainty, seen.unsqueeze(1))
        matcher = PlaneMatcher(own, views, intrinsics, planes)
        refined: Refined = self.refinement(match, features.pyramid, matcher)
        place: Tensor = self.upsampling(refined.sharpened, refined.features, self._normalized(image))
        found = LeanOutput(match.place, refined, [place], logits, correlation)
        depth = 1 / planes.inverse(place.squeeze(1) / 4)
        half = refined.sharpened.detach()[:, 0, ::2, ::2] / 2
        return LeanVideoOutput(found, depth, Seen(half, match.certainty.detach().squeeze(1)))

    def predict(
        self,
        image: Float[Tensor, "b 3 h w"],
        features: LeanFrame,
        views: Sequence[View],
        intrinsics: Float[Tensor, "b 3 3"],
        previous: tuple[Seen, Motion] | None = None,
    ) -> VideoOutput:
        """Predict the depth of a frame; see `VideoNetwork`."""
        output: LeanVideoOutput = self(image, features, views, intrinsics, previous)
        return VideoOutput((output.depth,), output.memory, output.memory.certainty)

    def _normalized(self, image: Tensor) -> Tensor:
        return (image.to(self.descriptor.weight.dtype) - 127.5) / 64
