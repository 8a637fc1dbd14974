# SPDX-License-Identifier: Apache-2.0
"""DeepVideoMVS as in the paper's figure 2: features, plane sweep, encoder, memory, decoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from foundation_stereo_ros.nets.parts import imagenet
from foundation_stereo_ros.nets.parts.precision import at_least_float32
from foundation_stereo_ros.nets.video.depth_range import inverse_depths
from foundation_stereo_ros.nets.video.interface import (
    MULTIPLE,
    Motion,
    VideoNetwork,
    VideoOutput,
    check_image,
)
from foundation_stereo_ros.nets.video.mvs.config import VideoConfig
from foundation_stereo_ros.nets.video.mvs.encoder import CostVolumeEncoder, DepthDecoder
from foundation_stereo_ros.nets.video.mvs.features import FeatureExtractor, FeaturePyramid, VideoPyramid
from foundation_stereo_ros.nets.video.mvs.memory import LSTMFusion, Memory, depth_hypothesis, warp_hidden
from foundation_stereo_ros.nets.video.mvs.sweep import plane_sweep
from foundation_stereo_ros.nets.video.projection import reduced


class DeepVideoMVS(VideoNetwork):
    """Depth of a keyframe from its image, some earlier keyframes, and how the camera moved.

    Args:
        config: sizes.

    Attributes:
        config: the same.
    """

    memory_type = Memory

    def __init__(self, config: VideoConfig | None = None) -> None:
        super().__init__()
        self.config = config or VideoConfig()
        self.feature_extractor = FeatureExtractor(self.config)
        self.feature_pyramid = FeaturePyramid(self.config)
        self.encoder = CostVolumeEncoder(self.config)
        self.lstm_fusion = LSTMFusion(self.config) if self.config.recurrent else None
        self.decoder = DepthDecoder(self.config)
        for name, values in (("mean", imagenet.MEAN), ("std", imagenet.STD)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)
        config = self.config
        planes = inverse_depths(config.planes, config.min_depth, config.max_depth)
        self.register_buffer("inverse_depth", planes, persistent=False)

    mean: Tensor
    std: Tensor
    inverse_depth: Tensor

    def encode(self, image: Float[Tensor, "b 3 h w"]) -> VideoPyramid:
        """Return the features of images; those of a keyframe serve all later references.

        Args:
            image: red, green, blue, 0 to 255; H and W multiples of 32.

        Raises:
            ImageError: another size.
        """
        check_image(image)
        maps = self.feature_extractor(self._normalised(image))
        found: VideoPyramid = self.feature_pyramid(maps)
        return found

    def kept(self, features: VideoPyramid) -> Float[Tensor, "b c h/2 w/2"]:
        """Return the features that `sweep` compares: all that has to be kept of an earlier keyframe."""
        return features.half

    def sweep(
        self,
        features: VideoPyramid,
        views: Sequence[tuple[Tensor, Tensor]],
        intrinsics: Float[Tensor, "b 3 3"],
    ) -> Float[Tensor, "b p h/2 w/2"]:
        """Return the volume of a reference view.

        Args:
            features: of the reference.
            views: `kept` features of earlier keyframes, each with the motion (B x 4 x 4) that takes points
                from the reference camera to that keyframe's.
            intrinsics: of the image.
        """
        small = reduced(intrinsics, 2)
        return plane_sweep(self.kept(features), views, small, self.inverse_depth)

    def hidden_state(
        self,
        memory: Memory,
        motion: Motion,
        intrinsics: Float[Tensor, "b 3 3"],
        hypothesis: Float[Tensor, "b h/32 w/32"] | None = None,
    ) -> Float[Tensor, "b c h/32 w/32"]:
        """Return a memory's hidden state as the reference view would have it.

        Args:
            memory: of the previous prediction.
            motion: between the previous prediction's camera and the reference's.
            intrinsics: of the image.
            hypothesis: depth of the reference view, metres, 0 where unknown, in place of what the memory
                shows; as in training.
        """
        if hypothesis is None:
            # Every 16th pixel, without pooling: as published.
            hypothesis = depth_hypothesis(memory.depth, motion.from_previous, intrinsics)[:, ::16, ::16]
        return warp_hidden(memory.hidden, hypothesis, motion.to_previous, reduced(intrinsics, MULTIPLE))

    def forward(
        self,
        image: Float[Tensor, "b 3 h w"],
        features: VideoPyramid,
        volume: Float[Tensor, "b p h/2 w/2"],
        memory: Memory | None = None,
        hidden: Float[Tensor, "b c h/32 w/32"] | None = None,
    ) -> VideoOutput:
        """Predict the depth of the reference view.

        Args:
            image: of the reference, as for `features`.
            features: of the same image.
            volume: of `sweep`.
            memory: of the previous prediction; None at the start.
            hidden: of `hidden_state`; with a memory.

        Raises:
            ImageError: a size that is no multiple of 32.
        """
        check_image(image)
        skips, bottom = self.encoder(features, volume)
        cell = None
        if self.lstm_fusion is not None:
            bottom, cell = self.lstm_fusion(bottom, memory, hidden)
        sigmoids = self.decoder(self._normalised(image), bottom, skips)
        depths = tuple(self._depth(sigmoid) for sigmoid in sigmoids)
        return VideoOutput(depths, None if cell is None else Memory(bottom, cell, depths[0]))

    def predict(
        self,
        image: Float[Tensor, "b 3 h w"],
        features: VideoPyramid,
        views: Sequence[tuple[Tensor, Tensor]],
        intrinsics: Float[Tensor, "b 3 3"],
        previous: tuple[Memory, Motion] | None = None,
    ) -> VideoOutput:
        """Predict the depth of a frame: `sweep`, `hidden_state` and `forward` in one."""
        volume = self.sweep(features, views, intrinsics)
        memory = hidden = None
        if previous is not None:
            memory, motion = previous
            hidden = self.hidden_state(memory, motion, intrinsics)
        output: VideoOutput = self(image, features, volume, memory, hidden)
        return output

    def _normalised(self, image: Tensor) -> Tensor:
        return (image / 255 - self.mean) / self.std

    def _depth(self, sigmoid: Tensor) -> Tensor:
        near, far = 1 / self.config.min_depth, 1 / self.config.max_depth
        depth: Tensor = 1 / ((near - far) * at_least_float32(sigmoid).squeeze(1) + far)
        return depth
